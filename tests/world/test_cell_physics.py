"""The cells that bins are built with, through the tests of OIML R 60 for class C3, and their memory."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world.build import BIN_MAX_G, load_cell
from simulators.world.cell import NV_PER_COUNT, Cell, CellSpec, counts, hum_nv
from simulators.world.kernel import Stream

RATED_G = 100_000
V_G = BIN_MAX_G / 3000
"""The verification interval of a C3 cell used up to Max."""
P_LC = 0.7
MINUTE_MS = 60_000


def built(number: int) -> CellSpec:
    return load_cell(Stream("cell test", number), f"test/{number}", RATED_G, BIN_MAX_G, 13_000.0)


def mpe_g(load_g: float) -> float:
    n = load_g / V_G
    return P_LC * V_G * (0.5 if n <= 500 else 1.0 if n <= 2000 else 1.5)


@pytest.mark.parametrize("number", range(40))
def test_linearity_hysteresis_and_span_stay_in_the_envelope_of_class_c3(number: int) -> None:
    spec = built(number)

    def ramp(temp_c: float) -> list[tuple[float, float]]:
        """(load, nV above the unloaded cell), up and down again, quickly: creep has its own test."""
        cell = Cell(spec, 0)
        empty = cell.signal_nv(0, temp_c)
        seen = []
        steps = [k * BIN_MAX_G / 12 for k in range(13)]
        for load in steps + steps[-2::-1]:
            cell.put(load - cell.load_g, 0)
            seen.append((load, cell.signal_nv(0, temp_c) - empty))
        return seen

    at_20 = dict(ramp(20.0)[:13])
    nv_per_g = at_20[0.75 * BIN_MAX_G] / (0.75 * BIN_MAX_G)
    for temp_c in (-10.0, 0.0, 20.0, 40.0):
        for load, nv in ramp(temp_c):
            assert abs(nv / nv_per_g - load) <= mpe_g(load), (temp_c, load)


@pytest.mark.parametrize("number", range(40))
def test_zero_keeps_to_its_temperature_limit(number: int) -> None:
    spec = built(number)
    v_min_g = RATED_G / 10_000
    for cold in range(-20, 50, 5):
        moved = Cell(spec, 0).signal_nv(0, cold + 5.0) - Cell(spec, 0).signal_nv(0, float(cold))
        assert abs(moved) / spec.nv_per_g <= P_LC * v_min_g * 1.01


@pytest.mark.parametrize("number", range(40))
def test_creep_and_return_to_zero(number: int) -> None:
    spec = built(number)
    cell = Cell(spec, 0)
    empty = cell.signal_nv(0, 20.0)
    cell.put(BIN_MAX_G, 0)
    read = [cell.signal_nv(m * MINUTE_MS, 20.0) / spec.nv_per_g for m in range(31)]
    limit = mpe_g(BIN_MAX_G)
    assert max(abs(g - read[0]) for g in read) <= 0.7 * limit
    assert abs(read[30] - read[20]) <= 0.15 * limit
    assert abs(read[8] - read[0]) > 0.6 * abs(read[30] - read[0]), "most of it comes in the first minutes"
    cell.put(-BIN_MAX_G, 30 * MINUTE_MS)
    back = cell.signal_nv(30 * MINUTE_MS, 20.0) - empty
    assert abs(back) / spec.nv_per_g <= 0.5 * V_G
    next_day = cell.signal_nv(24 * 60 * MINUTE_MS, 20.0) - empty
    assert abs(next_day) / spec.nv_per_g <= 30.1e-6 * BIN_MAX_G, "half the hysteresis is left"


def test_a_load_come_upon_from_above_shows_more() -> None:
    spec = CellSpec(66.0, 850_000, 0.0, 0.0, 0.0, 60_000, hysteresis_ppm=60.0)
    up, down = Cell(spec, 0), Cell(spec, 0)
    up.put(30_000, 0)
    down.put(60_000, 0)
    down.put(-30_000, 0)
    apart_g = (down.signal_nv(0, 20.0) - up.signal_nv(0, 20.0)) / spec.nv_per_g
    assert 0.5 * 3.6 < apart_g <= 3.6  # 60 ppm of 60 kg


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-8_000, 20_000), st.integers(0, 900_000)), max_size=12), st.integers(0, 9)
)
def test_the_memory_is_all_in_the_state(steps: list[tuple[int, int]], number: int) -> None:
    cell, now = Cell(built(number), 0), 0
    for mass, wait in steps:
        now += wait
        cell.put(max(mass, -cell.load_g), now)
    again = Cell(built(number), 0)
    again.restore(cell.state())
    assert again.signal_nv(now + 5_000, 35.0) == cell.signal_nv(now + 5_000, 35.0)
    cell.rest(0.0, now + 10_000)
    fresh = Cell(built(number), now + 10_000)
    off_g = (cell.signal_nv(now + 10_000, 20.0) - fresh.signal_nv(now + 10_000, 20.0)) / cell.spec.nv_per_g
    assert abs(off_g) <= 60e-6 * BIN_MAX_G, "nothing but hysteresis is left"


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 59_000), st.floats(10, 1_000), st.floats(-20, 50))
def test_more_load_is_more_signal(load: float, more: float, temp_c: float) -> None:
    spec = built(3)
    less, greater = Cell(spec, 0), Cell(spec, 0)
    less.put(load, 0)
    greater.put(load + more, 0)
    gained = (greater.signal_nv(0, temp_c) - less.signal_nv(0, temp_c)) / spec.nv_per_g
    assert gained == pytest.approx(more, rel=0.002)


def test_counts_are_those_of_the_data_sheet() -> None:
    full_nv = 0.5 * 3.3e9 / 128
    assert counts(0) == 0
    assert counts(full_nv / 2 + NV_PER_COUNT / 2) == 0x400000
    assert (counts(1e9), counts(-1e9)) == (0x7FFFFF, -0x800000)


def test_hum_is_a_slow_beat_that_vanishes_with_a_true_oscillator() -> None:
    seen = [hum_nv(40.0, 100 * k) for k in range(200)]
    assert max(map(abs, seen)) == pytest.approx(40.0, rel=0.05)
    assert max(abs(b - a) for a, b in pairwise(seen)) < 40.0 * 0.3
    assert all(math.isclose(hum_nv(40.0, 100 * k, 0.0), 0.0) for k in range(200))
