"""A converter's readings made quiet: the median first, which outlives what is no reading at all, then the
mean.
"""

from edge.measure.integer import divide

MEDIAN = 5  # conversions, odd: two spikes in a row are outlived
MEAN = 4  # medians: with 10 conversions a second, shaking above 2 Hz is smoothed


class Filter:
    """Median of the last `median` conversions (odd), then mean of the last `mean` of these."""

    def __init__(self, median: int = MEDIAN, mean: int = MEAN) -> None:
        self._median = median
        self._mean = mean
        self._raw: "list[int]" = []
        self._medians: "list[int]" = []

    def add(self, counts: int) -> "int | None":
        """The filtered value, once both windows are full."""
        raw, medians = self._raw, self._medians
        raw.append(counts)
        if len(raw) < self._median:
            return None
        medians.append(sorted(raw)[self._median // 2])
        raw.pop(0)
        if len(medians) < self._mean:
            return None
        mean = divide(sum(medians), self._mean)
        medians.pop(0)
        return mean
