"""The intake process: wires sources, commit thread and journal, and watches that data keeps moving."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import asdict

from gateway.config import Config
from gateway.contract import MAX_MESSAGE_BYTES, topic
from gateway.devices import Devices
from gateway.intake.committer import Committer, Parcel
from gateway.intake.decide import Decider, Incoming
from gateway.intake.inbox import Inbox
from gateway.intake.session import MqttSession
from gateway.journal import Appended, JournalReader, SqliteJournal
from gateway.journal.bodies import compose
from gateway.modbus.station import Station
from gateway.processes import Facts, ProcessError, Say

_log = logging.getLogger(__name__)

LOOK_S = 0.25
STALL_S = 30.0  # messages wait and none is committed: something is stuck
DRAIN_S = 2.5
SUBMIT_S = 60.0  # a station waits this long for the journal, then asks its indicator again


class SubmitError(Exception):
    """Records of a station were not journaled; it has to submit them again. `code` is stable."""

    code = "not-journaled"


class _Ticket(Struct, frozen=True):
    """What a station waits on instead of a PUBACK."""

    done: threading.Event


class Intake:
    """All of intake but the process around it. `start`, then `stop` from the same thread."""

    def __init__(self, config: Config) -> None:
        self._journal = SqliteJournal(config.store.path)
        self._reader = JournalReader(config.store.path)
        self._devices = Devices(config.devices.file)
        self._inbox: Inbox[Parcel] = Inbox()
        self._session = MqttSession(config.mqtt, self._inbox)
        self._committer = Committer(self._inbox, self._journal, Decider(self._devices.get), self._settle)
        self._stations = [Station(one, self._reader.hwm, self.submit, _now_ms) for one in config.stations]
        self._polled = frozenset(station.device for station in self._stations)
        self._stations_stop = threading.Event()
        self._station_threads = [
            threading.Thread(
                target=station.run, args=(self._stations_stop,), name=f"station {station.device}", daemon=True
            )
            for station in self._stations
        ]

    def start(self) -> None:
        """Begin to receive."""
        self._committer.start()
        self._session.start()
        for thread in self._station_threads:
            thread.start()

    def stop(self) -> None:
        """Take nothing more in, commit and acknowledge what is queued, let go of everything."""
        self._stations_stop.set()
        self._inbox.close()
        self._committer.join(DRAIN_S)
        if self._committer.is_alive():
            _log.warning("%d messages not committed in time: they will be sent again", len(self._inbox))
            self._committer.abandon()
            self._committer.join(1)
        self._session.stop()
        for thread in self._station_threads:
            thread.join(1)
        self._reader.close()
        if not self._committer.is_alive():
            self._journal.close()

    def submit(self, device: str, log: str, records: list[bytes], first: int) -> None:
        """Journal a station's records; returns when they are on disk. Raises SubmitError when they are not.

        `first`: the oldest record that the station still holds.
        """
        for body in _bodies(log, records, first):
            ticket = _Ticket(threading.Event())
            message = Incoming(topic(device, "up/records"), body, len(body), _now_ms())
            if not self._inbox.put(Parcel(message, ticket)):
                raise SubmitError(f"records of {device}: intake is stopping")
            if not ticket.done.wait(SUBMIT_S):
                raise SubmitError(
                    f"records of {device}: not on disk after {SUBMIT_S:g} s; see the journal's state"
                )

    def look(self) -> Facts:
        """What to say of intake now.

        Takes in a changed devices file on the way. Raises ProcessError when a part has died.
        """
        self._devices.refresh()
        for name, alive in (("commit", self._committer.is_alive()), ("MQTT", self._session.alive())):
            if not alive:
                raise ProcessError("thread-died", f"the {name} thread has ended; intake starts anew")
        stalled_s = self._committer.stalled_s()
        state = self._session.state
        if self._committer.problem:
            state = self._committer.problem
        elif stalled_s > STALL_S:
            state = f"stalled: {len(self._inbox)} messages wait, none committed for {stalled_s:.0f} s"
            _log.error("[intake-stalled] %s", state)
        return {
            "state": state,
            "queue": len(self._inbox),
            "queue_bytes": self._inbox.held_bytes,
            "committed_messages": self._committer.committed,
            "stalled_s": round(stalled_s, 1),
            "devices": len(self._devices),
            "stations": {station.device: asdict(station.state) for station in self._stations},
        }

    def _settle(self, parcels: Sequence[Parcel], appended: Appended) -> None:
        for parcel in parcels:
            if isinstance(parcel.receipt, _Ticket):
                parcel.receipt.done.set()
        for key in [key for key in appended.acks if key[0] in self._polled]:
            del appended.acks[key]  # an indicator has no topic to be told on
        self._session.settle(parcels, appended)


def run(config: Config, stop: threading.Event, say: Say) -> None:
    """The process body."""
    intake = Intake(config)
    intake.start()
    try:
        while not stop.wait(LOOK_S):
            say(intake.look())
    finally:
        intake.stop()


def _bodies(log_id: str, records: list[bytes], first: int) -> Iterator[bytes]:
    """Messages of a size that the contract allows."""
    part: list[bytes] = []
    size = 0
    for record in records:
        if part and size + len(record) > MAX_MESSAGE_BYTES - 128:
            yield compose(log_id, first, _now_ms(), part)
            part, size = [], 0
        part.append(record)
        size += len(record) + 1
    if part:
        yield compose(log_id, first, _now_ms(), part)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
