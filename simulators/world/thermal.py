"""The thermal mass of a bin: its steel follows the air in the box only slowly.

The box's thermometer sees the air and the sun at once; cell and platform lag behind by the time constant of
some 30 kg of sheet steel and aluminium with a square metre of surface in slow air: 25 kJ/K over 10 W/K, some
40 min. A firmware that corrects by the thermometer must live with that.
"""

import math
from collections.abc import Callable
from functools import lru_cache

_STEP_MS = 15 * 60_000
_TAU_MS = 40 * 60_000
_STEPS = 14  # three and a half hours: what lies further back is below 1 %
_WEIGHTS = [math.exp(-k * _STEP_MS / _TAU_MS) for k in range(_STEPS)]
_SUM = sum(_WEIGHTS)


class ThermalMass:
    """The temperature of something heavy in air of `air_c(t_ms)`: a pure function of time."""

    def __init__(self, air_c: Callable[[int], float]) -> None:
        self._air = lru_cache(maxsize=64)(air_c)
        self._knot = lru_cache(maxsize=8)(self._at)

    def celsius(self, t_ms: int) -> float:
        """Its temperature in degrees C."""
        low = t_ms // _STEP_MS
        before, after = self._knot(low), self._knot(low + 1)
        return before + (after - before) * (t_ms % _STEP_MS) / _STEP_MS

    def trend_k_h(self, t_ms: int) -> float:
        """How fast it warms, in K an hour."""
        low = t_ms // _STEP_MS
        return (self._knot(low + 1) - self._knot(low)) * 3_600_000 / _STEP_MS

    def _at(self, k: int) -> float:
        # The quarter of an hour before counts first: what is heavy does not foresee.
        return sum(w * self._air((k - i) * _STEP_MS) for i, w in enumerate(_WEIGHTS, 1)) / _SUM
