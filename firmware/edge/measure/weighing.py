"""One weighing: conversions in, a stable mass or the reason why there is none out. Pure; time comes with
the readings.
"""

from edge.measure.calibration import Calibration
from edge.measure.filter import Filter
from edge.measure.integer import divide
from edge.measure.stability import Stability
from edge.measure.unrest import Unrest
from edge.measure.zero import Zero


class Weighing:
    """`grams`: rounded to e; None unless stable and within range. `code`: None when there are grams, else
    why not.

    `stable`: in equilibrium. `mg`: unrounded gross, `counts`: the reading, each the median of what was seen
    when not stable (None: nothing was read). `zero`: in force, `reduced`. `spread`: greatest less smallest,
    in counts; `span_ms`: of the stable window; `below_ms`: for how long it was stable below zero;
    `swing_mg`: half of what it moved while not stable.
    """

    def __init__(self, code: "str | None" = None, detail: str = "") -> None:
        self.grams: "int | None" = None
        self.stable = False
        self.code = code
        self.detail = detail
        self.mg: "int | None" = None
        self.counts: "int | None" = None
        self.spread = self.span_ms = self.below_ms = self.swing_mg = 0
        self.temp_dc: "int | None" = None
        self.zero: "int | None" = None

    @property
    def fine_g(self) -> "int | None":
        return None if self.mg is None else divide(self.mg, 1000)


class Weigher:
    """One weighing with a calibration and a zero that stays as it is meanwhile.

    `confirm_ms`: it must have stayed stable for so long, within half an interval: somebody who leans on the
    bin for a moment, or a gust, is stable at times too."""

    def __init__(self, cal: Calibration, zero: Zero, temp_dc: "int | None", confirm_ms: int = 0) -> None:
        self._cal = cal
        self._zero = zero
        self._temp_dc = temp_dc
        self._confirm_ms = confirm_ms
        self._filter = Filter(cal.median, cal.mean)
        self._stability = Stability(cal.e_counts, cal.window_ms)
        self._unrest = Unrest()
        self._value: "int | None" = None  # filtered, the newest
        self._first: "int | None" = None  # where it has been stable since `_first_ms`
        self._first_ms = 0
        self._plateau: "int | None" = None  # the last one that was seen, and how many different ones
        self._plateaus = 0
        self._below_from: "int | None" = None  # stable below zero since
        self._at_ms = 0

    def add(self, counts: int, at_ms: int) -> bool:
        """Whether the weighing is done. `at_ms`: any clock that only runs forward, from 0."""
        self._at_ms = at_ms
        self._unrest.add(counts, at_ms)
        value = self._filter.add(counts)
        if value is None:
            return False
        self._value = value
        if not self._stability.add(value, at_ms):
            self._first = self._below_from = None
            return False
        self._watch_below(at_ms)
        mean = self._stability.mean
        if self._first is None or 2 * abs(mean - self._first) > self._cal.e_counts:
            self._first, self._first_ms = mean, at_ms
            if self._plateau is None or 2 * abs(mean - self._plateau) > self._cal.e_counts:
                self._plateaus += 1
            self._plateau = mean
        if at_ms - self._first_ms < self._confirm_ms:
            return False
        if self._biased():
            self._first = None
            return False
        return True

    def _biased(self) -> bool:
        """Whether the filter hides a swing: a median of five over a swing of five conversions stands still,
        off its middle. The plain mean of the same time must agree within a quarter of e.
        """
        stability = self._stability
        return 4 * abs(self._unrest.mean(stability.count) - stability.mean) > self._cal.e_counts

    def _watch_below(self, at_ms: int) -> None:
        if self._indication(self._stability.mean) >= 0:
            self._below_from = None
        elif self._below_from is None:
            self._below_from = at_ms - self._stability.span_ms

    @property
    def below(self) -> bool:
        """Stable below zero just now: worth waiting for the automatic zero."""
        return self._below_from is not None

    @property
    def below_ms(self) -> int:
        return 0 if self._below_from is None else self._at_ms - self._below_from

    def _mg(self, counts: int) -> int:
        cal = self._cal
        return cal.mg(cal.reduced(counts, self._temp_dc), self._zero.counts, self._temp_dc)

    def _indication(self, counts: int) -> int:
        return self._cal.indication(self._mg(counts))

    def result(self) -> Weighing:
        """The weighing as it stands; call when `add` said that it is done, or when time is up."""
        found = Weighing()
        found.temp_dc = self._temp_dc
        stability = self._stability
        settled = stability.stable and self._first is not None
        done = settled and self._at_ms - self._first_ms >= self._confirm_ms
        counts, spread = self._value, 0
        middle = self._unrest.middle()
        if stability.stable:
            counts, spread = stability.mean, stability.spread
        elif middle:
            counts, spread = middle
        if self._value is None or counts is None:
            return Weighing("scale-silent", "too few conversions to weigh")
        found.counts, found.spread = counts, spread
        found.mg = mg = self._mg(counts)
        found.zero = self._zero.counts
        found.stable = done
        if mg > 1000 * self._cal.over_g:
            found.code = "scale-overload"
            found.detail = "%d g is above Max + 9 e, %d g" % (mg // 1000, self._cal.over_g)
            return found
        if not done:
            found.swing_mg = 500 * self._cal.e_g * spread // self._cal.e_counts
            found.code = self._unrest.reason(self._cal.e_counts, self._plateaus)
            found.detail = "did not settle in %d ms" % self._at_ms
            return found
        found.span_ms = stability.span_ms
        found.below_ms = self.below_ms
        found.grams = self._cal.indication(mg)
        return found
