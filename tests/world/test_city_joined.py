"""Joined scenes are one world: the dispatcher sends a truck to a full bin, and what the crew takes out is
lifted.
"""

from typing import Any

import pytest

from simulators.world.bin import BinScene
from simulators.world.city import City
from simulators.world.district import district
from simulators.world.rounds import phase_ms
from simulators.world.truck import TruckScene

MINUTE_MS = 60_000


class Run:
    """A few units of one city, each with its truth, run side by side."""

    def __init__(self, world: Any, devices: list[str], pace: float = 0.001, after_ms: int = 0) -> None:
        self.plan = district(5)
        self.city = City(self.plan)
        self.now = world.MONDAY_MS + after_ms
        self.truth: dict[str, list[dict[str, Any]]] = {device: [] for device in devices}
        self.scenes: dict[str, Any] = {}
        self.units = []
        for device in devices:
            scene = self.plan.scene(device, self.now, truth=self.truth[device].append, pace=pace)
            self.scenes[device] = scene
            self.city.join(scene)
            kind = world.PlainBin if isinstance(scene, BinScene) else world.PlainUnit
            self.units.append(kind(scene, self.now))

    def go(self, minutes: float) -> None:
        """Ten seconds a time."""
        end = self.now + int(minutes * MINUTE_MS)
        while self.now < end:
            self.now += 10_000
            for unit in self.units:
                unit.run(self.now)

    def told(self, device: str, what: str) -> list[dict[str, Any]]:
        return [line for line in self.truth[device] if line["what"] == what]


@pytest.fixture
def run(world: Any) -> Run:
    """One bin and the truck of its area, from the beginning of the truck's round."""
    plan = district(5)
    zone = plan.town.sites[plan.site_index("bin-020")].zone
    return Run(world, ["bin-020", plan.trucks[zone].device], after_ms=phase_ms(plan.town, zone))


def test_a_full_bin_gets_a_truck_that_lifts_what_was_in_it(run: Run) -> None:
    run.go(15)
    scene: BinScene = run.scenes["bin-020"]
    truck = next(device for device in run.scenes if device.startswith("truck"))
    for number, bay in scene.bays.items():
        bay.fill_up(9_000 + number * 1_111, bay.spec.volume_l * 990)
    run.go(75)
    collects = {line["bay"]: line["mass_g"] for line in run.told("bin-020", "collect")}
    lifts = {
        line["bay"]: line["contents_g"] for line in run.told(truck, "lift") if line["site"] == scene.spec.site
    }
    stops = [line for line in run.told(truck, "stop") if line["site"] == scene.spec.site]
    assert len(stops) == 1
    assert set(collects) == {1, 2}
    assert collects == lifts
    assert all(line["t"] > stops[0]["t"] for line in run.told("bin-020", "collect"))
    assert len({line["by"] for line in run.told("bin-020", "collect")}) == 1


def test_a_detour_leaves_the_past_as_it_was(run: Run) -> None:
    run.go(20)
    truck: TruckScene = next(s for s in run.scenes.values() if isinstance(s, TruckScene))
    before = truck.round
    arrival = truck.add_stop(run.plan.site_index("bin-020"))
    assert arrival is not None
    after = truck.round
    gone = [item for item in before.items if item.t0 <= run.now]
    assert list(after.items[: len(gone)]) == gone
    place = truck.round.at(arrival, run.plan.town).point
    site = run.plan.town.sites[run.plan.site_index("bin-020")]
    assert place == pytest.approx(run.plan.town.streets.points[site.node], abs=1)


def test_no_truck_takes_a_stop_on_its_way_home(run: Run) -> None:
    run.go(110)
    truck: TruckScene = next(s for s in run.scenes.values() if isinstance(s, TruckScene))
    before = truck.round
    assert truck.add_stop(run.plan.site_index("bin-020")) is None
    assert truck.round == before


def test_a_truck_with_a_detour_is_saved_and_loaded(world: Any, run: Run) -> None:
    run.go(20)
    truck: TruckScene = next(s for s in run.scenes.values() if isinstance(s, TruckScene))
    truck.add_stop(run.plan.site_index("bin-020"))
    again = run.plan.scene(truck.spec.device, 0, state=world.through_json(truck.save()))
    assert isinstance(again, TruckScene)
    assert again.round == truck.round


def test_without_any_truck_a_crew_comes_on_its_own(world: Any) -> None:
    run = Run(world, ["bin-020"])
    scene: BinScene = run.scenes["bin-020"]
    scene.set_pace(10)
    for bay in scene.bays.values():
        bay.fill_up(9_000, bay.spec.volume_l * 990)
    run.go(6 * 60)
    assert {line["bay"] for line in run.told("bin-020", "collect")} == {1, 2}


def test_who_leaves_goes_on_by_the_plan(run: Run) -> None:
    for scene in run.scenes.values():
        run.city.leave(scene)
    run.go(30)
    bin_scene: BinScene = run.scenes["bin-020"]
    assert bin_scene.on_full is None
    assert bin_scene.comes_by_truck is None
