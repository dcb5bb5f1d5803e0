"""Sun, cloud and air over the district: pure functions of the town's seed and of time, so that all units
share a sky.

Clear-sky irradiance comes from the Tianjin table (a model's output); on top come seeded clouds and haze.
Air temperature follows a plain climate of the North China Plain (monthly means near -3 to 27 degrees C),
not a measured series.
"""

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from simulators.world.kernel import Stream, digest
from simulators.world.tables import interpolate, table

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
UTC_OFFSET_MS = 8 * HOUR_MS
"""Local time is UTC+8 all year."""

_MEAN_AIR_C = [-3.0, 0.5, 7.0, 14.5, 20.5, 25.0, 27.0, 26.0, 21.5, 14.5, 5.5, -1.0]
_SWING_K = 5.0
_CLEAR, _THIN, _OVERCAST, _HAZE = 1.0, 0.75, 0.25, 0.5
_WINTER = (11, 12, 1, 2)


def local_day(t_ms: int) -> int:
    """Number of the local calendar day, counted from 1970-01-01."""
    return (t_ms + UTC_OFFSET_MS) // DAY_MS


def local_hour(t_ms: int) -> float:
    """Local time of day in hours, 0 up to 24."""
    return (t_ms + UTC_OFFSET_MS) % DAY_MS / HOUR_MS


def day_start_ms(day: int) -> int:
    """When the local day `day` begins."""
    return day * DAY_MS - UTC_OFFSET_MS


@lru_cache(maxsize=1024)
def _day(day: int) -> tuple[int, float]:
    """Month, and months as a fraction counted from the middle of January."""
    date = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return date.month, date.month - 1 + (date.day - 15.5) / 30.4


class Weather:
    """One town's sky. Irradiance in W/m2 on the level, temperature in degrees C."""

    def __init__(self, seed: object) -> None:
        self._seed = seed
        self._hours = lru_cache(maxsize=256)(self._hour)

    def ghi_w_m2(self, t_ms: int) -> float:
        """Global horizontal irradiance now, clouds and haze included."""
        sun = self.clear_w_m2(t_ms)
        return sun * self._at(local_day(t_ms), local_hour(t_ms))[0] if sun > 0 else 0.0

    def clear_w_m2(self, t_ms: int) -> float:
        """The same from a sky without clouds and haze: the table's."""
        clear: list[float] = table("tianjin")["ghi_clear_w_m2"][_day(local_day(t_ms))[0] - 1]
        # A table entry is the mean of its hour, so it stands for the half hour.
        return interpolate(clear, local_hour(t_ms) - 0.5)

    def air_c(self, t_ms: int) -> float:
        """Air temperature in the shade."""
        day, hour = local_day(t_ms), local_hour(t_ms)
        month = _day(day)[1] % 12
        low = int(month)
        mean = _MEAN_AIR_C[low] + (_MEAN_AIR_C[(low + 1) % 12] - _MEAN_AIR_C[low]) * (month - low)
        return mean + self._at(day, hour)[1] - _SWING_K * math.cos((hour - 3) / 24 * 2 * math.pi)

    def _at(self, day: int, hour: float) -> tuple[float, float]:
        low = int(hour)
        t0, a0 = self._hours(day, low)
        t1, a1 = self._hours(day, low + 1) if low < 23 else self._hours(day + 1, 0)
        return t0 + (t1 - t0) * (hour - low), a0 + (a1 - a0) * (hour - low)

    def _hour(self, day: int, hour: int) -> tuple[float, float]:
        """Share of the clear-sky light that comes through, and the air's departure from its mean, at a full
        hour.
        """
        rng = Stream(self._seed, "sky", day)
        kinds = [0.45, 0.25, 0.2, 0.1] if _day(day)[0] not in _WINTER else [0.4, 0.2, 0.15, 0.25]
        base = rng.choices([_CLEAR, _THIN, _OVERCAST, _HAZE], kinds)[0]
        wobble = 0.05 if base in (_CLEAR, _HAZE) else 0.3
        draw = digest(self._seed, "hour", day, hour) / 2**64 * 2 - 1
        # Days are anomalies on their own; half of yesterday's stays, so that cold spells last.
        anomaly = 0.5 * (self._anomaly(day) + self._anomaly(day - 1))
        return min(max(base * (1 + wobble * draw), 0.03), 1.0), anomaly

    def _anomaly(self, day: int) -> float:
        return 4.0 * (digest(self._seed, "air", day) / 2**64 * 2 - 1)
