"""A bin's week: people come as often as real bins fill, everything they bring is accounted for."""

from collections import Counter
from typing import Any

import pytest

from simulators.world.bin import BinScene
from simulators.world.district import district
from simulators.world.weather import local_hour


def _week(world: Any, device: str, pace: float = 1.0, days: int = 7) -> tuple[BinScene, list[dict[str, Any]]]:
    truth: list[dict[str, Any]] = []
    scene = district(5).scene(device, world.MONDAY_MS, truth=truth.append, pace=pace)
    assert isinstance(scene, BinScene)
    world.PlainBin(scene, world.MONDAY_MS).run(world.MONDAY_MS + days * world.DAY_MS)
    return scene, truth


def test_mass_is_conserved(world: Any) -> None:
    scene, truth = _week(world, "bin-004", pace=4)
    started = next(line for line in truth if line["what"] == "start")["bays"]
    sign = {"deposit": 1, "visit": 1, "collect": -1}
    for number, bay in scene.bays.items():
        lines = [line for line in truth if line["what"] in sign and line["bay"] == number]
        moved = sum(sign[line["what"]] * line["mass_g"] for line in lines)
        assert started[str(number)] + moved == bay.mass_g
        assert bay.scale.load_g == bay.mass_g


def test_bins_fill_as_fast_as_wyndhams(world: Any) -> None:
    for device in ("bin-002", "bin-009"):
        scene, truth = _week(world, device, days=28)
        visits = [line for line in truth if line["what"] in ("deposit", "visit") and not line.get("crew")]
        assert len(visits) / 28 == pytest.approx(scene.spec.visits_per_day, rel=0.25)


def test_deposits_follow_the_hours_of_the_day(world: Any) -> None:
    _, truth = _week(world, "bin-003", days=28)
    hours = Counter(int(local_hour(line["t"])) for line in truth if line["what"] == "deposit")
    assert sum(hours[h] for h in range(7, 22)) > 12 * sum(hours[h] for h in range(1, 5))


def test_those_who_are_thanked_say_so(world: Any) -> None:
    _, truth = _week(world, "bin-003")
    deposits = [line for line in truth if line["what"] == "deposit"]
    assert deposits
    assert all(line["thanked"] for line in deposits if line["open_ms"] < 20_000)
    assert all(0 < line["mass_g"] < 40_000 and line["open_ms"] > 0 for line in deposits)


def test_a_dead_bin_sends_everybody_away(world: Any) -> None:
    truth: list[dict[str, Any]] = []
    scene = district(5).scene("bin-001", world.MONDAY_MS, truth=truth.append)
    unit = world.PlainUnit(scene, world.MONDAY_MS)  # reacts to nothing
    unit.run(world.MONDAY_MS + 3 * world.DAY_MS)
    assert {line["what"] for line in truth} == {"start", "visit"}
    assert {line["outcome"] for line in truth if line["what"] == "visit"} == {"not-opened"}


def test_a_full_bin_is_soon_emptied(world: Any) -> None:
    scene = district(5).scene("bin-002", world.MONDAY_MS, pace=12)
    assert isinstance(scene, BinScene)
    unit = world.PlainBin(scene, world.MONDAY_MS)
    full_hours = longest = 0
    for _ in range(5 * 24):
        unit.run(unit.now + 3_600_000)
        full = any(bay.fill > 0.95 for bay in scene.bays.values())
        full_hours = full_hours + 1 if full else 0
        longest = max(longest, full_hours)
        assert all(bay.volume_ml <= bay.spec.volume_l * 1050 for bay in scene.bays.values())
    assert 1 <= longest <= 3


def test_planned_crews_come_when_their_truck_stands_there(world: Any) -> None:
    plan = district(5)
    _, truth = _week(world, "bin-005")
    index = plan.site_index("bin-005")
    due = plan.collection(index, world.MONDAY_MS)
    assert due is not None
    first = next(line for line in truth if line["what"] == "collect")
    assert due.t < first["t"] < due.t + 5 * 60_000
    assert first["by"] == due.token


def test_pace_changes_what_follows(world: Any) -> None:
    plan = district(5)
    truth: list[dict[str, Any]] = []
    scene = plan.scene("bin-001", world.MONDAY_MS, truth=truth.append)
    assert isinstance(scene, BinScene)
    told: list[int] = []
    scene.changed = lambda: told.append(1)
    noon = world.MONDAY_MS + world.DAY_MS // 2
    unit = world.PlainBin(scene, world.MONDAY_MS)
    unit.run(noon)
    before = len(truth)
    scene.set_pace(40)
    assert told
    unit.run(noon + 3_600_000)
    assert len(truth) - before > 20


def test_pace_for_gives_the_wanted_bustle_day_and_night(world: Any) -> None:
    plan = district(5)
    rates = sum(spec.visits_per_day for spec in plan.bins)
    night, day = world.MONDAY_MS + 3 * 3_600_000, world.MONDAY_MS + 18 * 3_600_000
    assert plan.pace_for(15, night) > 10 * plan.pace_for(15, day)
    assert plan.pace_for(15, day) * rates > 0
