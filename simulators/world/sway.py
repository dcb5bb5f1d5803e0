"""What pushes and shakes a scale besides what lies on it: wind, passing lorries, somebody who leans.

Pure functions of the seed and of time, so nothing is kept over a reset and a run is the same whenever it is
looked at. Sizes are assumptions in the range that engineering handbooks give, since no open record of a bin's
platform is at hand:

- wind: hourly means by a Weibull law of shape 2 around 2.8 m/s (the Tianjin plain), turbulence of 30 %
  between houses, gusts of 20 s to half a second with the -5/3 slope of the inertial range. A closed housing
  takes the dynamic pressure of 0.6 * v^2 Pa on its 1.5 m2; `wind_permille` of that force reaches the
  platform (10 m/s: 9 kg of force, 27 g);
- lorries: a bell of 1.2 s around the moment when one passes, in which the ground moves with its body's
  bounce of 1.5 to 4 Hz at up to 2 mg (thousandths of the acceleration of gravity): what lies on the platform
  weighs that much more and less;
- leaning: a steady push that breathes by a twentieth.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from simulators.world.kernel import digest
from simulators.world.weather import HOUR_MS, local_hour

_FRONT_M2 = 1.5
_G_PER_NEWTON = 102.0
_MEAN_MPS = 2.8
_TURBULENCE = 0.3
_GUSTS: tuple[tuple[int, float], ...] = ((20_000, 1.0), (6_000, 0.67), (2_000, 0.46), (500, 0.29))
"""Period in ms and amplitude, by period to the power of a third; their squares sum to 1.75, thirds of it are
the variance of values that are uniform at their knots."""
_GUST_NORM = 1 / math.sqrt(sum(a * a for _, a in _GUSTS) / 3 * 0.75)
_MINUTE_MS = 60_000
_PASS_MS = 1_200.0
_CALM_G = 3.0

_DAYTIME = [1, 1, 1, 1, 2, 6, 14, 22, 24, 22, 20, 20, 18, 20, 22, 22, 22, 24, 20, 14, 10, 6, 3, 2]
"""How busy a street is in each local hour; the mean is 13.2."""


@dataclass(frozen=True, slots=True)
class SwaySpec:
    """Where a scale stands."""

    seed: str
    """The wind of a town is one; what passes a place is its own: `<town>/<place>`."""
    wind_permille: float = 3.0
    """Share of the wind's force on the housing that the platform feels."""
    lorries_per_hour: float = 6.0
    """Averaged over the day."""
    lorry_mg: float = 0.8
    """Greatest acceleration of the ground when a typical one passes, in 1/1000 g."""


CALM = SwaySpec("", wind_permille=0.0, lorries_per_hour=0.0)
"""Indoors, on a good floor."""


