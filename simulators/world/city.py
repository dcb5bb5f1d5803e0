"""A city whose units run side by side: trucks and bins are one world, and a dispatcher sends trucks to full
bins.

Units that run alone, each in its own process, agree by the plan (see `rounds`). Here the same scenes are
joined: a crew is at a bin when its truck stands there, what the crew takes out is what the lifter then
lifts, and a bin that has become full before its day is put on the round of a truck nearby. No time passes
in here; the scenes call.
"""

from simulators.world.bin import BinScene, crew_token
from simulators.world.district import District
from simulators.world.geometry import distance_m
from simulators.world.rounds import CREW_WALK_MS, Lift, Stop
from simulators.world.truck import TruckScene

_TRUCKS_ASKED = 4


class City:
    """Joins scenes of one district. `join` each when it goes live and `leave` when it stops, in any order."""

    def __init__(self, plan: District) -> None:
        self._plan = plan
        self._site_index = {site.id: k for k, site in enumerate(plan.town.sites)}
        self._bins: dict[str, BinScene] = {}
        self._trucks: dict[str, TruckScene] = {}
        self._taken_g: dict[tuple[str, int], int] = {}
        """What crews have taken out of which bay of which site, and not yet hung on a lifter."""

    def join(self, scene: BinScene | TruckScene) -> None:
        """The unit of this scene takes part from now on."""
        if isinstance(scene, BinScene):
            self._bins[scene.spec.site] = scene
            scene.on_full, scene.on_collected = self._full, self._collected
            scene.comes_by_truck = lambda truck: truck in self._trucks
        else:
            self._trucks[scene.spec.device] = scene
            scene.on_stop, scene.contents_of = self._stopped, self._contents

    def leave(self, scene: BinScene | TruckScene) -> None:
        """It goes on alone, by the plan."""
        if isinstance(scene, BinScene):
            self._bins.pop(scene.spec.site, None)
            scene.on_full = scene.on_collected = scene.comes_by_truck = None
        else:
            self._trucks.pop(scene.spec.device, None)
            scene.on_stop = scene.contents_of = None

    def _stopped(self, truck: TruckScene, stop: Stop) -> None:
        """A truck stands at a bin: its crew walks over."""
        found = self._bins.get(stop.site) if stop.site is not None else None
        if found is not None:
            token = crew_token(self._plan.seed, truck.spec.device)
            walk_ms = stop.t0 + CREW_WALK_MS - truck.now
            found.send_crew(token, truck.spec.device, truck.now + max(walk_ms, 0))

    def _collected(self, scene: BinScene, bay: int, mass_g: int) -> None:
        place = scene.spec.site, bay
        self._taken_g[place] = self._taken_g.get(place, 0) + mass_g

    def _contents(self, lift: Lift) -> int | None:
        if lift.site is None or lift.bay is None or lift.site not in self._bins:
            return None
        return self._taken_g.pop((lift.site, lift.bay), 0)

    def _full(self, scene: BinScene) -> bool:
        """Send the nearest truck that has time left in its round."""
        index = self._site_index[scene.spec.site]
        place = self._plan.town.sites[index].point
        near = sorted(
            self._trucks.values(),
            key=lambda t: distance_m(t.round.at(t.now, self._plan.town).point, place),
        )
        return any(truck.add_stop(index) is not None for truck in near[:_TRUCKS_ASKED])
