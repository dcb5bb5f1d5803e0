"""Ten thousand deposits: what was put in against what the engine says."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.measure.deposit import Seen, judge, leans

from simulators.bench.weighing.station import AFTER_MS, BEFORE_MS, NOW_MS, Station
from simulators.world.build import BIN_E_G, BIN_MAX_G
from simulators.world.kernel import Stream
from simulators.world.sway import SwaySpec

STATIONS = 100
COLD_C, HOT_C = -20.0, 50.0
_TREND_K_H = 8.0  # what the sun does to a steel box in the morning
_YEAR_MS = 365 * 86_400_000
_HEAVIEST_G = 20_000


@dataclass
class Deposits:
    """`errors`: (temperature, true grams, recorded minus true) of each deposit; `refused`: others by code."""

    errors: list[tuple[float, int, float]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    """Somebody put something in of at least Min, and it was called `nothing` or `removed`."""

    def within(self, intervals: int) -> float:
        """Share of deposits whose error is at most so many e."""
        limit = intervals * BIN_E_G
        return sum(abs(error) <= limit for _, _, error in self.errors) / max(len(self.errors), 1)

    def extend(self, other: "Deposits") -> None:
        """Take another part of the same run in."""
        self.errors += other.errors
        self.refused += other.refused
        self.wrong += other.wrong


def deposits(seed: int, station: int, count: int, told: Callable[[], None] = lambda: None) -> Deposits:
    """`count` deposits at one station, each at another instant of a year, in another warmth, on another load.

    A tenth comes in a storm. Every visit goes through the weighings and the judgement of the firmware.
    """
    rng = Stream("deposits", seed, station)
    stormy = Stream("storm", seed, station)
    found = Deposits()
    place = f"bench{seed}/{station}"
    calm = SwaySpec(place)
    storm = SwaySpec(place, wind_permille=12.0, lorries_per_hour=40.0)
    while len(found.errors) < count:
        sway = storm if stormy.random() < 0.1 else calm
        at = Station(seed, station, sway, NOW_MS + int(rng.random() * _YEAR_MS))
        at.chamber(rng.uniform(COLD_C, HOT_C), rng.uniform(-_TREND_K_H, _TREND_K_H))
        mass = _mass_g(rng, at.cal.min_g)
        at.scale.rest(rng.uniform(0, BIN_MAX_G - mass))
        _visit(at, mass, rng, found)
        told()
    return found


def _mass_g(rng: Stream, min_g: int) -> int:
    """From Min to some twenty kilograms, as many small as large ones by their logarithm."""
    return round(min_g * math.exp(rng.random() * math.log(_HEAVIEST_G / min_g)))


def _visit(at: Station, mass_g: int, rng: Stream, found: Deposits) -> None:
    look = at.weigh(3_000, 0)  # the bin's own look at itself, some time before
    at.wait(rng.uniform(1, 20) * 60_000)
    before = at.weigh(BEFORE_MS)
    leaned = look.mg is not None and look.stable and leans(before, look.mg, look.temp_dc, BIN_E_G)
    at.wait(rng.uniform(2_000, 6_000))
    lumps = rng.randint(1, 3)
    for _ in range(lumps):
        at.scale.put(mass_g / lumps)
        at.wait(rng.uniform(1_000, 4_000) if lumps > 1 else 1_000)
    at.wait(rng.uniform(500, 30_000))
    after = at.weigh(AFTER_MS)
    verdict = judge(before, after, Seen(leaned=leaned), BIN_E_G, at.cal.min_g)
    if verdict.outcome == "deposit":
        found.errors.append((at.temp_c, mass_g, verdict.net_g - mass_g))
    elif verdict.outcome in ("nothing", "removed"):
        found.wrong += 1
    else:
        found.refused[f"{verdict.outcome} {verdict.code}"] += 1
