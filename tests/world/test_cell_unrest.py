"""Wind, lorries and warmth around a scale: of the stated size, the same whoever looks in whatever order."""

import random
import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.world.sway import CALM, Sway, SwaySpec, lean_g
from simulators.world.thermal import ThermalMass

NOW_MS = 1_774_800_000_000
HOUR_MS = 3_600_000


def test_the_wind_blows_as_stated() -> None:
    sway = Sway(SwaySpec("7/somewhere"))
    rng = random.Random(7)
    seen = [sway.wind_mps(NOW_MS + rng.randrange(365 * 24 * HOUR_MS)) for _ in range(20_000)]
    assert 2.3 < statistics.mean(seen) < 3.2
    assert min(seen) >= 0
    assert 7 < max(seen) < 25
    hour = [sway.wind_mps(NOW_MS + k * 100) for k in range(36_000)]
    assert 0.15 < statistics.pstdev(hour) / statistics.mean(hour) < 0.5


def test_ten_metres_a_second_are_27_grams() -> None:
    sway = Sway(SwaySpec("7/somewhere", lorries_per_hour=0.0))
    for k in range(3_000):
        t = NOW_MS + k * 777_777
        expected = 27.5 * (sway.wind_mps(t) / 10) ** 2
        assert abs(sway.push_g(t, 40_000) - expected) < 0.01 * expected + 0.01


def test_lorries_pass_as_often_as_stated_and_shake_what_lies_there() -> None:
    sway = Sway(SwaySpec("7/street", wind_permille=0.0, lorries_per_hour=6.0))
    passes, shaking = 0, False
    days = 4
    for k in range(days * 24 * 3600):
        now_shaking = sway.unrest_g(NOW_MS + k * 1_000, 30_000) > 0
        passes += now_shaking and not shaking
        shaking = now_shaking
    assert days * 24 * 6 * 0.8 < passes < days * 24 * 6 * 1.2
    busy = [sway.push_g(NOW_MS + 10 * HOUR_MS + k * 100, 30_000) for k in range(36_000)]
    assert 10 < max(busy) < 70
    assert abs(statistics.mean(busy)) < 0.2, "it shakes about the true weight"
    light = [sway.push_g(NOW_MS + 10 * HOUR_MS + k * 100, 15_000) for k in range(36_000)]
    assert max(light) * 1.9 < max(busy) < max(light) * 2.1


def test_calm_is_calm() -> None:
    sway = Sway(CALM)
    assert all(sway.push_g(NOW_MS + k * 9_999, 50_000) == 0 for k in range(5_000))
    assert sway.quiet(NOW_MS, 50_000)


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=20), st.randoms())
def test_the_order_of_looks_makes_no_difference(offsets: list[int], shuffle: random.Random) -> None:
    spec = SwaySpec("11/x", lorries_per_hour=40.0)
    one, other = Sway(spec), Sway(spec)
    first = {o: one.push_g(NOW_MS + o, 20_000) for o in offsets}
    shuffle.shuffle(offsets)
    assert {o: other.push_g(NOW_MS + o, 20_000) for o in offsets} == first


def test_while_it_is_quiet_a_second_makes_no_difference() -> None:
    sway = Sway(SwaySpec("3/y"))
    rng = random.Random(3)
    for _ in range(4_000):
        t = NOW_MS + rng.randrange(30 * 24 * HOUR_MS)
        if sway.quiet(t, 30_000):
            assert abs(sway.push_g(t + 1_000, 30_000) - sway.push_g(t, 30_000)) < 7


def test_one_who_leans_breathes() -> None:
    seen = [lean_g(2_000, NOW_MS + 100 * k) for k in range(100)]
    assert 1_890 < min(seen) < 1_910
    assert 2_090 < max(seen) < 2_110


def test_a_heavy_thing_follows_late_and_less() -> None:
    noon_ms = NOW_MS + 12 * HOUR_MS

    def air_c(t_ms: int) -> float:
        return 40.0 if t_ms >= noon_ms else 10.0

    body = ThermalMass(air_c)
    assert body.celsius(noon_ms - HOUR_MS) == pytest.approx(10.0)
    at = [body.celsius(noon_ms + m * 60_000) for m in range(0, 301, 5)]
    assert all(b >= a for a, b in pairwise(at))
    half = next(5 * k for k, c in enumerate(at) if c >= 25)
    assert 20 <= half <= 45, "40 min times ln 2, give or take the grid"
    assert at[-1] == pytest.approx(40.0)
    assert body.trend_k_h(noon_ms + 20 * 60_000) > 15
    assert abs(body.trend_k_h(noon_ms + 300 * 60_000)) < 0.1
