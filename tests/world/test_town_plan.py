"""Any seed draws a town that can be driven, mapped and provisioned."""

import itertools
import json
from typing import Any

import msgspec
import pytest
from edge.measure.calibration import Calibration
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.devices import parse_devices
from hardware import load_board
from simulators.world.build import BIN_E_G
from simulators.world.cell import Cell, counts
from simulators.world.district import Links, district
from simulators.world.geometry import distance_m, inside, to_degrees, to_metres
from simulators.world.town import Town, town
from simulators.world.townmap import base_map, fence_map, unit_fences

SEEDS = settings(max_examples=8, deadline=None)


@SEEDS
@given(st.integers(0, 10**9))
def test_every_place_can_be_reached(seed: int) -> None:
    place = Town(seed)
    home = place.station.parking[0]
    goals = [s.node for s in place.sites[::9]] + [
        place.yard.hall,
        place.station.bridge,
        *place.station.parking,
    ]
    for goal in goals:
        way = place.streets.way(home, goal)
        assert (way[0], way[-1]) == (home, goal)
        assert all(b in place.streets.links[a] for a, b in itertools.pairwise(way))


@SEEDS
@given(st.integers(0, 10**9))
def test_sites_stand_apart_beside_streets_within_the_district(seed: int) -> None:
    place = Town(seed)
    assert len(place.sites) == 64
    assert len({site.id for site in place.sites}) == len({site.node for site in place.sites}) == 64
    assert len({site.name_zh for site in place.sites}) == len({site.name_en for site in place.sites}) == 64
    for site in place.sites:
        assert inside(site.point, place.border)
        assert not inside(site.point, place.river)
        assert distance_m(site.point, place.streets.points[site.node]) < 110
        assert place.drivable(site.node)
    assert {site.zone for site in place.sites} == set(range(12))


@SEEDS
@given(st.integers(0, 10**9))
def test_fences_hold_what_they_are_named_after(seed: int) -> None:
    place = Town(seed)
    fences = {fence.id: fence for fence in place.fences}
    assert {fence.door for fence in place.fences} == {None, "inside-only", "never-inside"}
    for node in (place.station.bridge, place.station.hall, *place.station.parking):
        assert inside(place.streets.points[node], fences["station"].ring)
    assert inside(place.streets.points[place.yard.hall], fences["yard"].ring)
    assert not inside(place.streets.points[place.yard.hall], fences["station"].ring)
    for fence in place.fences[1:]:
        assert all(inside(point, fences["district"].ring) for point in fence.ring)


@SEEDS
@given(st.integers(0, 10**9))
def test_nothing_is_built_on_water_or_street(seed: int) -> None:
    place = Town(seed)
    for block in place.blocks:
        for building in block.buildings:
            assert all(inside(corner, block.ring) for corner in building)
            assert not any(inside(corner, place.river) for corner in building)


def _area(ring: list[list[float]]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in itertools.pairwise(ring)) / 2


@pytest.mark.parametrize("seed", [1, 2, 77])
def test_the_map_is_geojson_of_rfc_7946(seed: int) -> None:
    features = base_map(town(seed))["features"]
    assert {f["properties"]["kind"] for f in features} == {
        "district", "block", "water", "building", "street", "fence", "facility", "site",
    }  # fmt: skip
    assert len({f["id"] for f in features}) == len(features)
    for feature in features:
        geometry = feature["geometry"]
        polygons = {"Polygon": [geometry["coordinates"]], "MultiPolygon": geometry["coordinates"]}
        for rings in polygons.get(geometry["type"], []):
            for ring in rings:
                assert ring[0] == ring[-1]
                assert len(ring) >= 4
                assert _area(ring) > 0  # counter-clockwise
        for lon, lat in _positions(geometry["coordinates"]):
            assert 117.1 < lon < 117.2
            assert 39.08 < lat < 39.16
        properties = feature["properties"]
        if properties["kind"] in ("street", "fence", "facility", "site"):
            assert properties["name_en"]
            assert properties["name_zh"]
    assert len(json.dumps(features, ensure_ascii=False)) < 400_000


