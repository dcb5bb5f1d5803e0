"""The stations that are polled over Modbus: a thread each, and the way of their records into the inbox."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from gateway.contract import MAX_MESSAGE_BYTES, topic
from gateway.intake.committer import Parcel
from gateway.intake.decide import Incoming
from gateway.intake.inbox import Inbox
from gateway.journal.bodies import compose
from gateway.modbus.config import StationConfig
from gateway.modbus.station import HighWaterMark, Station

SUBMIT_S = 60.0  # a station waits this long for the journal, then asks its indicator again


class SubmitError(Exception):
    """Records of a station were not journaled; it has to submit them again. `code` is stable."""

    code = "not-journaled"


class Ticket(Struct, frozen=True):
    """What a station waits on instead of a PUBACK."""

    done: threading.Event


class _Polled:
    """One station and its thread."""

    def __init__(self, config: StationConfig, station: Station) -> None:
        self.config = config
        self.station = station
        self.stop = threading.Event()
        self.thread = threading.Thread(
            target=station.run, args=(self.stop,), name=f"station {station.device}", daemon=True
        )


class Stations:
    """All stations of a configuration. `use`, `tend`, `stop` and `facts` from one thread."""

    def __init__(self, inbox: Inbox[Parcel], hwm: HighWaterMark, now_ms: Callable[[], int]) -> None:
        self._inbox = inbox
        self._hwm = hwm
        self._now_ms = now_ms
        self._wanted: dict[str, StationConfig] = {}
        self._polled: dict[str, _Polled] = {}
        self.devices: frozenset[str] = frozenset()  # ids; read by any thread

    def use(self, configs: Sequence[StationConfig]) -> None:
        """Poll these: those that are as before go on undisturbed, others are stopped or started."""
        self._wanted = {config.device: config for config in configs}
        self.devices = frozenset(self._wanted)
        self.tend()

    def tend(self) -> None:
        """Start what is wanted and does not run yet. One that is to end is waited for, not here: its line may
        take some seconds to fall silent, and two of one name must not talk to one indicator."""
        for name, one in self._polled.items():
            if self._wanted.get(name) != one.config:
                one.stop.set()
        self._polled = {
            name: one for name, one in self._polled.items() if not one.stop.is_set() or one.thread.is_alive()
        }
        for name, config in self._wanted.items():
            if name not in self._polled:
                station = Station(config, self._hwm, self.submit, self._now_ms)
                self._polled[name] = _Polled(config, station)
                self._polled[name].thread.start()

    def stop(self, deadline_s: float) -> None:
        """Stop them all; returns by the deadline, whether their lines are silent or not."""
        for one in self._polled.values():
            one.stop.set()
        end_s = time.monotonic() + deadline_s
        for one in self._polled.values():
            one.thread.join(max(0.0, end_s - time.monotonic()))

    def facts(self) -> dict[str, Any]:
        """The state of each by its device."""
        return {name: asdict(one.station.state) for name, one in self._polled.items()}

    def submit(self, device: str, log: str, records: list[bytes], first: int) -> None:
        """Journal a station's records; returns when they are on disk. Raises SubmitError when they are not.

        `first`: the oldest record that the station still holds.
        """
        end_s = time.monotonic() + SUBMIT_S
        for body in bodies(log, records, first, self._now_ms()):
            ticket = Ticket(threading.Event())
            message = Incoming(topic(device, "up/records"), body, len(body), self._now_ms())
            if not self._inbox.put(Parcel(message, ticket, 0, len(body)), end_s - time.monotonic()):
                raise SubmitError(f"records of {device}: intake is stopping, or its queue stays full")
            if not ticket.done.wait(end_s - time.monotonic()):
                raise SubmitError(
                    f"records of {device}: not on disk after {SUBMIT_S:g} s; see the journal's state"
                )


def settle(parcels: Sequence[Parcel]) -> None:
    """These are on disk: let go of the stations that wait for it."""
    for parcel in parcels:
        if isinstance(parcel.source, Ticket):
            parcel.source.done.set()


def bodies(log: str, records: Sequence[bytes], first: int, sent_ms: int) -> Iterator[bytes]:
    """Messages of a size that the contract allows."""
    part: list[bytes] = []
    size = 0
    for record in records:
        if part and size + len(record) > MAX_MESSAGE_BYTES - 128:
            yield compose(log, first, sent_ms, part)
            part, size = [], 0
        part.append(record)
        size += len(record) + 1
    if part:
        yield compose(log, first, sent_ms, part)
