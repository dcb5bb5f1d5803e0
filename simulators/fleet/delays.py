"""Delays by logarithmic buckets of 2 %: bounded memory whatever comes, good enough for a percentile."""

import math

_PER_E = 1 / math.log(1.02)
_FLOOR_S = 1e-5


class Delays:
    """A histogram of durations in seconds."""

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.max_s = 0.0

    def add(self, seconds: float) -> None:
        bucket = int(math.log(max(seconds, _FLOOR_S) / _FLOOR_S) * _PER_E)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self.count += 1
        self.max_s = max(self.max_s, seconds)

    def quantile(self, q: float) -> float | None:
        """The duration in seconds below which the part `q` of all lie; None when there are none."""
        left = q * self.count
        for bucket in sorted(self._buckets):
            left -= self._buckets[bucket]
            if left <= 0:
                return min(_FLOOR_S * math.exp((bucket + 0.5) / _PER_E), self.max_s)
        return None

    def as_json(self) -> dict[str, float | int | None]:
        """Count, and p50, p99 and maximum in ms."""

        def ms(seconds: float | None) -> float | None:
            return None if seconds is None else round(seconds * 1000, 2)

        return {
            "count": self.count,
            "p50_ms": ms(self.quantile(0.5)),
            "p99_ms": ms(self.quantile(0.99)),
            "max_ms": ms(self.max_s) if self.count else None,
        }