def _positions(coordinates: Any) -> list[tuple[float, float]]:
    if isinstance(coordinates[0], float):
        return [(coordinates[0], coordinates[1])]
    return [position for part in coordinates for position in _positions(part)]


@given(st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_degrees_and_metres(east: float, north: float) -> None:
    assert to_metres(*to_degrees((east, north))) == pytest.approx((east, north), abs=1e-6)


def test_fences_as_units_are_provisioned() -> None:
    fences = unit_fences(fence_map(town(1)))
    assert [f["id"] for f in fences] == ["district", "station", "yard", "plaza", "school"]
    assert "door" not in fences[0]
    lon, lat = fences[1]["rings"][0][0]
    assert (lon // 10_000_000, lat // 10_000_000) == (117, 39)
    assert fences[1]["rings"][0][0] != fences[1]["rings"][0][-1]


@pytest.mark.parametrize(
    "feature",
    [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"id": "a"}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[]]}, "properties": {}},
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
            "properties": {"id": "a", "door": "sometimes"},
        },
    ],
)
def test_bad_fences_are_refused_with_what_was_expected(feature: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        unit_fences({"type": "FeatureCollection", "features": [feature]})


def test_the_gateway_takes_the_devices_file() -> None:
    plan = district(1, bins=60, trucks=12)
    devices = parse_devices(msgspec.json.encode(plan.devices()))
    assert len(devices) == 72
    bin_ = devices["bin-001"]
    assert (bin_.unit, len(bin_.bays)) == ("bin", 2)
    assert bin_.lat is not None
    assert devices["truck-12"].lat is None


@pytest.mark.parametrize("device", ["bin-001", "bin-033", "truck-07"])
def test_settings_name_only_parts_that_the_board_has(device: str) -> None:
    plan = district(3)
    document = plan.settings(device, Links(broker_host="10.0.0.1", broker_port=1884))
    parts = load_board(plan.unit(device).board)["parts"]
    assert document["board"]["parts"] == parts
    assert document["device"] == device
    assert len(document["key"]) == 64
    assert (document["broker"]["host"], document["broker"]["port"]) == ("10.0.0.1", 1884)
    assert set(document["scales"]) <= set(parts)
    for bay in document.get("bays", []):
        assert {bay["scale"], bay["lock"]} <= set(parts)
    assert len(json.dumps(document)) < 32_000  # half of the settings partition


def test_a_calibration_fits_its_cell() -> None:
    plan = district(3)
    for spec in plan.bins:
        scales = plan.settings(spec.device)["scales"]
        for bay in spec.bays:
            cal = Calibration(scales[bay.scale])
            for temp_c in (-15, 45):
                cell = Cell(bay.cell, 0)
                cell.put(20_000, 0)
                reading = cal.reduced(counts(cell.signal_nv(0, temp_c)), 10 * temp_c)
                zero = cal.reduced(counts(Cell(bay.cell, 0).signal_nv(0, temp_c)), 10 * temp_c)
                assert cal.mg(reading, zero, 10 * temp_c) / 1000 == pytest.approx(20_000, abs=BIN_E_G / 2)
                assert abs(cal.mg(zero, cal.zero)) < 1_000 * BIN_E_G
            assert bay.cell.zero_nv + 60_000 * bay.cell.nv_per_g < 12.8e6  # within the converter's range


def test_settings_of_different_units_share_no_secret() -> None:
    plan = district(3)
    documents = [plan.settings(unit.device) for unit in plan.units]
    assert len({d["key"] for d in documents}) == len(documents)
    assert len({d["broker"]["password"] for d in documents}) == len(documents)


def test_more_bins_than_blocks() -> None:
    plan = district(4, bins=300, trucks=20)
    assert len({site.node for site in plan.town.sites}) == 300
    assert len({site.name_zh for site in plan.town.sites}) == 300
    assert plan.unit("truck-20").unit == "truck"
