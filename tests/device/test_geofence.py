"""Fences: inside and outside exactly, crossings once however the receiver jitters, and the door's rule."""

import random

from edge.measure.geofence import EDGE_MS, Fence, border_cm, door_allowed, inside
from hypothesis import given
from hypothesis import strategies as st

LAT, LON = 391_200_000, 1_171_500_000
CM = 1.11319
COORD = st.integers(-1_800_000_000, 1_800_000_000)


def square(half_m: int, lat: int = LAT, lon: int = LON) -> list[list[int]]:
    half = round(half_m * 100 / CM)
    return [
        [lon - half, lat - half],
        [lon + half, lat - half],
        [lon + half, lat + half],
        [lon - half, lat + half],
    ]


def winding(ring: list[list[int]], lat: int, lon: int) -> int | None:
    """Winding number of a ring about a point, by quadrants; None on the border."""
    turns = 0
    for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True):
        cross = (x1 - x0) * (lat - y0) - (lon - x0) * (y1 - y0)
        if cross == 0 and min(x0, x1) <= lon <= max(x0, x1) and min(y0, y1) <= lat <= max(y0, y1):
            return None
        if y0 <= lat < y1 and cross > 0:
            turns += 1
        elif y1 <= lat < y0 and cross < 0:
            turns -= 1
    return turns


@given(st.lists(st.tuples(COORD, COORD), min_size=3, max_size=9), COORD, COORD)
def test_inside_is_an_odd_winding_number_for_any_ring(
    points: list[tuple[int, int]], lat: int, lon: int
) -> None:
    ring = [list(point) for point in points]
    turns = winding(ring, lat, lon)
    if turns is not None:
        assert inside([ring], lat, lon) == bool(turns % 2)
        assert inside([[*ring, ring[0]]], lat, lon) == bool(turns % 2), "closed or not is the same ring"


@given(st.integers(0, 9), st.integers(0, 9))
def test_neighbours_share_every_point_of_their_border_once(x: int, y: int) -> None:
    tiles = [[[[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]]] for i in range(-1, 11) for j in range(-1, 11)]
    assert sum(inside(tile, y, x) for tile in tiles) == 1


def test_a_hole_is_outside() -> None:
    rings = [square(100), square(20)]
    assert inside(rings, LAT + 5000, LON)
    assert not inside(rings, LAT, LON)


def test_distance_to_the_border() -> None:
    fence = [square(100)]
    assert abs(border_cm(fence, LAT + round(90 * 100 / CM), LON) - 1000) < 20
    east = round(100 * 100 / CM)
    assert abs(border_cm(fence, LAT, LON + east + round(1000 / CM / 0.7758)) - 1000) < 20


def drive(fence: Fence, track: list[tuple[float, float]]) -> list[str]:
    """One fix a second at (north, east) metres from the centre."""
    events = []
    for second, (north, east) in enumerate(track):
        event = fence.update(
            LAT + round(north * 100 / CM), LON + round(east * 100 / CM / 0.7758), second * 1000
        )
        if event:
            events.append(event)
    return events


@given(st.integers(0, 10**6))
def test_driving_through_with_jitter_is_one_enter_and_one_exit(seed: int) -> None:
    rng = random.Random(seed)
    track = [(rng.gauss(0, 3), -200 + 5 * second + rng.gauss(0, 3)) for second in range(81)]
    assert drive(Fence("yard", [square(100)]), track) == ["enter", "exit"]


@given(st.integers(0, 10**6))
def test_standing_on_the_border_makes_no_stream_of_events(seed: int) -> None:
    rng = random.Random(seed)
    track = [(100 + max(-9.0, min(9.0, rng.gauss(0, 3))), 0.0) for _ in range(600)]
    assert len(drive(Fence("yard", [square(100)]), track)) <= 1


def test_one_fix_far_off_is_no_crossing() -> None:
    track = [(0.0, 0.0)] * 10 + [(5000.0, 0.0)] + [(0.0, 0.0)] * 10
    assert drive(Fence("yard", [square(100)]), track) == ["enter"]


def test_parking_just_inside_is_an_enter_after_a_while() -> None:
    fence = Fence("yard", [square(100)])
    assert drive(fence, [(96.0, 0.0)] * (EDGE_MS // 1000)) == []
    assert drive(fence, [(96.0, 0.0)] * (EDGE_MS // 1000 + 1)) == ["enter"]


def test_the_door_obeys_all_fences_together() -> None:
    only = [Fence(f"o{k}", [square(10)], "inside-only") for k in range(2)]
    never = Fence("n", [square(10)], "never-inside")
    assert door_allowed([Fence("f", [square(10)])]) is None
    assert door_allowed([never]) is False, "until a fix has told the side, it may be inside"
    assert drive(never, [(50.0, 0.0)]) == []
    assert door_allowed([never]) is True
    assert door_allowed(only) is False
    only[1].within = True
    assert door_allowed([*only, never]) is True
    never.within = True
    assert door_allowed([*only, never]) is False
