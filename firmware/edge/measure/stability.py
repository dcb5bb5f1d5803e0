"""Stable equilibrium (OIML R 76-1, 4.4.2 and A.4.12): within 5 s no more than two adjacent values of e.

Waiting 5 s each time would cost a battery more than it must. So a shorter window counts when what was seen
in it already promises that: its spread, were it to go on growing at that rate for 5 s, stays within one
interval.

    spread(W) <= e * W / 5 s, for some W from `window_ms` to 5 s

At W = 5 s this is the rule itself (values within one e round to at most two adjacent ones). A steady drift
that passes at a shorter W passes at 5 s too; noise does not grow with time and passes as soon as W
outweighs it. What a shorter W cannot see is a swing slower than itself at its turning point: `window_ms` is
the trade.
"""

from edge.measure.integer import divide

WINDOW_MS = 1200
FULL_MS = 5000
KEPT = 64  # values
SPACING_MS = FULL_MS // (KEPT - 4)  # a faster converter's values between are already in the filter's mean
LEAST_VALUES = 6  # in a window


class Stability:
    """`e_counts`: one interval, in the unit of the values. After `add`: `mean`, `spread`, `span_ms` and
    `count` of the longest window that is stable, `stable` whether there is one. At most 64 steps an `add`.
    """

    def __init__(self, e_counts: int, window_ms: int = WINDOW_MS) -> None:
        self._e = e_counts
        self._window_ms = window_ms
        self._values: "list[int]" = []
        self._times: "list[int]" = []
        self.mean = self.spread = self.span_ms = self.count = 0
        self.stable = False

    def add(self, value: int, at_ms: int) -> bool:
        """Whether it is stable now. `at_ms`: any clock that only runs forward."""
        values, times = self._values, self._times
        if times and at_ms - times[-1] < SPACING_MS:
            return self.stable  # judged a moment ago
        values.append(value)
        times.append(at_ms)
        if len(values) > KEPT:
            values.pop(0)
            times.pop(0)
        self.stable = False
        oldest = len(values) - LEAST_VALUES
        if oldest < 0 or at_ms - times[0] < self._window_ms:
            return False
        low = high = value
        total = 0
        for k in range(len(values) - 1, -1, -1):
            value = values[k]
            if value < low:
                low = value
            elif value > high:
                high = value
            span_ms = at_ms - times[k]
            if high - low > self._e or span_ms > FULL_MS + SPACING_MS:
                break
            total += value
            if k <= oldest and span_ms >= self._window_ms and (high - low) * FULL_MS <= self._e * span_ms:
                self.stable = True
                self.count = len(values) - k
                self.mean = divide(total, self.count)
                self.spread, self.span_ms = high - low, span_ms
        return self.stable
