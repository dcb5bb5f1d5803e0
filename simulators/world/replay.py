"""A truck whose receiver plays back a recorded NMEA log: every byte as recorded, line ends and mistakes
included.

Lines that start with `#` are comments and are left out. A log is cut into epochs, each the sentences about
one instant: a new one begins where the time field of RMC, GGA, GNS, GLL or ZDA changes, or, while there is
no time, where one of the types that come once an epoch comes again. Epochs follow each other as the log's
own times do; where those stand still, run back or leap over a minute (a cut in the recording), after one
second.
"""

from dataclasses import dataclass
from itertools import pairwise

from simulators.scene import UartBytes
from simulators.world.kernel import Truth
from simulators.world.truck_parts import TruckParts, TruckSpec

_TIMED = {b"RMC": 1, b"GGA": 1, b"GNS": 1, b"GLL": 5, b"ZDA": 1}
"""Types that carry the time of day, and in which field."""
_ONCE = {*_TIMED, b"VTG", b"GST", b"DTM"}
_SECOND_MS = 1000
_LEAP_MS = 60_000
_DAY_MS = 86_400_000
_FIRST_MS = 1_000
_LINE_SHARE = 0.8
"""An epoch's lines are spread over so much of the time until the next epoch, at most."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """The lines about one instant; `tod_ms` is its time of day, None when no sentence tells it."""

    lines: tuple[bytes, ...]
    tod_ms: int | None


def epochs(log: bytes) -> list[Epoch]:
    """Cut a log into epochs. Joined again, their lines are the log without its comments."""
    found: list[Epoch] = []
    lines: list[bytes] = []
    seen: set[bytes] = set()
    tod_ms: int | None = None
    for line in log.splitlines(keepends=True):
        if line.startswith(b"#"):
            continue
        kind, time_ms = _kind(line)
        changed = time_ms is not None and tod_ms is not None and time_ms != tod_ms
        again = kind in seen and (tod_ms is None or time_ms is None)
        if lines and (changed or again):
            found.append(Epoch(tuple(lines), tod_ms))
            lines, seen, tod_ms = [], set(), None
        lines.append(line)
        tod_ms = time_ms if tod_ms is None else tod_ms
        if kind in _ONCE:
            seen.add(kind)
    return [*found, Epoch(tuple(lines), tod_ms)] if lines else found


def _kind(line: bytes) -> tuple[bytes, int | None]:
    """A sentence's type (`GGA`; empty for what is none) and its time of day in ms, if it tells one."""
    fields = line.strip().partition(b"*")[0].split(b",")
    if not fields[0].startswith(b"$") or len(fields[0]) != 6:
        return b"", None
    kind = fields[0][3:]
    place = _TIMED.get(kind)
    if place is None or len(fields) <= place:
        return kind, None
    text = fields[place]
    if len(text) < 6 or not text[:6].isdigit():
        return kind, None
    fraction = (text[7:10] + b"000")[:3]
    if not fraction.isdigit():
        return kind, None
    hours, minutes, seconds = int(text[:2]), int(text[2:4]), int(text[4:6])
    return kind, ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(fraction)


def gaps_ms(log: list[Epoch]) -> list[int]:
    """How long after each epoch the next one comes; a second after the last."""
    gaps = []
    for this, following in pairwise(log):
        gap = _SECOND_MS
        if this.tod_ms is not None and following.tod_ms is not None:
            ahead = (following.tod_ms - this.tod_ms) % _DAY_MS
            gap = ahead if 0 < ahead <= _LEAP_MS else _SECOND_MS
        gaps.append(gap)
    return [*gaps, _SECOND_MS][: len(log)]


class NmeaReplayScene(TruckParts):
    """A truck that stands still, but for what its receiver says. `end_ms` is when the log has been played."""

    def __init__(
        self, spec: TruckSpec, log: bytes, seed: int | str, start_ms: int, truth: Truth | None = None
    ) -> None:
        super().__init__(spec, 0, seed, start_ms, truth)
        self._uart: int = self.board["gnss"]["uart"]
        self._baud: int = self.board["gnss"]["baud"]
        self._epochs = epochs(log)
        self._gaps = gaps_ms(self._epochs)
        self.end_ms = start_ms + _FIRST_MS + sum(self._gaps)
        self.after(_FIRST_MS, "epoch", 0)

    def on_epoch(self, number: int) -> None:
        """One epoch's lines go out, each complete when its last byte is through."""
        if number >= len(self._epochs):
            return
        lines, gap = self._epochs[number].lines, self._gaps[number]
        size = sum(len(line) for line in lines)
        # Ten bits a byte; a log from a faster line than this board's is played at the speed it needs.
        whole_ms = min(size * 10_000 / self._baud, gap * _LINE_SHARE)
        sent = 0
        for k, line in enumerate(lines):
            sent += len(line)
            self.after(whole_ms * sent / size, "line", number, k)
        self.after(gap, "epoch", number + 1)

    def on_line(self, number: int, line: int) -> None:
        """A line has arrived."""
        self.emit(UartBytes(self._uart, self._epochs[number].lines[line]))
