"""A unit's calibration: which scale it is (OIML R 76 terms) and how counts become a mass, in integers.

The curve runs in straight lines through the points that a crew has taken, and straight on beyond them. A
mass is the curve at the reading less the curve at zero, so a platform that was changed since moves the
zero, not the span. Zero is part of the calibration and is never taken at boot: a bin that starts full must
not forget what it holds.

Temperature terms, both of *what the cell shows*, so both are taken out:
    `zero_tc`   counts by which the reading without load rises with each degree C more: subtracted
    `span_tc`   parts in a million by which the sensitivity rises with each degree C more: divided out
so a cell whose signal grows in the sun has positive terms. `temp_dc` is the temperature of the calibration.
"""

from edge.measure.filter import MEAN, MEDIAN
from edge.measure.integer import divide
from edge.measure.stability import FULL_MS, WINDOW_MS

if False:  # for types
    from typing import Any

# Accuracy classes of R 76-1, tables 3 and 6: Min in e; least Max/e for e < 5 g, for e >= 5 g; greatest Max/e.
CLASSES = {"III": (20, 100, 500, 10_000), "IIII": (10, 100, 100, 1_000)}
OVER_INTERVALS = 9  # R 76-1, 4.2.3: above Max + 9 e nothing is indicated
DC_PER_STEP_C = 10  # temperatures are in 0.1 degree C
FULL_SCALE = 1 << 23  # of a 24-bit converter
MAX_POINTS = 16
LEAST_SHARE = 5  # points up to Max/5 at least: substitution of test weights goes no lower (R 76-1, A.4.4.5)
SLOPE_PERCENT = 5  # cells bend by 0.02 %, platforms by 1 %: a part of the curve that leans more is a slip
LEAST_COUNTS = 8  # a scale interval has: else zero cannot be set to 0.25 e (4.5.2)
MIN_DC, MAX_DC = -600, 1200


def _integer(settings: "dict[str, Any]", key: str, default: "int | None", low: int, high: int) -> int:
    value = settings.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError("%s is %s; expected a whole number, %d to %d" % (key, value, low, high))
    return value


def _points(settings: "dict[str, Any]") -> "list[tuple[int, int]]":
    """(counts, grams) in rising grams. Two-point form: `zero`, `span` counts that `span_g` adds."""
    found = settings.get("points")
    if found is None and "span" in settings:
        zero = _integer(settings, "zero", None, -FULL_SCALE, FULL_SCALE)
        span = _integer(settings, "span", None, -2 * FULL_SCALE, 2 * FULL_SCALE)
        return [(zero, 0), (zero + span, _integer(settings, "span_g", None, 1, 10**9))]
    if not isinstance(found, list) or not 2 <= len(found) <= MAX_POINTS:
        raise ValueError("points: expected 2 to %d of [counts, grams]" % MAX_POINTS)
    points = []
    for point in found:
        if not isinstance(point, (list, tuple)) or len(point) != 2:
            raise ValueError("points: %s is not [counts, grams]" % (point,))
        pair = {"counts": point[0], "grams": point[1]}
        counts = _integer(pair, "counts", None, -FULL_SCALE, FULL_SCALE)
        points.append((counts, _integer(pair, "grams", None, 0, 10**9)))
    return points


