"""What goes wrong on purpose on the way from a device to its connection."""

import random
from typing import NamedTuple, Protocol

from simulators.fleet.counts import Told
from simulators.fleet.device import Device
from simulators.fleet.flood import FloodDevice
from simulators.fleet.options import Options

GARBAGE = (b"", b"\x00\xff", b"{", b"[]", b"null", b'{"v":1}', b'{"v":2,"recs":[]}', b"\xc3\x28")


class Losses(Protocol):
    """Where records that are gone from flash are written down."""

    def lost(self, device: Device, log: str, first: int, last: int) -> None: ...

    def new_log(self, device: Device) -> str:
        """The id of the device's next log."""


class Parcel(NamedTuple):
    """A payload to publish. `owner`: whose window it occupies; None: nobody's."""

    topic: bytes
    payload: bytes
    owner: Device | None


class Mischief:
    """Applies `options.faults` to a link's messages. A function of seed and client name."""

    def __init__(self, options: Options, client: str, told: Told, losses: Losses) -> None:
        self._faults = options.faults
        self._on = options.faults.any()
        self._random = random.Random(f"{options.seed}/{client}")
        self._told = told
        self._losses = losses
        self._held_back: list[Parcel] = []

    def reconnected(self) -> None:
        """What was held back is not sent: its device sends it again."""
        self._held_back = []

    def late(self) -> list[Parcel]:
        """What was held back and found nothing to change places with."""
        late, self._held_back = self._held_back, []
        return late

    def send(self, device: Device, body: bytes, now_s: float) -> list[Parcel]:
        """What goes out now instead of a message."""
        parcel = Parcel(device.topic, body, device)
        if not self._on or isinstance(device, FloodDevice):
            return [parcel]
        faults, chance = self._faults, self._random.random
        if not self._held_back and chance() < faults.reorder:
            self._held_back = [parcel]
            return []
        out = [parcel, *self.late()]
        if chance() < faults.duplicate:
            self._told.duplicates += 1
            out.append(Parcel(device.topic, body, None))
        if chance() < faults.garbage:
            self._told.garbage += 1
            out.append(Parcel(device.topic, self._random.choice(GARBAGE), None))
        if chance() < faults.resend:
            self._told.rewinds += 1
            device.rewind(now_s)
        if chance() < faults.lose:
            self._lose(device, device.log, device.lose(1 + self._random.randrange(2 * device.per_message)))
        if chance() < faults.new_log:
            log = device.log
            self._lose(device, log, device.open_log(self._losses.new_log(device)))
        return out

    def _lose(self, device: Device, log: str, lost: tuple[int, int] | None) -> None:
        if lost:
            self._losses.lost(device, log, *lost)
