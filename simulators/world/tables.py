"""The small tables of real data in `data/`, read once. What they mean is said in `data/README.md`."""

import json
from bisect import bisect_right
from functools import cache
from importlib.resources import files
from typing import Any

from simulators.world.kernel import Stream


@cache
def table(name: str) -> dict[str, Any]:
    """The table `data/<name>.json`."""
    data: dict[str, Any] = json.loads(
        (files(__package__) / "data" / f"{name}.json").read_text(encoding="utf-8")
    )
    return data


def from_quantiles(rng: Stream, quantiles: list[float]) -> float:
    """Draw a value whose distribution has these equally spaced quantiles (minimum first, maximum last)."""
    return interpolate(quantiles, rng.random() * (len(quantiles) - 1))


def interpolate(values: list[float], at: float) -> float:
    """The value at a fractional index, linear in between, clamped at the ends."""
    low = min(max(int(at), 0), len(values) - 1)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * min(max(at - low, 0.0), 1.0)


def lookup(points: list[tuple[float, float]], x: float) -> float:
    """Linear interpolation in (x, y) points in rising order of x, clamped at the ends."""
    i = bisect_right(points, (x, float("inf")))
    if i == 0:
        return points[0][1]
    if i == len(points):
        return points[-1][1]
    (x0, y0), (x1, y1) = points[i - 1], points[i]
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
