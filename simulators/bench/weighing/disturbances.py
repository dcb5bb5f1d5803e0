"""What is no plain deposit, each a hundred times over: told apart, or refused, but never a wrong weight."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from edge.measure.deposit import Seen, judge, leans

from simulators.bench.weighing.station import AFTER_MS, BEFORE_MS, NOW_MS, Station
from simulators.world.build import BIN_E_G
from simulators.world.kernel import Stream
from simulators.world.sway import Sway, SwaySpec

WRONG_MOST = 0.001
"""Of the visits of a kind, at most so many may end in a weight that is off by more than 2 e."""


@dataclass
class Told:
    """How the visits of one kind ended."""

    right: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    wrong: list[int] = field(default_factory=list)
    """By how many grams each wrong one was off."""

    @property
    def visits(self) -> int:
        """All of them."""
        return self.right + sum(self.refused.values()) + len(self.wrong)


@dataclass(frozen=True)
class Kind:
    """`mass_g`: what really comes in. `before`, `after`: what somebody does as that weighing begins."""

    name: str
    mass_g: Callable[[Stream], int]
    sway: SwaySpec
    before: Callable[[Station, Stream], None] = lambda _at, _rng: None
    after: Callable[[Station, Stream], None] = lambda _at, _rng: None
    wind_mps: float = 0.0
    """Mean wind of the hour, at least."""
    limit: bool = True
    """Whether `WRONG_MOST` is asked for. Without: what the scale cannot know, shown for honesty's sake."""


def _bag(rng: Stream) -> int:
    return rng.randint(400, 6_000)


def _lean(at: Station, rng: Stream, from_ms: float, for_ms: float) -> None:
    push_g = rng.uniform(300, 6_000)
    at.world.after(max(from_ms, 0), "scale0.lean", push_g)
    at.world.after(max(from_ms + for_ms, 1), "scale0.lean", 0.0)


def _leans_awhile(at: Station, rng: Stream) -> None:
    _lean(at, rng, rng.uniform(-1_000, 6_000), rng.uniform(500, 6_000))


def _leans_throughout(at: Station, rng: Stream) -> None:
    _lean(at, rng, 0, 60_000)


def _leaned_before(at: Station, rng: Stream) -> None:
    _lean(at, rng, 0, BEFORE_MS + 3_000)


_STREET = SwaySpec("bench/street")
_OPEN = SwaySpec("bench/open", wind_permille=12.0)
_ROADWORKS = SwaySpec("bench/roadworks", lorries_per_hour=3_000.0, lorry_mg=2.0)

KINDS = (
    Kind("leans for a moment while it is weighed", _bag, _STREET, after=_leans_awhile),
    Kind("leans all the while that it is weighed", _bag, _STREET, after=_leans_throughout),
    Kind("leans before, and not after", _bag, _STREET, before=_leaned_before),
    Kind("wind of 5 m/s and more", _bag, _STREET, wind_mps=5.0),
    Kind("the same on a platform open to it", _bag, _OPEN, wind_mps=5.0, limit=False),
    Kind("lorry upon lorry", _bag, _ROADWORKS),
    Kind("takes something out", lambda rng: -rng.randint(100, 5_000), _STREET),
    Kind("puts nothing in", lambda _rng: 0, _STREET),
    Kind("lets 25 to 40 kg drop", lambda rng: rng.randint(25_000, 40_000), _STREET),
)


def disturbed(kind: Kind, seed: int, visits: int, told: Callable[[], None] = lambda: None) -> Told:
    """So many visits of one kind."""
    rng = Stream("disturbed", seed, kind.name)
    found = Told()
    for number in range(visits):
        at = Station(seed, number % 50, kind.sway, _instant(kind, rng))
        at.chamber(rng.uniform(-20, 50), rng.uniform(-8, 8))
        at.scale.rest(rng.uniform(5_000, 20_000))
        _visit(at, kind, rng, found)
        told()
    return found


def _instant(kind: Kind, rng: Stream) -> int:
    """Some instant of a year at which the wind is as strong as the kind wants it."""
    sway = Sway(kind.sway)
    while True:
        t = NOW_MS + rng.randrange(365 * 86_400_000)
        if sway.mean_mps(t) >= kind.wind_mps:
            return t


def _visit(at: Station, kind: Kind, rng: Stream, found: Told) -> None:
    look = at.weigh(3_000, 0)
    at.wait(rng.uniform(1, 20) * 60_000)
    kind.before(at, rng)
    before = at.weigh(BEFORE_MS)
    leaned = look.mg is not None and look.stable and leans(before, look.mg, look.temp_dc, BIN_E_G)
    at.wait(4_000 + BEFORE_MS)
    mass_g = kind.mass_g(rng)
    at.scale.put(mass_g)
    at.wait(rng.uniform(1_000, 8_000))
    kind.after(at, rng)
    after = at.weigh(AFTER_MS)
    verdict = judge(before, after, Seen(leaned=leaned), BIN_E_G, at.cal.min_g)
    if verdict.outcome not in ("deposit", "removed", "nothing"):
        found.refused[verdict.code or verdict.outcome] += 1
    elif abs(verdict.net_g - mass_g) <= 2 * BIN_E_G:
        found.right += 1
    else:
        found.wrong.append(verdict.net_g - mass_g)
