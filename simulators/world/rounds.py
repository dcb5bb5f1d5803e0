"""The trucks' rounds: who is where when, as a pure function of the town's seed.

A day has twelve slots of two hours, a little later for each truck; in each, it leaves the transfer station,
works its area, comes back over the weighbridge, unloads, weighs empty, parks. Nothing that happens in a run
changes a planned round, so a bin and a truck that run apart, in different processes, still agree on who
empties which bin when: both ask this module.

A bin is due again when its mean fill speed has filled it as far as Edinburgh's crews find theirs (median 81
%), at one of the hours at which they come. Between due bins the trucks lift ordinary tagged containers, as
full as Edinburgh's.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from simulators.world.geometry import distance_m
from simulators.world.kernel import Stream, digest
from simulators.world.motion import Drive, Place, plan_drive
from simulators.world.tables import from_quantiles, interpolate, table
from simulators.world.town import Town
from simulators.world.weather import DAY_MS, HOUR_MS, day_start_ms

SLOT_MS = 2 * HOUR_MS
SLOTS = DAY_MS // SLOT_MS
_WORK_MS = 84 * 60_000
"""When a round must be on its way back."""
_KERBSIDE_KG_PER_L = 0.07  # Edinburgh's derived weights
CREW_WALK_MS = 20_000
"""From the truck's stop to the crew's first touch of the bin."""

Detour = tuple[int, int]
"""A dispatcher's order: (when it was given, index of the site)."""


@dataclass(frozen=True, slots=True)
class Lift:
    """One container on the lifter."""

    ident: str
    """EPC of its tag, 24 hexadecimal digits."""
    tare_g: int
    contents_g: int
    """What is planned to be in it. For a bin's bay it is the mean; a linked city puts the true mass in its
    place.
    """
    site: str | None
    """The site and bay that it belongs to, for a smart bin's."""
    bay: int | None


@dataclass(frozen=True, slots=True)
class Stop:
    """The truck stands from `t0` to `t1`: `kind` is `bin`, `containers`, `gross`, `unload`, `tare`
    or `park`.
    """

    t0: int
    t1: int
    kind: str
    node: int
    site: str | None = None
    lifts: tuple[Lift, ...] = ()


@dataclass(frozen=True, slots=True)
class Leg:
    """The truck drives from `t0` to `t1`."""

    t0: int
    t1: int
    drive: Drive


@dataclass(frozen=True)
class Round:
    """One round of one truck, gapless from the start of its slot to the start of its next round."""

    start: int
    end: int
    items: tuple[Stop | Leg, ...]

    def at(self, t_ms: int, town: Town) -> Place:
        """Where the truck is."""
        item = self.item(t_ms)
        if isinstance(item, Leg):
            return item.drive.at((t_ms - item.t0) / 1000)
        return Place(town.streets.points[item.node], 0.0, 0.0)

    def item(self, t_ms: int) -> Stop | Leg:
        """What it is doing."""
        low, high = 0, len(self.items) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.items[middle].t0 <= t_ms else (low, middle - 1)
        return self.items[low]


def slot_of(t_ms: int, phase_ms: int = 0) -> int:
    """The number of the slot that `t_ms` lies in, counted from 1970, for a truck of this phase."""
    return (t_ms - phase_ms - day_start_ms(0)) // SLOT_MS


def slot_start_ms(slot: int, phase_ms: int = 0) -> int:
    """When it begins, for a truck of this phase."""
    return day_start_ms(0) + slot * SLOT_MS + phase_ms


def phase_ms(town: Town, truck: int) -> int:
    """By how much later than the first truck this one begins each round: they leave one after the other, so
    that some are on the road at any time, and the weighbridge has no queue.
    """
    return truck * SLOT_MS // max(town.truck_count, 1)


@dataclass(frozen=True, slots=True)
class Due:
    """How often a bin is emptied: the cycle in days, and what its bays hold on average when it is."""

    period_days: float
    expected_g: tuple[int, ...]
    """Mean contents of each bay, in the order of the bays."""


