"""A truck's shift: it keeps to its plan, its receiver tells where it is, what it lifts is weighed again."""

import itertools
import re
from functools import reduce
from typing import Any

import pytest

from simulators.scene import BridgeSignal, PinLevel, UartBytes
from simulators.world.district import district
from simulators.world.geometry import distance_m, to_metres
from simulators.world.rounds import Leg, Stop, phase_ms, slot_of, slot_start_ms
from simulators.world.truck import TruckScene

SENTENCE = re.compile(rb"\$(G[NPAL][A-Z]{3},[^*\r\n]*)\*([0-9A-F]{2})\r\n")
SLOT_MS = 2 * 3_600_000


@pytest.fixture(scope="module")
def shift(world: Any) -> tuple[TruckScene, Any, list[dict[str, Any]]]:
    """Four hours of one truck whose unit keeps the cargo door unlocked."""
    truth: list[dict[str, Any]] = []
    scene = district(5).scene("truck-03", world.MONDAY_MS, truth=truth.append)
    assert isinstance(scene, TruckScene)
    unit = world.PlainUnit(scene, world.MONDAY_MS)
    unit.drive(world.TRUCK["lock0"]["drive"], 1)
    unit.drive(world.TRUCK["scale0"]["power"], 1)
    unit.run(world.MONDAY_MS + 2 * SLOT_MS)
    return scene, unit, truth


def _sentences(world: Any, unit: Any) -> list[tuple[int, list[str]]]:
    found = []
    for at, stimulus in unit.log:
        if isinstance(stimulus, UartBytes) and stimulus.uart == world.TRUCK["gnss"]["uart"]:
            matches = list(SENTENCE.finditer(stimulus.data))
            assert b"".join(m.group() for m in matches) == stimulus.data
            for m in matches:
                assert reduce(lambda a, b: a ^ b, m.group(1)) == int(m.group(2), 16)
                assert len(m.group()) <= 82 + 2
                found.append((at, m.group(1).decode().split(",")))
    return found


def _degrees(value: str, letter: str) -> float:
    whole, minutes = divmod(float(value), 100)
    return (whole + minutes / 60) * (-1 if letter in "SW" else 1)


def test_every_second_has_an_rmc_and_a_gga(world: Any, shift: Any) -> None:
    _, unit, _ = shift
    kinds = [fields[0][2:] for _, fields in _sentences(world, unit)]
    seconds = 2 * SLOT_MS // 1000
    assert kinds.count("RMC") == kinds.count("GGA") == pytest.approx(seconds, abs=2)
    assert kinds.count("GSA") > 100
    assert kinds.count("VTG") > 100


