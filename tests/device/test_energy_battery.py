"""Charge from voltage, current, temperature and count: bounded, monotonic, and right within what it says."""

import random

import pytest
from edge.measure.battery import FULL, Battery, Gauge, may_charge, reachable_permille
from edge.measure.supply import Supply
from hypothesis import given
from hypothesis import strategies as st

MV = st.integers(2000, 4400)
DC = st.one_of(st.none(), st.integers(-400, 700))


@given(MV, MV, DC, st.sampled_from(["li-ion", "lifepo4"]))
def test_more_voltage_is_never_less_charge(a: int, b: int, temp_dc: int | None, chemistry: str) -> None:
    battery = Battery({"chemistry": chemistry})
    low, high = sorted((a, b))
    assert 0 <= battery.charge(low, temp_dc) <= battery.charge(high, temp_dc) <= FULL


@given(st.integers(-400, 700), st.integers(-400, 700))
def test_the_cold_keeps_some_back_and_gives_it_again(a: int, b: int) -> None:
    cold, warm = sorted((a, b))
    assert reachable_permille(cold) <= reachable_permille(warm) <= 1000
    gauge = Gauge(Battery({}), 6_000)
    assert (gauge.left_pct(cold) or 0) <= (gauge.left_pct(warm) or 0)


@given(st.lists(st.tuples(st.one_of(st.none(), MV), st.one_of(st.none(), st.integers(-2000, 3000)), DC,
                          st.integers(-40_000_000, 40_000_000))))  # fmt: skip
def test_nothing_takes_it_out_of_its_bounds(
    looks: list[tuple[int | None, int | None, int | None, int]],
) -> None:
    gauge = Gauge(Battery({}))
    for look in looks:
        gauge.take(*look)
        assert gauge.charge is None or 0 <= gauge.charge <= FULL
        left = gauge.left_pct(look[2])
        assert left is None or 0 <= left <= 100


@pytest.mark.parametrize("true_ohm", [0.05, 0.1, 0.3])
def test_it_follows_a_battery_through_sun_and_night(true_ohm: float) -> None:
    """A month: 500 mWh a day out, sun in, a count that is 5 % wrong, a resistance known to a factor of 3."""
    rng = random.Random(1)
    battery = Battery({"mohm": 300})
    gauge, true = Gauge(battery), 0.7
    for hour in range(24 * 30):
        out = 21.0
        gain = rng.uniform(0, 160) if 9 <= hour % 24 <= 15 and true < 0.98 else 0.0
        true += (gain - out) / 12_000
        ma = (gain * 1.0 - out - 250) / 3.7
        open_mv = next(mv for mv in range(3000, 4200) if battery.charge(mv, 250) >= true * FULL)
        gauge.take(round(open_mv + ma * true_ohm), round(ma), 250, round((gain - out) * 1.05 * 3600))
        if hour > 24:
            assert abs((gauge.charge or 0) / FULL - true) < 0.12, hour


def test_the_first_measurement_counts_at_once() -> None:
    gauge = Gauge(Battery({}))
    assert gauge.left_pct(200) is None
    gauge.take(3640, 0, 250, 0)
    assert gauge.left_pct(250) == 30


def test_cells_in_series_and_wrong_settings() -> None:
    assert Battery({"chemistry": "lifepo4", "cells": 4}).share_permille(13_080) == 400
    with pytest.raises(ValueError, match="chemistry lead, expected li-ion or lifepo4"):
        Battery({"chemistry": "lead"})
    with pytest.raises(ValueError, match="mwh is 0, expected a whole number above 0"):
        Battery({"mwh": 0})


def test_no_charging_in_the_frost() -> None:
    assert [may_charge(dc) for dc in (-1, 0, 450, 451)] == [False, True, True, False]


@given(st.integers(50, 1200), st.integers(-300, 400), st.integers(-300, 400), st.integers(0, 12))
def test_a_bolt_is_never_promised_more_than_the_battery_showed(
    true_mohm: int, seen_dc: int, later_dc: int, pulls: int
) -> None:
    """Whatever was learned, in whatever cold: the voltage under a bolt is not taken for higher than it is."""
    supply = Supply({"mohm": 300, "bolt_ma": 600})

    def sag_mv(temp_dc: int) -> float:
        return 0.6 * true_mohm * (1 + max(0, 200 - temp_dc) / 200)

    for _ in range(pulls):
        supply.pulled(3800, round(3800 - sag_mv(seen_dc)), seen_dc)
    if pulls or true_mohm <= 300:
        assert supply.loaded_mv(3800, later_dc) <= 3800 - sag_mv(later_dc) + 6
    supply.pulled(3800, 3795, seen_dc)  # the bolt was out already, no motor ran: says nothing
    if pulls == 12 and true_mohm <= 300:
        assert supply.loaded_mv(3800, later_dc) >= 3800 - sag_mv(later_dc) - 40, "a good one is found out"
