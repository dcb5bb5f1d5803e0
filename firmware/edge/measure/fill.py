"""Fill level from the distance to what lies in the bay, and whether the sensor can be believed.

The level is geometry alone: light boxes fill a bay as surely as heavy paper does, and what is pressed down
makes room at equal mass. Mass only convicts a sensor: a bay that weighs (nearly) nothing is not full.

Speed of sound in air: c = 331.3 m/s * sqrt(T / 273.15 K), 0.18 % a degree. An ultrasonic sensor counts time
and is right at one temperature only (`ref_dc`), so d = d_read * sqrt(T / T_ref): 1.1 m read at 50 °C by one
made for 20 °C is 1.15 m. One that compensates for itself, or measures with light, has no `ref_dc`.

Unknown is None, never 0: too few echoes, a blocked sensor. Five faults, by levels (`level.py`):

| code | evidence | raised | cleared |
|---|---|---|---|
| `ranger-silent` | the driver got no byte | 2 looks | 4 good looks |
| `ranger-garbled` | the driver got no frame that checks | 2 | 4 |
| `ranger-no-echo` | not one ping with a usable echo | 3 | 3 |
| `ranger-dirty` | more than half of the pings without one | 12 net | 12 |
| `ranger-blocked` | very near and constant; or half full and weighing nothing | 6 | 3 |

Very near: nearer than half of `full_mm`, where contents hardly come and most sensors are blind (30 to
280 mm). Constant: within 15 mm, six times the noise of the usual sensors. What blocks one hangs still; a bag
full of air before it moves with the next door cycle.
"""

from edge.measure.integer import divide, isqrt
from edge.measure.level import Levels

if False:  # for types
    from edge.measure.level import Change

LEAST = 3  # echoes that make a median
STILL_MM = 15
_KELVIN_DC = 2732  # 0 °C, in 0.1 K
_COLDEST_DC, _HOTTEST_DC = -400, 850
# code, gain of a bad look, loss of a good one, level at which it is raised (see `level.rows`)
LEVELS = """
ranger-silent 2 1 4
ranger-garbled 2 1 4
ranger-no-echo 1 1 3
ranger-dirty 1 1 12
ranger-blocked 1 2 6
"""
_FAR_PERCENT = 110  # of `empty_mm`: an echo from beyond the floor went astray


def true_mm(read_mm: int, temp_dc: "int | None", ref_dc: "int | None") -> int:
    """The distance that an ultrasonic sensor means which takes the air for `ref_dc` (0.1 °C) warm, at
    `temp_dc`. Either not known: as read.
    """
    if temp_dc is None or ref_dc is None:
        return read_mm
    temp_dc = max(_COLDEST_DC, min(_HOTTEST_DC, temp_dc))
    # Four times finer than a millimetre under the root, so that the result rounds to nearest.
    square = 16 * read_mm * read_mm * (_KELVIN_DC + temp_dc) // (_KELVIN_DC + ref_dc)
    return (isqrt(square) + 2) // 4


def percent(distance_mm: int, empty_mm: int, full_mm: int) -> int:
    """0 at `empty_mm` (the floor) and beyond, 100 at `full_mm` and nearer."""
    return max(0, min(100, divide((empty_mm - distance_mm) * 100, empty_mm - full_mm)))


class Fill:
    """One bay's sensor. `empty_mm`, `full_mm`: true distance to the floor, and to contents at the brim;
    `ref_dc`: see above, None without correction; `light_g`: a bay of less weighs nothing (the scale's Min);
    `raised`: codes that are raised already.
    """

    def __init__(
        self,
        empty_mm: int,
        full_mm: int,
        ref_dc: "int | None",
        light_g: int,
        raised: "list[str] | tuple[str, ...]" = (),
    ) -> None:
        if not 0 < full_mm < empty_mm:
            raise ValueError("fill needs 0 < full_mm < empty_mm")
        self._empty, self._full = empty_mm, full_mm
        self._ref_dc = ref_dc
        self._light_g = light_g
        self._levels = Levels(LEVELS, raised)
        self._last_mm = 0

    def state(self) -> "list[int]":
        """What must survive sleep."""
        return [self._last_mm] + self._levels.state()

    def restore(self, state: "list[int] | None") -> None:
        """Take back what `state` gave; anything else is no state and is left alone."""
        if state and len(state) == 1 + len(self._levels.state()):
            self._last_mm = state[0]
            self._levels.restore(state[1:])

    def changes(self) -> "list[Change]":
        """What the last look changed in the faults: (code, raised, detail)."""
        return self._levels.changes()

    def failed(self, code: str, detail: str) -> None:
        """The driver got nothing that it can read: `ranger-silent` or `ranger-garbled`."""
        self._levels.bad(code, detail)

    def take(
        self, echoes: "list[int]", misses: int, temp_dc: "int | None", gross_g: "int | None"
    ) -> "int | None":
        """The fill in percent, or None when it is not known. `echoes`: distances in mm as read; `misses`:
        pings without one; `temp_dc`: of the air, 0.1 °C; `gross_g`: what the bay weighs, None when not known.
        """
        judge = self._levels.judge
        judge("ranger-silent", False, "")
        judge("ranger-garbled", False, "")
        distances = [true_mm(read, temp_dc, self._ref_dc) for read in echoes]
        usable = [mm for mm in distances if 100 * mm <= _FAR_PERCENT * self._empty]
        missed = misses + len(distances) - len(usable)
        detail = "%d of %d pings without an echo" % (missed, missed + len(usable))
        judge("ranger-no-echo", not usable, detail)
        judge("ranger-dirty", missed > len(usable), detail)
        if len(usable) < LEAST:
            return None
        if len(usable) % 2 == 0:
            usable.pop()  # an odd set has a middle
        mm = sorted(usable)[len(usable) // 2]
        pct = percent(mm, self._empty, self._full)
        near = 2 * mm < self._full and abs(mm - self._last_mm) <= STILL_MM
        light = gross_g is not None and gross_g < self._light_g and pct >= 50
        self._last_mm = mm
        judge("ranger-blocked", near or light, "%d mm to the next thing, %s g in the bay" % (mm, gross_g))
        return None if "ranger-blocked" in self._levels.raised else pct