class Sway:
    """The unrest at one place."""

    def __init__(self, spec: SwaySpec) -> None:
        self.spec = spec
        self._town = spec.seed.partition("/")[0]
        self._uniform = lru_cache(maxsize=2048)(self._draw)
        self._lorry = lru_cache(maxsize=16)(self._lorry_of)
        self._hour = lru_cache(maxsize=8)(self._hourly)

    def wind_mps(self, t_ms: int) -> float:
        """The wind's present speed, gusts included, at least 0."""
        gust = sum(a * self._smooth(f"gust {p}", t_ms, p) for p, a in _GUSTS)
        return max(self.mean_mps(t_ms) * (1 + _TURBULENCE * _GUST_NORM * gust), 0.0)

    def push_g(self, t_ms: int, mass_g: float) -> float:
        """Force on the platform, in grams, at this instant; `mass_g` is all that the cell carries."""
        return self._wind_g(self.wind_mps(t_ms)) + self._shake_g(t_ms, mass_g)

    def unrest_g(self, t_ms: int, mass_g: float) -> float:
        """How much `push_g` may change within a second or two: whether it is worth looking at it closely."""
        swing = 0.0
        if self.spec.wind_permille:
            mean = self.mean_mps(t_ms)
            swing = self._wind_g(mean * (1 + _TURBULENCE)) - self._wind_g(mean)
        shake = max((size for _, size in self._lorries(t_ms, 3_000)), default=0.0)
        return swing + shake * mass_g / 1e6

    def quiet(self, t_ms: int, mass_g: float) -> bool:
        """Whether a second makes no difference."""
        return self.unrest_g(t_ms, mass_g) < _CALM_G

    # Wind

    def _wind_g(self, mps: float) -> float:
        return 0.6 * mps * mps * _FRONT_M2 * _G_PER_NEWTON * self.spec.wind_permille / 1000

    def mean_mps(self, t_ms: int) -> float:
        """The wind of this hour, without gusts."""
        if not self.spec.wind_permille:
            return 0.0
        hour, part = divmod(t_ms, HOUR_MS)
        low, high = self._hour(hour), self._hour(hour + 1)
        return low + (high - low) * part / HOUR_MS

    def _hourly(self, hour: int) -> float:
        # Six hours share a mood, each hour has its own; both together are the Weibull law's argument.
        mood, own = self._uniform("mood", hour // 6), self._uniform("hour", hour)
        u = min(max(0.7 * mood + 0.3 * own, 1e-4), 1 - 1e-4)
        return _MEAN_MPS / math.gamma(1.5) * math.sqrt(-math.log(1 - u))

    # Lorries

    def _shake_g(self, t_ms: int, mass_g: float) -> float:
        shake = 0.0
        for at, size in self._lorries(t_ms, 4_000):
            bell = math.exp(-(((t_ms - at) / _PASS_MS) ** 2) / 2)
            hertz = 1.5 + 2.5 * self._uniform("bounce", int(at))
            shake += bell * size * math.sin(2 * math.pi * hertz * (t_ms - at) / 1000)
        return shake * mass_g / 1e6

    def _lorries(self, t_ms: int, within_ms: int) -> list[tuple[float, float]]:
        """When lorries pass near `t_ms`, and how much each shakes the ground, in 1e-6 g."""
        if not self.spec.lorries_per_hour:
            return []
        found = []
        for minute in {(t_ms - within_ms) // _MINUTE_MS, (t_ms + within_ms) // _MINUTE_MS}:
            lorry = self._lorry(minute)
            if lorry is not None and abs(lorry[0] - t_ms) <= within_ms:
                found.append(lorry)
        return found

    def _lorry_of(self, minute: int) -> tuple[float, float] | None:
        share = _DAYTIME[int(local_hour(minute * _MINUTE_MS))] / 13.2
        if self._uniform("lorry", minute) >= self.spec.lorries_per_hour / 60 * share:
            return None
        heavy = 0.3 + 2.2 * self._uniform("lorry size", minute) ** 2
        at = (minute + self._uniform("lorry at", minute)) * _MINUTE_MS
        return at, self.spec.lorry_mg * 1000 * heavy

    # Draws

    def _smooth(self, name: str, t_ms: int, period_ms: int) -> float:
        """A wavy line through values in -1 to 1, one each period."""
        k, part = divmod(t_ms, period_ms)
        x = part / period_ms
        low, high = self._uniform(name, k) * 2 - 1, self._uniform(name, k + 1) * 2 - 1
        return low + (high - low) * x * x * (3 - 2 * x)

    def _draw(self, name: str, k: int) -> float:
        owner = self.spec.seed if name.startswith(("lorry", "bounce", "gust")) else self._town
        return digest(owner, name, k) / 2**64


def lean_g(push_g: float, t_ms: int) -> float:
    """Somebody leans on the housing with a push that reaches the platform as `push_g`, and breathes."""
    return push_g * (1 + 0.05 * math.sin(2 * math.pi * 0.3 * t_ms / 1000))