def due_slot(seed: int, site: str, due: Due, number: int) -> int:
    """The slot of a bin's collection `number` (counted from 1970)."""
    rng = Stream(seed, "due", site, number)
    fills = table("edinburgh")["fill_at_emptying_pct_quantiles"]
    mean = sum(fills) / len(fills)
    late = min(max(from_quantiles(rng, fills) / mean - 1.0, -0.45), 0.45)
    first = digest(seed, "first", site) / 2**64
    day = math.floor((number + first + late) * due.period_days)
    hours = table("edinburgh")["emptying_hour_permille"]
    return int(day * SLOTS + rng.choices(range(24), hours)[0] * HOUR_MS // SLOT_MS)


def due_between(seed: int, site: str, due: Due, first_slot: int, last_slot: int) -> list[int]:
    """The slots of a bin's collections from `first_slot` to `last_slot`, both included, in order."""
    number = math.floor(first_slot / SLOTS / due.period_days) - 2
    slots: list[int] = []
    while True:
        slot = due_slot(seed, site, due, number)
        if number > last_slot / SLOTS / due.period_days + 2:
            return sorted(set(slots))
        if first_slot <= slot <= last_slot:
            slots.append(slot)
        number += 1


class Rounds:
    """All rounds of one town. Pure: what it remembers is only a cache."""

    def __init__(self, place: Town, dues: tuple[Due, ...]) -> None:
        """`dues` has one entry for each site of the town, in their order."""
        self.town = place
        self.dues = dues
        self._rounds = lru_cache(maxsize=256)(self._plan)

    def round(self, truck: int, slot: int, detours: tuple[Detour, ...] = ()) -> Round:
        """The round of one truck in one slot, with the detours that a dispatcher has added to it so far."""
        return self._rounds(truck, slot, detours)

    def next_collection(self, index: int, after_ms: int) -> int | None:
        """When the crew of the site with this index next arrives after `after_ms`; None if not within two
        cycles.
        """
        site, due = self.town.sites[index], self.dues[index]
        slot = slot_of(after_ms, phase_ms(self.town, site.zone))
        ahead = slot + math.ceil(2 * due.period_days + 2) * SLOTS
        for candidate in due_between(self.town.seed, site.id, due, slot, ahead):
            for item in self.round(site.zone, candidate).items:
                if isinstance(item, Stop) and item.site == site.id and item.t0 + CREW_WALK_MS > after_ms:
                    return item.t0 + CREW_WALK_MS
        return None

    def arrival(self, truck: int, slot: int, detours: tuple[Detour, ...]) -> int | None:
        """When the truck reaches the last detour's site; None if its round leaves no time for it."""
        site = self.town.sites[detours[-1][1]].id
        planned = self.round(truck, slot, detours)
        return next(
            (i.t0 for i in planned.items if isinstance(i, Stop) and i.site == site and i.t0 > detours[-1][0]),
            None,
        )

    def _plan(self, truck: int, slot: int, detours: tuple[Detour, ...]) -> Round:
        seed = self.town.seed
        rng = Stream(seed, "round", truck, slot, *detours)
        if not detours:
            due = [
                k
                for k, site in enumerate(self.town.sites)
                if site.zone == truck and due_between(seed, site.id, self.dues[k], slot, slot)
            ]
            return _Planner(self.town, self.dues, truck, slot, rng).fresh(due)
        at_ms, index = detours[-1]
        before = self.round(truck, slot, detours[:-1])
        return _Planner(self.town, self.dues, truck, slot, rng).detour(before, at_ms, index)


class _Planner:
    """Works out one round, item after item."""

    def __init__(self, place: Town, dues: tuple[Due, ...], truck: int, slot: int, rng: Stream) -> None:
        self._town, self._dues, self._rng, self._truck = place, dues, rng, truck
        phase = phase_ms(place, truck)
        self._start = slot_start_ms(slot, phase)
        self._end = slot_start_ms(slot + 1, phase)
        self._t = self._start
        self._node = self._home = place.station.parking[truck % len(place.station.parking)]
        self._items: list[Stop | Leg] = []

    def fresh(self, sites: list[int]) -> Round:
        """A round from its beginning, with these sites' bins due."""
        self._stand(self._rng.uniform(0.5, 7) * 60, "park")
        return self._work(sites)

    def detour(self, before: Round, at_ms: int, index: int) -> Round:
        """The round `before`, changed from what comes after `at_ms` on: the bin of one more site is emptied.

        When it is too late for that (the truck is on its way to the weighbridge), the round stays as it is.
        """
        cut = next((k for k, item in enumerate(before.items) if item.t0 > at_ms), len(before.items))
        last = next(
            k for k, item in enumerate(before.items) if isinstance(item, Stop) and item.kind == "gross"
        )
        if cut >= last - 1 or self._too_long(before.items[cut].t0):
            return before
        if cut and isinstance(before.items[cut - 1], Leg):
            cut += 1  # it is driving: the stop that it drives to stays
        ahead = {item.site for item in before.items[cut:] if isinstance(item, Stop)}
        sites = [index] + [k for k, site in enumerate(self._town.sites) if site.id in ahead and k != index]
        self._items = list(before.items[:cut])
        stop = self._items[-1]
        if not isinstance(stop, Stop):
            raise TypeError("a round alternates legs and stops")
        self._t, self._node = stop.t1, stop.node
        return self._work(sites)

    def _work(self, sites: list[int]) -> Round:
        """From here on: empty these bins, lift containers until it is time, and back over the weighbridge."""
        rng, station = self._rng, self._town.station
        todo = {self._town.sites[k].node: k for k in sites}
        area = self._area([s.node for s in self._town.sites if s.zone == self._truck])
        points = self._town.streets.points
        while choice := list(todo) + ([] if self._late() else area):
            node = min(choice, key=lambda n: distance_m(points[n], points[self._node]))
            self._go(node)
            if node in todo:
                self._bin(todo.pop(node))
            else:
                self._containers()
            area = [n for n in area if n != node]
        self._go(station.bridge)
        self._stand(rng.uniform(40, 80), "gross")
        self._go(station.hall)
        self._stand(rng.uniform(200, 380), "unload")
        self._go(station.bridge)
        self._stand(rng.uniform(35, 60), "tare")
        self._go(self._home)
        if self._t < self._end:
            self._stand((self._end - self._t) / 1000, "park")
        return Round(self._start, max(self._end, self._t), tuple(self._items))

    def _area(self, near: list[int]) -> list[int]:
        """Where containers stand this time: some street nodes of the truck's area."""
        points = self._town.streets.points
        around = [
            n
            for n in range(len(points))
            if n in self._town.streets.links and min(distance_m(points[n], points[s]) for s in near) < 330
        ]
        inside = [n for n in around if n not in near and self._town.drivable(n)]
        return self._rng.sample(inside, min(24, len(inside)))

    def _late(self) -> bool:
        return self._t - self._start > _WORK_MS

    def _too_long(self, t_ms: int) -> bool:
        return t_ms - self._start > _WORK_MS - 8 * 60_000

    def _go(self, node: int) -> None:
        if node == self._node:
            return
        drive = plan_drive(self._town.streets, self._town.streets.way(self._node, node), self._rng)
        end = self._t + round(drive.seconds * 1000)
        self._items.append(Leg(self._t, end, drive))
        self._t, self._node = end, node

    def _stand(
        self, seconds: float, kind: str, site: str | None = None, lifts: tuple[Lift, ...] = ()
    ) -> None:
        end = self._t + round(seconds * 1000)
        self._items.append(Stop(self._t, end, kind, self._node, site, lifts))
        self._t = end

    def _bin(self, index: int) -> None:
        site = self._town.sites[index]
        lifts = tuple(
            _lift(self._town.seed, site.id, bay + 1, grams, site.id, bay + 1)
            for bay, grams in enumerate(self._dues[index].expected_g)
        )
        self._stand(200 + 30 * len(lifts) + self._rng.uniform(0, 40), "bin", site.id, lifts)

    def _containers(self) -> None:
        rng = self._rng
        count = rng.choices([1, 2, 3], [55, 30, 15])[0]
        litres = table("edinburgh")["emptied_litre_quantiles"]
        lifts: list[Lift] = []
        for k in range(count):
            # Edinburgh's largest bins are no wheeled containers: stay below 360 litres.
            full_l = min(interpolate(litres, rng.random() * (len(litres) - 1)), 360.0)
            contents_g = round(1000 * _KERBSIDE_KG_PER_L * full_l)
            lifts.append(_lift(self._town.seed, self._node, k, contents_g, None, None))
        self._stand(12 + 36 * count + rng.uniform(0, 25), "containers", None, tuple(lifts))


def _lift(seed: int, place: object, number: int, contents_g: int, site: str | None, bay: int | None) -> Lift:
    ident = f"E28011{digest(seed, 'tag', place, number):016X}{number:02X}"
    return Lift(ident, 12_000 + digest(seed, "tare", place, number) % 1600, contents_g, site, bay)
