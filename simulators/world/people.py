"""When people come, and who they are.

How much comes in a day follows Wyndham's fill speeds, bay by bay, and its weekdays. At what hour is an
assumption (before work, after work, weekends later): no open data set at hand times single deposits;
Edinburgh's and Wyndham's tell emptyings and daily levels. Crews' hours are Edinburgh's.
"""

from functools import cache

from simulators.world.kernel import Stream, digest
from simulators.world.tables import table
from simulators.world.weather import HOUR_MS, local_day, local_hour

# Share of a day's visits in each local hour, weekdays and weekends.
_WEEKDAY = [2, 1, 1, 1, 2, 8, 30, 75, 80, 55, 45, 45, 50, 35, 30, 32, 42, 70, 100, 95, 75, 50, 25, 8]
_WEEKEND = [3, 1, 1, 1, 1, 4, 15, 35, 65, 90, 95, 85, 60, 45, 50, 60, 65, 70, 75, 70, 55, 40, 20, 8]


@cache
def _week() -> list[float]:
    """Visits an hour, relative to a mean of 1 over the week, for each hour from Monday 00:00."""
    factors: list[float] = table("wyndham")["weekday_factor"]
    # Wyndham's rise of a day was read the next morning, so it belongs to the day before.
    days = [factors[(d + 1) % 7] for d in range(7)]
    shares = [h * 24 / sum(shape) for shape in [_WEEKDAY] * 5 + [_WEEKEND] * 2 for h in shape]
    raw = [shares[i] * days[i // 24] for i in range(168)]
    return [r * 168 / sum(raw) for r in raw]


def busy(t_ms: int) -> float:
    """How busy this hour is: visits an hour relative to the week's mean."""
    weekday = (local_day(t_ms) + 3) % 7  # 1970-01-01 was a Thursday
    return _week()[weekday * 24 + int(local_hour(t_ms))]


def next_visit_ms(rng: Stream, now_ms: int, per_day: float) -> int:
    """When the next visitor comes after `now_ms`: a Poisson process with the week's shape and `per_day`
    visits a day.

    `per_day` must be above 0. The answer never lies more than a year ahead.
    """
    need = rng.expovariate(1.0)
    t = now_ms
    for _ in range(366 * 24):
        rate = busy(t) * per_day / 24  # an hour
        left_ms = HOUR_MS - t % HOUR_MS
        if need <= rate * left_ms / HOUR_MS:
            return t + max(int(need / rate * HOUR_MS), 1)
        need -= rate * left_ms / HOUR_MS
        t += left_ms
    return t


def resident_token(town_seed: object, site: str, number: int) -> str:
    """The card of one resident near a site: opaque, twelve digits, the same every time that
    resident comes.
    """
    return f"{digest(town_seed, 'card', site, number) % 10**12:012d}"


def pick_resident(rng: Stream, households: int) -> int:
    """Which neighbour comes: a few come often, most seldom."""
    return int(households * rng.random() ** 2)
