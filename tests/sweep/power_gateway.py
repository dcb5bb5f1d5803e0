"""The gateway's real intake and journal behind a broker of the power sweep: in process, in virtual time.

It also gives commands and settings, which make the unit write to its state and settings partitions: each
command may end in one way only, and a revision is in force in the end unless it was rolled back.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from gateway import contract
from gateway.checks import DEFAULTS
from gateway.contract_signed import encode_command, encode_desired
from gateway.devices import Bay, Device
from gateway.intake.decide import Decider, Incoming
from gateway.intake.gaps import Requests
from gateway.journal import JournalReader, SqliteJournal
from gateway.journal.verify import verify
from simulators.sweep.power.broker import Message

LOOK_MS = 5_000  # between two looks for what is missing: `gateway.intake.service.GAPS_S`
RESTART_EVERY = 60  # messages: then the process is killed and starts again from its store
DOUBLED = ("session-twice", "seq-conflict")
COMMAND_EVERY_MS = 240_000
COMMANDS = (
    ("locate", {"s": 1}),
    ("zero", {"bay": 1}),
    ("lock", {"bay": 1}),
    ("log-level", {"level": "info"}),
)
REVISION_EVERY_MS = 1_200_000
ENDS = ("done", "failed", "expired")


class RealGateway:
    """Decides, commits, and only then acknowledges. See `simulators.sweep.power.round.Store`."""

    def __init__(self, settings: dict[str, Any], store: Path) -> None:
        bays = tuple(Bay(bay=bay["bay"], category=bay["category"]) for bay in settings.get("bays", []))
        self._device = Device(id=settings["device"], unit=settings["unit"], bays=bays)
        self._key = bytes.fromhex(settings["key"])
        self._interval = "wake_s" if settings["unit"] == "bin" else "reading_s"
        self._store = store
        self._command: tuple[int, bytes] = (0, b"")
        self._commands = 0
        self._revision = 0
        self._revised_ms = 0
        self._rev = 0  # as the unit said last
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
        if topic.endswith("up/state"):
            self._rev = json.loads(payload).get("rev", 0)
        arrival = self._decider.decide(Incoming(topic, payload, len(payload), now_ms))
        return [_ack(device, log, seq) for (device, log), seq in self._journal.append([arrival]).acks.items()]

    def look(self, now_ms: int) -> list[Message]:
        """What is missing is asked for; orders are given, and given again."""
        if now_ms - self._looked_ms < LOOK_MS:
            return []
        self._looked_ms = now_ms
        due = self._requests.due(self._reader.gaps(), now_ms / 1000)
        return [_ack(device, log, seq) for (device, log), seq in due.items()] + self._orders(now_ms)

    def _orders(self, now_ms: int) -> list[Message]:
        """A command, again until the next one; the newest settings, while the unit reports older ones."""
        device = self._device.id
        if now_ms - self._command[0] >= COMMAND_EVERY_MS:
            name, args = COMMANDS[self._commands % len(COMMANDS)]
            self._commands += 1
            expires_ms = now_ms + 2 * COMMAND_EVERY_MS
            body = encode_command(device, self._key, f"c-{self._commands}", name, dict(args), expires_ms)
            self._command = (now_ms, body)
        if now_ms - self._revised_ms >= REVISION_EVERY_MS:
            self._revised_ms = now_ms
            self._revision += 1
        orders = [(contract.topic(device, "down/commands"), self._command[1])]
        if self._rev < self._revision:
            config = {self._interval: 600 + self._revision}
            body = encode_desired(device, self._key, self._revision, config)
            orders.append((contract.topic(device, "down/desired"), body))
        return orders

    def _replies(self) -> list[dict[str, Any]]:
        return [json.loads(reply.body) for _, reply in self._reader.replies(0, 100_000)]

    def told(self) -> dict[str, int]:
        """Replies by state and code."""
        counts = Counter(" ".join((one["state"], one.get("code", ""))).strip() for one in self._replies())
        return {**counts, "revisions": self._revision, "revision in force": self._rev}

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
        ends: dict[str, set[tuple[str, str]]] = {}
        for one in self._replies():
            if one["state"] in ENDS:
                ends.setdefault(one["id"], set()).add((one["state"], one.get("code", "")))
        found += [f"command {id_} ended as {sorted(ways)}" for id_, ways in ends.items() if len(ways) > 1]
        return found + [f"{record.codes} {log}/{record.seq}: {record.raw!r}" for log, record in doubled]

    def close(self) -> None:
        """As a kill: what is committed is there."""
        self._reader.close()
        self._journal.close()


def _ack(device: str, log: str, seq: int) -> Message:
    return contract.topic(device, "down/ack"), contract.encode_ack(log, seq)
