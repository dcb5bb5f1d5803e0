"""A bay's days through engine and diagnosis: looks, visits, emptyings. For false alarms and slow faults."""

from collections.abc import Callable, Iterable

from edge.measure.diagnosis import Diagnosis, Look

from simulators.bench.weighing.station import AFTER_MS, BEFORE_MS, CONFIRM_MS, NOW_MS, Station
from simulators.world import people
from simulators.world.build import BIN_E_G, BIN_MAX_G
from simulators.world.kernel import Stream
from simulators.world.materials import MATERIALS, draw_load
from simulators.world.sway import SwaySpec
from simulators.world.weather import DAY_MS, Weather

LOOK_MS = 600_000
_LOOK_WEIGH_MS = 3_000
_FULL_G = 45_000
_ZERO_ATTEMPTS = 10
_VISITS_A_DAY = 14.0
_MATERIAL = MATERIALS["textile"]

Change = tuple[int, str, bool]
"""When, which code, raised or cleared."""


class Life:
    """One bay from `start_ms` on, its faults in `changes`. A crew comes every `crew_days`."""

    def __init__(self, seed: int, number: int, start_ms: int = NOW_MS, crew_days: int = 3) -> None:
        place = f"life{seed}/{number}"
        self.at = Station(seed, number, SwaySpec(place), start_ms, Weather(f"life{seed}"))
        self._rng = Stream("life", seed, number, start_ms)
        self._crew_ms = crew_days * DAY_MS
        cal = self.at.cal
        self._diagnosis = Diagnosis(cal.e_g, cal.max_g, cal.sign * cal.e_counts, cal.zero)
        self.raised: set[str] = set()
        self.changes: list[Change] = []
        self.looks = self.visits = 0
        self._bay_g = self._rng.uniform(0, _FULL_G)
        self._next_look = start_ms + self._rng.randrange(LOOK_MS)
        self._next_visit = self._draw_visit()
        self._next_crew = start_ms + self._rng.randrange(self._crew_ms)
        self.at.scale.rest(self._bay_g)

    def run(self, until_ms: int, enough: Callable[[], bool] = lambda: False) -> None:
        """Live until then, or until it is enough."""
        while not enough():
            due = min(self._next_look, self._next_visit, self._next_crew)
            if due >= until_ms:
                self.at.wait(until_ms - self.at.now)
                return
            self.at.wait(max(due - self.at.now, 0))
            if due == self._next_look:
                self._next_look += LOOK_MS
                self._look()
            elif due == self._next_visit:
                self._visit(crew=self._bay_g >= _FULL_G)
                self._next_visit = self._draw_visit()
            else:
                self._next_crew += self._crew_ms
                self._visit(crew=True)

    def repaired(self) -> None:
        """A crew ends a repair as the manual says: the bay is empty, zero is set. Raises RuntimeError when
        the scale does not come to rest.
        """
        self.at.scale.put(-self._bay_g)
        self._bay_g = 0.0
        for attempt in range(_ZERO_ATTEMPTS):
            self.at.wait(60_000)
            try:
                self.at.set_zero()
                break
            except (RuntimeError, ValueError):  # a gust, a lorry
                if attempt == _ZERO_ATTEMPTS - 1:
                    raise
        self._diagnosis.zeroed()

    def raises(self, codes: Iterable[str]) -> Callable[[], bool]:
        """For `run`: until one of these is raised."""
        return lambda: not self.raised.isdisjoint(codes)

    def is_free_of(self, codes: Iterable[str]) -> Callable[[], bool]:
        """For `run`: until none of these is."""
        return lambda: self.raised.isdisjoint(codes)

    def _draw_visit(self) -> int:
        return people.next_visit_ms(self._rng, self.at.now, _VISITS_A_DAY)

    def _look(self) -> None:
        self.looks += 1
        look = Look(quiet=True)
        found = self.at.weigh(_LOOK_WEIGH_MS, 0, look)
        if found.stable and found.grams is not None:
            self.at.follow_zero(found)
        self._take(self._diagnosis.look(look))

    def _visit(self, crew: bool) -> None:
        """Somebody puts a load in, or a crew takes everything out; the door is opened only when stable."""
        self.visits += 1
        at = self.at
        before = at.weigh(BEFORE_MS, CONFIRM_MS, look := Look(quiet=False))
        self._take(self._diagnosis.look(look))
        at.wait(4_000)
        if crew:
            stays = self._rng.uniform(0, 0.02) if self._rng.random() < 0.2 else 0.0
            mass_g = -self._bay_g * (1 - stays)
        else:
            mass_g = float(draw_load(self._rng, _MATERIAL).mass_g) if self._rng.random() > 0.03 else 0.0
        self._bay_g += mass_g
        at.scale.put(mass_g)
        at.wait(self._rng.uniform(2_000, 20_000))
        after = at.weigh(AFTER_MS, CONFIRM_MS, look := Look(quiet=False))
        self._take(self._diagnosis.look(look))
        if before.grams is not None and after.grams is not None:
            self._take(self._diagnosis.cycle(before.grams, after.grams, crew))

    def _take(self, changes: list[tuple[str, bool, str]]) -> None:
        for code, raised, _ in changes:
            self.changes.append((self.at.now, code, raised))
            (self.raised.add if raised else self.raised.discard)(code)


if _FULL_G + 15_000 > BIN_MAX_G + 9 * BIN_E_G:
    raise ValueError("a healthy bay would be overloaded")