class Calibration:
    """`settings`: `cal` (id), `e_g`, `max_g`, `points` [[counts, grams], …] and `zero` (counts at no load;
    the first point's when absent), or the two-point form `zero`, `span`, `span_g`; optional `d_g` (e_g),
    `class` ("III"), `temp_dc`, `zero_tc`, `span_tc`; of the filter `median` (conversions, odd) and `mean`
    (medians), of the stability `window_ms`; of a lifter's plateaus `band_g` (e_g) and `window` (conversions).

    Errors: ValueError says which value cannot be, and what was expected.
    """

    def __init__(self, settings: object) -> None:
        if not isinstance(settings, dict):
            raise ValueError("no calibration; take one at the bin, or provision the unit again")
        cal = settings.get("cal")
        if not isinstance(cal, str) or not 0 < len(cal) <= 32:
            raise ValueError("cal is %s; expected the calibration's id" % (cal,))
        self.cal = cal
        points = _points(settings)
        top_g = points[-1][1]
        self.e_g = _integer(settings, "e_g", None, 1, 10**6)
        self.d_g = _integer(settings, "d_g", self.e_g, 1, self.e_g)
        self.max_g = _integer(settings, "max_g", 2 * top_g, 1, 10**9)
        self.over_g = self.max_g + OVER_INTERVALS * self.e_g
        self.min_g = self._class(settings.get("class", "III")) * self.e_g
        if LEAST_SHARE * top_g < self.max_g:
            raise ValueError("the greatest point is %d g; Max is %d g" % (top_g, self.max_g))
        self.sign = 1 if points[-1][0] > points[0][0] else -1  # an upside-down cell counts downwards
        self._curve = [(self.sign * counts, grams) for counts, grams in points]
        self._check_curve()
        self.zero = _integer(settings, "zero", points[0][0], -FULL_SCALE, FULL_SCALE)
        self.median = _integer(settings, "median", MEDIAN, 1, 15)
        if self.median % 2 == 0:
            raise ValueError("median is %d; expected an odd number" % self.median)
        self.mean = _integer(settings, "mean", MEAN, 1, 32)
        self.window_ms = _integer(settings, "window_ms", WINDOW_MS, 200, FULL_MS)
        self.band_counts = self.counts(1000 * _integer(settings, "band_g", self.e_g, 1, 10**6))
        self.window = _integer(settings, "window", 6, 1, 64)
        self.e_counts = self.counts(1000 * self.e_g)
        if self.e_counts < LEAST_COUNTS:
            raise ValueError("e is %d counts; expected at least %d" % (self.e_counts, LEAST_COUNTS))
        self._zero_tc = _integer(settings, "zero_tc", 0, -100_000, 100_000)
        self._span_tc = _integer(settings, "span_tc", 0, -2_000, 2_000)
        self.temp_dc: "int | None" = None
        if self._zero_tc or self._span_tc or "temp_dc" in settings:
            self.temp_dc = _integer(settings, "temp_dc", None, MIN_DC, MAX_DC)

    def _class(self, name: object) -> int:
        if not isinstance(name, str) or name not in CLASSES:
            raise ValueError("class is %s; expected III or IIII" % (name,))
        least, few, many, most = CLASSES[name]
        intervals = self.max_g // self.e_g
        if not (few if self.e_g < 5 else many) <= intervals <= most:
            raise ValueError("Max is %d e; class %s does not allow it" % (intervals, name))
        form = self.e_g
        while form % 10 == 0:
            form //= 10
        if form not in (1, 2, 5):
            raise ValueError("e_g is %d; expected 1, 2 or 5 times a power of ten" % self.e_g)
        return least

    def _check_curve(self) -> None:
        curve = self._curve
        rise, run = curve[-1][0] - curve[0][0], curve[-1][1] - curve[0][1]
        before = curve[0]
        for point in curve[1:]:
            part, length = point[0] - before[0], point[1] - before[1]
            if length <= 0:
                raise ValueError("points: %d g does not come after %d g" % (point[1], before[1]))
            if 100 * abs(part * run - rise * length) > SLOPE_PERCENT * rise * length:
                raise ValueError(
                    "points: from %d to %d g the slope is not that of the rest" % (before[1], point[1])
                )
            before = point

    def counts(self, mg: int) -> int:
        """How many counts a difference of `mg` milligrams makes (not negative)."""
        first, last = self._curve[0], self._curve[-1]
        return divide(abs(mg) * (last[0] - first[0]), (last[1] - first[1]) * 1000)

    def reduced(self, counts: int, temp_dc: "int | None") -> int:
        """What a reading at `temp_dc` would be without load drift, at the calibration's temperature."""
        if temp_dc is None or self.temp_dc is None:
            return counts
        return counts - divide(self._zero_tc * (temp_dc - self.temp_dc), DC_PER_STEP_C)

    def mg(self, reduced: int, zero: int, temp_dc: "int | None" = None) -> int:
        """The gross mass in milligrams of a reading over `zero`, both `reduced`."""
        load = reduced - zero
        if self._span_tc and temp_dc is not None and self.temp_dc is not None:
            million = 1_000_000 * DC_PER_STEP_C
            load = divide(load * million, million + self._span_tc * (temp_dc - self.temp_dc))
        return self._at(zero + load) - self._at(zero)

    def _at(self, counts: int) -> int:
        """The curve in milligrams."""
        counts *= self.sign
        curve = self._curve
        k = 1
        while k < len(curve) - 1 and counts > curve[k][0]:
            k += 1
        (from_counts, from_g), (to_counts, to_g) = curve[k - 1], curve[k]
        return 1000 * from_g + divide(
            1000 * (counts - from_counts) * (to_g - from_g), to_counts - from_counts
        )

    def indication(self, mg: int) -> int:
        """A mass rounded to the scale interval e, in grams: what is shown, recorded and subtracted."""
        return divide(mg, 1000 * self.e_g) * self.e_g
