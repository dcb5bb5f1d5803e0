"""A satellite receiver on a truck: position in, NMEA 0183 sentences out (RMC and GGA each second, GSA and
VTG now and then).

Errors are those of a plain receiver between houses: a few metres that wander slowly, short losses of the
fix, very rarely a fix that is far off, and after power-on half a minute without a position, at first
without a time.
"""

from datetime import UTC, datetime
from typing import ClassVar

from simulators.scene import UartBytes
from simulators.world.geometry import to_degrees
from simulators.world.kernel import Kernel, Part
from simulators.world.motion import Place

EPOCH_MS = 1000
LATENCY_MS = 280
"""From a fix's own time to the end of its sentences on the line."""
_WANDER_S = 60.0
_WANDER_M = 2.2
_JITTER_M = 0.35
_LOSS_PER_S = 1 / 1500
_JUMP_PER_S = 1 / 30_000
_KNOT = 0.514444


def sentence(body: str) -> bytes:
    """A body between its `$` and its checksum, CR LF after it."""
    check = 0
    for byte in body.encode():
        check ^= byte
    return f"${body}*{check:02X}\r\n".encode()


def degrees_minutes(degrees: float, whole: int, letters: str) -> str:
    """`ddmm.mmmmm,N`: `whole` digits of degrees, minutes to 1e-5 (2 cm)."""
    units = round(abs(degrees) * 60 * 100_000)
    d, m = divmod(units, 60 * 100_000)
    return f"{d:0{whole}d}{m // 100_000:02d}.{m % 100_000:05d},{letters[degrees < 0]}"


class Gnss(Part):
    """The receiver's state and its line."""

    LASTING: ClassVar = ("on_since", "error", "lost_until", "count", "sats")
    FAULTS: ClassVar = {
        "silent": lambda _gnss, _data: b"",
        "no-fix": lambda _gnss, data: data,
        "garbled": lambda gnss, data: bytes(b ^ (gnss.rng("garbage").random() < 0.01) for b in data),
    }

    def __init__(self, world: Kernel, name: str, uart: int) -> None:
        super().__init__(world, name)
        self._uart = uart
        self.on_since = world.now
        self.error = [0.0, 0.0]
        self.lost_until = world.now + int(self.rng("cold start").uniform(24_000, 40_000))
        self.count = 0
        self.sats = 10

    def epoch(self, place: Place, t_ms: int) -> None:
        """One second's sentences about the instant `t_ms`, sent now."""
        rng = self.rng("errors")
        keep = 1 - 1 / _WANDER_S
        for axis in (0, 1):
            self.error[axis] = self.error[axis] * keep + rng.normalvariate(
                0, _WANDER_M * (2 / _WANDER_S) ** 0.5
            )
        if self.world.now > self.lost_until and rng.random() < _LOSS_PER_S:
            self.lost_until = self.world.now + int(rng.uniform(4_000, 35_000))
            self.world.record("gnss", state="lost", for_ms=self.lost_until - self.world.now)
        if rng.random() < 0.05:
            self.sats = min(max(self.sats + rng.choice([-1, 1]), 6), 15)
        self.count += 1
        fixed = self.world.now >= self.lost_until and self.fault != "no-fix"
        data = self._fix(place, t_ms) if fixed else self._no_fix(t_ms)
        data = self.broken(data)
        if data:
            self.world.emit(UartBytes(self._uart, data))

    def _no_fix(self, t_ms: int) -> bytes:
        clock = date = ""
        if t_ms - self.on_since > 9_000:  # the time comes before the place
            clock, date = _clock(t_ms)
        return sentence(f"GNRMC,{clock},V,,,,,,,{date},,,N,V") + sentence(
            f"GNGGA,{clock},,,,,0,00,99.99,,,,,,"
        )

    def _fix(self, place: Place, t_ms: int) -> bytes:
        rng = self.rng("errors")
        jitter = [rng.normalvariate(0, _JITTER_M) for _ in range(2)]
        east, north = (place.point[axis] + self.error[axis] + jitter[axis] for axis in (0, 1))
        hdop = 0.55 + 4.5 / self.sats + abs(rng.normalvariate(0, 0.03))
        if rng.random() < _JUMP_PER_S:
            east, north, hdop = east + rng.uniform(-700, 700), north + rng.uniform(-700, 700), hdop + 1.5
            self.world.record("gnss", state="jump")
        lon, lat = to_degrees((east, north))
        where = f"{degrees_minutes(lat, 2, 'NS')},{degrees_minutes(lon, 3, 'EW')}"
        clock, date = _clock(t_ms)
        knots = max(place.speed / _KNOT + rng.normalvariate(0, 0.06), 0.0)
        course = f"{(place.course + rng.normalvariate(0, 0.8)) % 360:.2f}" if knots > 0.5 else ""
        data = sentence(f"GNRMC,{clock},A,{where},{knots:.3f},{course},{date},,,A,V")
        data += sentence(
            f"GNGGA,{clock},{where},1,{self.sats:02d},{hdop:.2f},{4.1 + self.error[0]:.1f},M,-9.3,M,,"
        )
        if self.count % 10 == 0:
            slots = [
                f"{(7 * k + self.count // 300) % 32 + 1:02d}" if k < self.sats else "" for k in range(12)
            ]
            dops = f"{hdop * 1.8:.2f},{hdop:.2f},{hdop * 1.5:.2f}"
            data += sentence(f"GNGSA,A,3,{','.join(slots)},{dops},1")
        if self.count % 10 == 5:
            data += sentence(f"GNVTG,{course},T,,M,{knots:.3f},N,{knots * 1.852:.3f},K,A")
        return data


def _clock(t_ms: int) -> tuple[str, str]:
    when = datetime.fromtimestamp(t_ms // 1000, UTC)
    return f"{when:%H%M%S}.{t_ms % 1000 // 10:02d}", f"{when:%d%m%y}"