def test_fixes_are_near_where_the_truck_is(world: Any, shift: Any) -> None:
    scene, unit, truth = shift
    jumps = {line["t"] for line in truth if line["what"] == "gnss" and line["state"] == "jump"}
    plan = district(5)
    far = []
    for at, fields in _sentences(world, unit):
        if fields[0] == "GNGGA" and fields[6] == "1" and at not in jumps:
            lat, lon = _degrees(fields[2], fields[3]), _degrees(fields[4], fields[5])
            t = at - at % 1000
            slot = slot_of(t, phase_ms(plan.town, scene.spec.number))
            true = plan.rounds.round(scene.spec.number, slot).at(t, plan.town).point
            far.append(distance_m(to_metres(lon, lat), true))
    far.sort()
    assert far[len(far) // 2] < 5
    assert far[-1] < 20


def test_a_cold_start_begins_without_a_fix(world: Any, shift: Any) -> None:
    _, unit, _ = shift
    rmc = [fields for _, fields in _sentences(world, unit) if fields[0] == "GNRMC"]
    first = next(k for k, fields in enumerate(rmc) if fields[2] == "A")
    assert 20 <= first <= 45
    assert rmc[0][1] == ""
    assert rmc[first - 1][1] != ""  # the time comes before the place
    assert all(fields[3] == fields[5] == "" for fields in rmc[:first])


def test_speeds_are_those_of_a_truck(shift: Any) -> None:
    scene, _, _ = shift
    plan = district(5)
    planned = plan.rounds.round(
        scene.spec.number, slot_of(scene.now, phase_ms(plan.town, scene.spec.number)) - 1
    )
    for leg in planned.items:
        if isinstance(leg, Leg):
            speeds = [leg.drive.at(t / 2).speed for t in range(int(leg.drive.seconds * 2))]
            assert max(speeds) <= 50 / 3.6 + 0.01
            assert all(abs(b - a) <= 0.6 for a, b in itertools.pairwise(speeds))
            ends = leg.drive.at(0).point, leg.drive.at(leg.drive.seconds).point
            assert ends[0] == pytest.approx(leg.drive.points[0])
            assert ends[1] == pytest.approx(leg.drive.points[-1], abs=0.5)


def test_rounds_have_no_gaps() -> None:
    plan = district(5)
    for truck in range(12):
        phase = phase_ms(plan.town, truck)
        for slot in range(246_000, 246_006):
            planned = plan.rounds.round(truck, slot)
            assert planned.start == slot_start_ms(slot, phase)
            assert planned.items[0].t0 == planned.start
            assert planned.items[-1].t1 == planned.end == slot_start_ms(slot + 1, phase)
            for a, b in zip(planned.items, planned.items[1:], strict=False):
                assert a.t1 == b.t0
                assert isinstance(a, Leg) != isinstance(b, Leg)
            kinds = [i.kind for i in planned.items if isinstance(i, Stop)]
            assert kinds[-4:] == ["gross", "unload", "tare", "park"]
            assert kinds.count("containers") > 8


def test_the_weighbridge_weighs_what_was_lifted(shift: Any) -> None:
    scene, _, truth = shift
    passages = [line for line in truth if line["what"] == "passage"]
    assert len(passages) == 2
    for before, after in zip([{"t": 0}, *passages], passages, strict=False):
        lifted = [x for x in truth if x["what"] == "lift" and before["t"] < x["t"] < after["t"]]
        assert len(lifted) > 15
        assert after["gross_g"] - after["tare_g"] == sum(line["contents_g"] for line in lifted)
        assert after["tare_g"] == scene.spec.kerb_g
        assert after["plate"] == scene.spec.plate


def test_a_lift_is_a_tag_then_gross_then_tare(world: Any, shift: Any) -> None:
    scene, unit, truth = shift
    lift = next(line for line in truth if line["what"] == "lift")
    during = [(at - lift["t"], s) for at, s in unit.log if 0 <= at - lift["t"] < 30_000]
    tags = [s.data for _, s in during if isinstance(s, UartBytes) and s.uart == world.TRUCK["ident"]["uart"]]
    assert tags == [lift["ident"].encode() + b"\r\n"]
    assert re.fullmatch("[0-9A-F]{24}", lift["ident"])
    lifter = [
        (at, s.level) for at, s in during if isinstance(s, PinLevel) and s.pin == world.TRUCK["lifter"]["pin"]
    ]
    assert [level for _, level in lifter] == [0, 1]
    up, down = lifter[0][0], lifter[1][0]
    bridge = [(at, s) for at, s in during if isinstance(s, BridgeSignal)]
    cell = scene.spec.cell

    def grams_at(t: int) -> float:
        nanovolt = [s.nanovolt for at, s in bridge if at <= t][-1]
        return float((nanovolt - cell.zero_nv) / cell.nv_per_g)

    assert grams_at(up + 4_000) == pytest.approx(lift["gross_g"], abs=150)
    assert grams_at(down - 1_000) == pytest.approx(lift["tare_g"], abs=150)


def test_the_cargo_door_opens_only_while_the_bolt_is_withdrawn(world: Any, shift: Any) -> None:
    _, _, truth = shift
    assert [h["opened"] for h in truth if h["what"] == "handle" and h["where"] == "unload"] == [True, True]
    locked: list[dict[str, Any]] = []
    scene = district(5).scene("truck-03", world.MONDAY_MS, truth=locked.append)
    world.PlainUnit(scene, world.MONDAY_MS).run(world.MONDAY_MS + SLOT_MS)
    tries = [line for line in locked if line["what"] == "handle"]
    assert tries
    assert not any(line["opened"] for line in tries)
    assert not any(line["what"] in ("door", "unloaded") for line in locked)


def test_bins_and_trucks_agree_without_talking(world: Any) -> None:
    plan = district(5)
    for device in ("bin-001", "bin-017", "bin-040"):
        index = plan.site_index(device)
        after = world.MONDAY_MS
        for _ in range(4):
            due = plan.collection(index, after)
            assert due is not None
            assert due.t > after
            site = plan.town.sites[index]
            stop = plan.rounds.round(site.zone, slot_of(due.t, phase_ms(plan.town, site.zone))).item(due.t)
            assert isinstance(stop, Stop)
            assert (stop.kind, stop.site) == ("bin", site.id)
            assert due.truck == plan.trucks[site.zone].device
            after = due.t


def test_supply_tells_a_running_engine(world: Any, shift: Any) -> None:
    scene, unit, _ = shift
    pin = world.TRUCK["battery"]["pin"]
    assert 24_000 < scene.adc_mv(unit.now, pin) * 11 < 29_000
    scene.supply.engine(running=True)
    unit.run(unit.now + 600_000)
    scene.supply.engine(running=True)
    assert scene.adc_mv(unit.now, pin) * 11 > 27_000
