"""Overheating: fires are found in time, summers are none."""

import json

import pytest
from edge.measure.heat import SOON_MS, Heat
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world.weather import Weather

LOOK_MS = 600_000
T0 = 1_790_000_000_000


def watch(temps: list[int | None], every_ms: int = LOOK_MS, raised: bool = False) -> list[tuple[int, bool]]:
    heat, found = Heat(raised), []
    for n, temp in enumerate(temps):
        change = heat.take(temp, T0 + n * every_ms)
        if change is not None:
            found.append((n, change))
    return found


def fire_found_s(start_dc: int, dc_per_min: int, phase_s: int) -> int | None:
    """Seconds from the outbreak until it is told, when the bin looks every ten minutes and again soon after a
    first sign. The sensor gives nothing beyond 210 °C.
    """
    heat, now_s = Heat(), phase_s - 3600
    while now_s < 7200:
        dc = start_dc + max(0, now_s) * dc_per_min // 60
        temp = dc if dc <= 2100 else None
        if heat.take(temp, T0 + now_s * 1000):
            return now_s
        now_s += SOON_MS // 1000 if heat.suspect else 600
    return None


@settings(max_examples=200, deadline=None)
@given(st.integers(-200, 550), st.integers(30, 120), st.integers(0, 599))
def test_a_fire_is_told_at_the_second_look_at_the_latest(start_dc: int, rate: int, phase_s: int) -> None:
    found = fire_found_s(start_dc, rate, phase_s)
    to_warm_s = max(0, 450 - start_dc) * 60 // rate
    assert found is not None
    assert found <= to_warm_s + 1200 + SOON_MS // 1000


@given(st.integers(-200, 500), st.integers(5, 30), st.integers(0, 599))
def test_a_smouldering_one_is_told_when_it_is_hot(start_dc: int, rate: int, phase_s: int) -> None:
    found = fire_found_s(start_dc, rate, phase_s)
    if (750 - start_dc) * 60 // rate + 1300 < 7200:
        assert found is not None
        assert found <= (750 - start_dc) * 60 // rate + 600 + SOON_MS // 1000


def test_a_fire_that_takes_the_sensor_with_it_is_told() -> None:
    assert watch([300, 300, 900, None]) == [(3, True)]
    assert watch([300, None, None, None, 300]) == [], "a wire that is off is no fire"


@pytest.mark.parametrize("glitch", [-400, 449, 600, 740, 760, 1250])
def test_one_glitch_is_no_fire(glitch: int) -> None:
    assert watch([350, 352, glitch, 351, 350] * 50) == []


def test_a_clock_that_is_stepped_makes_no_fire() -> None:
    heat, now = Heat(), T0
    for n in range(2000):
        now += LOOK_MS - (LOOK_MS - 1000 if n % 3 else 0)  # the clock goes back by nearly as much
        assert heat.take(460 + n % 2 * 30, now) is None


def test_two_years_of_suns_and_clouds_are_no_fire() -> None:
    """The hottest boxes: 14 K over the air in full sun, and 25."""
    for seed, sun_k in ((1, 14), (2, 25)):
        weather, heat, hottest = Weather(seed), Heat(), -400
        for n in range(365 * 144):
            t = T0 + n * LOOK_MS
            dc = round(10 * (weather.air_c(t) + sun_k * weather.ghi_w_m2(t) / 1000))
            hottest = max(hottest, dc)
            assert heat.take(dc, t) is None, (n, dc)
            assert not heat.suspect
        assert hottest > 400


def test_it_is_cleared_once_when_it_has_been_cool_for_three_looks() -> None:
    temps: list[int | None] = [300, 900, 900, 900, 650, 590, 590, 610, 590, None, 590, 580, 570, 300, 300]
    assert watch(temps) == [(2, True), (11, False)]
    assert watch([300] * 5, raised=True) == [(2, False)], "raised before a power cut"
    assert watch([900] * 5, raised=True) == []


@given(st.lists(st.none() | st.integers(-400, 2100), max_size=80), st.integers(1, 3_600_000))
def test_raise_and_clear_take_turns_and_sleep_changes_nothing(temps: list[int | None], every_ms: int) -> None:
    awake, raised, state = Heat(), False, None
    for n, temp in enumerate(temps):
        asleep = Heat(raised)
        asleep.restore(state)
        change = awake.take(temp, T0 + n * every_ms)
        assert change == asleep.take(temp, T0 + n * every_ms)
        assert change in ((None, False) if raised else (None, True))
        raised = raised if change is None else change
        assert awake.suspect == asleep.suspect
        state = json.loads(json.dumps(asleep.state()))


def test_a_thermostat_that_stays_closed_is_a_fire_and_one_that_rattles_is_none() -> None:
    heat = Heat()
    assert [heat.take(300, T0 + n * SOON_MS, closed=n % 2 == 0) for n in range(20)] == [None] * 20
    burning = Heat()
    assert [burning.take(None, T0 + n * SOON_MS, closed=True) for n in range(4)] == [None, True, None, None]
    assert [burning.take(300, T0 + n * LOOK_MS, closed=True) for n in range(9)] == [None] * 9, "still closed"
