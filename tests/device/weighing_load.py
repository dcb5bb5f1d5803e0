"""What tests of the weighing share: a scale on paper, and signals as a converter would show them."""

import math
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

from edge.measure.calibration import Calibration
from edge.measure.weighing import Weigher, Weighing
from edge.measure.zero import Zero

SETTINGS: dict[str, Any] = {
    "cal": "scale0-1",
    "zero": 600_000,
    "points": [[600_000, 0], [1_030_000, 10_000], [1_890_500, 30_000], [3_180_000, 60_000]],
    "e_g": 20,
    "max_g": 60_000,
}
"""A 100 kg cell at 2 mV/V: 43 counts a gram, bent by some tens of millionths."""

MPE_E = ((500, Fraction(1, 2)), (2000, Fraction(1)), (10_000, Fraction(3, 2)))
"""R 76-1, table 6, class III at verification: up to so many e, so many e."""


def calibration(**changes: Any) -> Calibration:
    return Calibration({**SETTINGS, **changes})


def mpe_g(mass_g: int | Fraction, e_g: int) -> Fraction:
    """Greatest permissible error at a mass."""
    return next(share for most, share in MPE_E if mass_g <= most * e_g) * e_g


def counts_of(grams: float, settings: dict[str, Any] = SETTINGS) -> float:
    """The curve of a calibration the other way, no load at its first point; not the firmware's own code."""
    points = settings["points"]
    for (c0, g0), (c1, g1) in pairwise(points):
        if grams <= g1 or (c1, g1) == tuple(points[-1]):
            return float(c0 + (grams - g0) * (c1 - c0) / (g1 - g0))
    raise AssertionError


def weigh(
    load_g: Callable[[float], float],
    *,
    noise_g: float = 1.0,
    seed: int = 0,
    confirm_ms: int = 0,
    timeout_ms: int = 10_000,
    cal: Calibration | None = None,
    zero: Zero | None = None,
    rate_hz: int = 10,
) -> tuple[Weighing, int]:
    """A weighing of a load that is a function of seconds, and the ms that it took."""
    cal = cal or calibration()
    rng = random.Random(seed)
    weigher = Weigher(cal, zero or Zero(cal), None, confirm_ms)
    at_ms = 0
    for k in range(timeout_ms * rate_hz // 1000):
        at_ms = k * 1000 // rate_hz
        if weigher.add(round(counts_of(load_g(at_ms / 1000) + rng.gauss(0, noise_g))), at_ms):
            break
    return weigher.result(), at_ms


def sway(mean_g: float, amplitude_g: float, period_s: float, phase: float = 0.0) -> Callable[[float], float]:
    return lambda t: mean_g + amplitude_g * math.sin(2 * math.pi * t / period_s + phase)
