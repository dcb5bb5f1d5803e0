"""A device gone wrong: it publishes as fast as its connection takes it. Pure."""

from simulators.fleet.device import Device
from simulators.fleet.options import FloodKind
from simulators.fleet.records import Bin, Dice

KEEP = 20_000  # records that it holds at most while nobody acknowledges: then the oldest go


class FloodDevice(Device):
    """`valid`: new records without end; `duplicates`: its first message for ever; `garbage`: no JSON."""

    __slots__ = ("_dice", "_first_body", "kind")

    def __init__(self, id_: str, log: str, kind: FloodKind, per_message: int, window: int, seed: int) -> None:
        super().__init__(id_, log, Bin(seed), per_message, window, 0)
        self.kind = kind
        self._dice = Dice(seed + 1)
        self._first_body: bytes | None = None

    def message(self, now_s: float, now_ms: int) -> bytes | None:
        if self.flying >= self.window:
            return None
        if self.kind == "garbage":
            self.flying += 1
            return b'{"v":1,"log":%d,"recs":[' % self._dice.roll() + b"?" * (self._dice.roll() % 200)
        if self.kind == "duplicates" and self._first_body is not None:
            self.flying += 1
            return self._first_body
        body = super().message(now_s, now_ms)
        if self._first_body is None:
            self._first_body = body
        return body

    def wants_records(self) -> bool:
        """Whether it needs new records now to go on flooding."""
        return self.unsent() == 0 and (
            self.kind == "valid" or (self.kind == "duplicates" and self._first_body is None)
        )

    def forget(self) -> tuple[int, int] | None:
        """It holds no more than KEEP records: the range that had to go, if any."""
        return self.lose(len(self.held) - KEEP // 2) if len(self.held) > KEEP else None
