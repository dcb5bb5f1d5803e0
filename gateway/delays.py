"""Delays counted in buckets, in the process that knows them, told to others through what it says (`Say`).

The counts begin at zero with each process: for Prometheus that is a counter reset, which `rate` understands.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Seconds: from one group commit to a bin's week without a network. One ladder for all delays.
BOUNDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
    *(300.0, 900.0, 3600.0, 21_600.0, 86_400.0, 604_800.0),
)
INF = float("inf")


class Histogram:
    """Counts observations by upper bound. One thread observes; another may ask for `facts` meanwhile."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Count one delay. A negative one (two clocks) counts as none."""
        if seconds > 0.0:
            self._counts[bisect_left(BOUNDS, seconds)] += 1
            self._sum += seconds
        else:
            self._counts[0] += 1

    def observe_all(self, seconds: Iterable[float]) -> None:
        """Count many."""
        for one in seconds:
            self.observe(one)

    def facts(self) -> dict[str, Any]:
        """`counts`: per bucket, the last one beyond all bounds; `sum`: seconds."""
        return {"counts": list(self._counts), "sum": round(self._sum, 6)}


def counts_of(facts: Mapping[str, Any] | None) -> list[int] | None:
    """The counts that another process told; None when it told none that fit these bounds."""
    counts = facts.get("counts") if facts else None
    return counts if isinstance(counts, list) and len(counts) == len(BOUNDS) + 1 else None


def buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """As Prometheus wants them: (upper bound, how many up to it)."""
    total, found = 0.0, []
    for bound, count in zip((*BOUNDS, INF), counts, strict=True):
        total += count
        found.append(("+Inf" if bound == INF else f"{bound:g}", total))
    return found


def quantile(counts: Sequence[int], share: float) -> float | None:
    """The bound under which this share of the delays lies (an upper estimate); None: nothing was counted."""
    wanted, total = share * sum(counts), 0
    for bound, count in zip((*BOUNDS, INF), counts, strict=True):
        total += count
        if count and total >= wanted:
            return bound
    return None
