"""The gateway's real intake and journal behind a broker of the power sweep: in process, in virtual time."""

from pathlib import Path

from gateway import contract
from gateway.checks import DEFAULTS
from gateway.devices import Bay, Device
from gateway.intake.decide import Decider, Incoming
from gateway.intake.gaps import Requests
from gateway.journal import JournalReader, SqliteJournal
from gateway.journal.verify import verify
from simulators.sweep.power.broker import Message

LOOK_MS = 5_000  # between two looks for what is missing: `gateway.intake.service.GAPS_S`
RESTART_EVERY = 60  # messages: then the process is killed and starts again from its store
DOUBLED = ("session-twice", "seq-conflict")


class RealGateway:
    """Decides, commits, and only then acknowledges. See `simulators.sweep.power.round.Store`."""

    def __init__(self, device: str, bays: list[tuple[int, str]], store: Path) -> None:
        self._device = Device(
            id=device, unit="bin", bays=tuple(Bay(bay=bay, category=category) for bay, category in bays)
        )
        self._store = store
        self._taken = 0
        self._looked_ms = 0
        self._open()

    def _open(self) -> None:
        self._journal = SqliteJournal(self._store)
        self._reader = JournalReader(self._store)
        self._decider = Decider({self._device.id: self._device}.get, self._reader.before, DEFAULTS)
        self._requests = Requests()

    def take(self, now_ms: int, topic: str, payload: bytes) -> list[Message]:
        """A message: durable when this returns, with the acknowledgement that it earns."""
        self._taken += 1
        if self._taken % RESTART_EVERY == 0:
            self.close()
            self._open()
        arrival = self._decider.decide(Incoming(topic, payload, len(payload), now_ms))
        return [_ack(device, log, seq) for (device, log), seq in self._journal.append([arrival]).acks.items()]

    def look(self, now_ms: int) -> list[Message]:
        """What is missing is asked for."""
        if now_ms - self._looked_ms < LOOK_MS:
            return []
        self._looked_ms = now_ms
        due = self._requests.due(self._reader.gaps(), now_ms / 1000)
        return [_ack(device, log, seq) for (device, log), seq in due.items()]

    def stored(self) -> list[tuple[str, int, bytes]]:
        """Every record of the journal."""
        rows = self._reader.read(0, 1_000_000)
        return [(row.log, record.seq, record.raw) for row in rows for record in row.records()]

    def lost(self) -> list[tuple[str, int, int]]:
        """What the device declared lost."""
        return [(loss.log, loss.first, loss.last) for loss in self._reader.losses(limit=100_000)]

    def wrong(self) -> list[str]:
        """What the verifier finds, sums that do not add up, records that came under two names."""
        found = [f"{one.code} {one.where}: {one.detail}" for one in verify(self._journal.path).findings]
        counters = self._reader.counters()
        if counters.received != sum(counters.outcomes.values()):
            found.append(f"{counters.received} received, {sum(counters.outcomes.values())} outcomes")
        rows = self._reader.read(0, 1_000_000)
        records = ((row.log, record) for row in rows for record in row.records())
        doubled = (one for one in records if set(one[1].codes) & set(DOUBLED))
        return found + [f"{record.codes} {log}/{record.seq}: {record.raw!r}" for log, record in doubled]

    def close(self) -> None:
        """As a kill: what is committed is there."""
        self._reader.close()
        self._journal.close()


def _ack(device: str, log: str, seq: int) -> Message:
    return contract.topic(device, "down/ack"), contract.encode_ack(log, seq)
