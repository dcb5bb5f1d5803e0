"""Zero moves only as OIML R 76-1, 4.5 allows, and no sequence of loads and power cuts makes it walk away."""

import json
import random
from fractions import Fraction
from typing import Any

import pytest
from edge.measure.calibration import Calibration
from edge.measure.zero import BELOW_MS, Zero
from edge.store.state import State
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.device.flash import Flash, PowerFails
from tests.device.weighing_load import calibration

CAL = calibration()
E = CAL.e_counts
NOW_MS = 1_790_000_000_000
PERCENT = 43 * 600  # counts in 1 % of Max


def look(
    zero: Zero, reading: int, stable_ms: int = 1200, below_ms: int = 0, temp_dc: int | None = 200
) -> bool:
    """What a look of the bin does with a stable reading (app/scale.py)."""
    moved: bool = zero.automatic(reading, 0, below_ms, temp_dc, NOW_MS)
    return moved or bool(zero.track(reading, 0, stable_ms, temp_dc, NOW_MS))


def test_a_new_scale_has_the_zero_of_its_calibration() -> None:
    zero = Zero(CAL)
    assert (zero.counts, zero.cause, zero.fresh, zero.drift_g()) == (600_000, "calibration", True, 0)


def test_zero_is_kept_with_its_time_temperature_and_cause() -> None:
    zero = Zero(CAL)
    zero.by_crew(600_500, 0, -123, NOW_MS)
    kept = Zero(CAL, json.loads(json.dumps(zero.state())))
    assert (kept.counts, kept.cause, kept.temp_dc, kept.when_ms, kept.fresh) == (
        600_500, "crew", -123, NOW_MS, False,
    )  # fmt: skip
    assert kept.state() == zero.state()
    assert kept.drift_g() == 11


@pytest.mark.parametrize(
    "kept",
    [
        None, [], {}, "zero", [1] * 8, ["scale0-1"], ["scale0-2", 600_500, 600_500, 600_500, 0, 2, 0, 0],
        ["scale0-1", 600_500, 600_500, 600_500, 0, 9, 0, 0], ["scale0-1", "x", 0, 0, 0, 0, 0, 0],
        ["scale0-1", 6_000_000, 600_500, 600_500, 0, 2, 0, 0],
    ],
)  # fmt: skip
def test_a_state_of_another_calibration_or_a_damaged_one_is_not_used(kept: object) -> None:
    zero = Zero(CAL, kept)
    assert (zero.counts, zero.fresh) == (600_000, True)


# Tracking (4.5.7)


@given(st.integers(-3 * E, 3 * E), st.integers(1200, 5000), st.integers(0, E))
def test_tracking_needs_a_zero_indication_and_a_quiet_reading_and_moves_half_d_a_second(
    off: int, stable_ms: int, spread: int
) -> None:
    zero = Zero(CAL)
    moved = zero.track(600_000 + off, spread, stable_ms, 200, NOW_MS)
    step = zero.counts - 600_000
    assert moved == (step != 0)
    if moved:
        assert CAL.indication(CAL.mg(600_000 + off, 600_000)) == 0 or 2 * abs(off) == E
        assert 4 * spread <= E
        assert abs(step) <= min(E * stable_ms // 2000 + 1, E // 4)
        assert 0 < step * (1 if off > 0 else -1) <= abs(off)
    elif 2 * abs(off) <= E and 4 * spread <= E:
        assert 10 * abs(off) <= E, "left alone only when it is too little"


def test_tracking_ends_one_interval_from_what_the_crew_set_and_one_more_for_each_five_degrees() -> None:
    for temp_dc, reach in ((200, 1), (None, 1), (250, 2), (120, 2), (700, 11)):
        zero = Zero(calibration(temp_dc=200, zero_tc=0))
        for _ in range(200):
            look(zero, zero.counts + E // 2, temp_dc=temp_dc)
        assert reach * E - E // 10 <= zero.counts - 600_000 <= reach * E + E * 8 // 10


def test_when_it_is_cold_again_zero_is_not_pushed_back_by_the_limit_alone() -> None:
    zero = Zero(calibration(temp_dc=200, zero_tc=0))
    while look(zero, zero.counts + E // 2, temp_dc=700):
        pass
    high = zero.counts
    assert not look(zero, high + E // 3, temp_dc=200)
    assert zero.counts == high
    assert look(zero, high - E // 3, temp_dc=200), "towards where it came from it may go"
    assert zero.counts < high


# Automatic (4.5.6)


def test_automatic_zero_waits_for_five_seconds_below_zero() -> None:
    for below_ms, taken in ((0, False), (BELOW_MS - 1, False), (BELOW_MS, True)):
        zero = Zero(CAL)
        assert zero.automatic(600_000 - 5 * E, 0, below_ms, 200, NOW_MS) is taken
        assert zero.cause == ("automatic" if taken else "calibration")
    assert not Zero(CAL).automatic(600_000 + 5 * E, 0, 60_000, 200, NOW_MS), "never above zero"
    assert not Zero(CAL).automatic(600_000 - 5 * E, E // 3, 60_000, 200, NOW_MS), (
        "never from an unquiet reading"
    )
    assert not Zero(CAL).automatic(600_000 - 5 * PERCENT, 0, 60_000, 200, NOW_MS), "never beyond 4 % of Max"


# Crew and setup (4.5.1, 4.5.2)


@given(st.integers(E, 3 * PERCENT), st.integers(-E // 2, E // 2), st.integers(1200, 5000))
def test_a_zero_that_was_set_automatically_is_tracked_by_small_moves_and_not_further_away(
    below: int, off: int, stable_ms: int
) -> None:
    zero = Zero(CAL)
    assert zero.automatic(600_000 - below, 0, 5000, 200, NOW_MS)
    before = zero.counts
    zero.track(before + off, 0, stable_ms, 200, NOW_MS)
    assert abs(zero.counts - before) <= E // 4
    assert (zero.counts - before) * off >= 0
    if below > E:  # beyond tracking's reach: only back
        assert zero.counts >= before


def test_a_crew_may_set_zero_within_four_percent_of_max_however_often() -> None:
    zero = Zero(CAL)
    zero.by_crew(600_000 + 4 * PERCENT, 0, 200, NOW_MS)
    with pytest.raises(ValueError, match="at most 4 % of Max, 2400 g"):
        zero.by_crew(600_000 + 4 * PERCENT + E, 0, 200, NOW_MS)
    assert zero.counts == 600_000 + 4 * PERCENT
    zero.by_crew(600_000 - 4 * PERCENT, 0, 200, NOW_MS)


def test_the_initial_zero_is_within_twenty_percent_and_then_the_middle() -> None:
    zero = Zero(CAL)
    with pytest.raises(ValueError, match="at most 20 % of Max, 12000 g"):
        zero.by_setup(600_000 + 20 * PERCENT + E, 0, 200, NOW_MS)
    zero.by_setup(600_000 + 20 * PERCENT, 0, 200, NOW_MS)
    zero.by_crew(600_000 + 24 * PERCENT, 0, 200, NOW_MS)
    with pytest.raises(ValueError, match="4 % of Max"):
        zero.by_crew(600_000, 0, 200, NOW_MS)
    assert Zero(CAL, zero.state()).counts == 600_000 + 24 * PERCENT, "the farthest that may be is kept"


def test_zero_is_taken_only_to_a_quarter_of_an_interval() -> None:
    zero = Zero(CAL)
    with pytest.raises(ValueError, match="a quarter of e"):
        zero.by_crew(600_100, E // 4 + 1, 200, NOW_MS)
    zero.by_crew(600_100, E // 4, 200, NOW_MS)


# Whatever happens

OPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "put", "take", "look", "look", "restart"]),
        st.integers(1, 2000),
        st.sampled_from([1200, 5000]),
    ),
    max_size=200,
)


@settings(max_examples=200, deadline=None)
@given(OPS)
def test_no_sequence_of_loads_makes_zero_walk_away(ops: list[tuple[str, int, int]]) -> None:
    """Things of any weight go in and out, most of them below half an interval; the bin looks in between."""
    zero, load = Zero(CAL), 0
    for what, counts, stable_ms in ops:
        if what == "put":
            load += counts % (E // 2) if counts % 3 else counts
        elif what == "take":
            load -= min(load, counts)
        elif what == "restart":
            zero = Zero(CAL, json.loads(json.dumps(zero.state())))
        else:
            below = load < zero.counts - 600_000 - E // 2
            look(zero, 600_000 + load, stable_ms, BELOW_MS if below else 0)
        assert 0 <= zero.counts - 600_000 <= E, (what, load)


def test_things_of_half_an_interval_put_in_for_ever_are_weighed_in_the_end() -> None:
    """The attack on zero tracking: with the limit of R 76 alone (4 % of Max), 2.4 kg would never be seen."""
    zero, load = Zero(CAL), 0
    for _ in range(1000):
        load += E * 2 // 5
        for _ in range(3):
            look(zero, 600_000 + load)
    seen_g = CAL.mg(600_000 + load, zero.counts) // 1000
    assert seen_g >= 1000 * 8 - 20


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000))
def test_a_drifting_empty_scale_is_followed_and_indicates_zero(seed: int) -> None:
    """No load; the cell drifts with temperature by less than R 76 (3.9.2.3) allows."""
    rng = random.Random(seed)
    zero = Zero(calibration(temp_dc=200, zero_tc=0))
    per_dc = Fraction(rng.randint(-E, E), 60)  # e for 6 degrees
    temp = 200
    for _ in range(300):
        temp = max(-200, min(600, temp + rng.randint(-15, 15)))
        reading = 600_000 + round(per_dc * (temp - 200))
        assert CAL.indication(CAL.mg(reading, zero.counts)) == 0
        look(zero, reading, temp_dc=temp)


# Power cuts


def test_a_thousand_power_cuts_never_move_zero() -> None:
    """Cut at random operations of the writes that keep zero: in force is what was, or what was being set."""
    rng = random.Random(5)
    image: bytes | None = None
    cuts = moved = 0
    in_force: Any = None
    while cuts < 1000:
        flash = Flash(2, image)
        state = State(flash)
        zero = Zero(CAL, state.get("zero"))
        if in_force is not None:
            assert zero.counts in in_force
            assert 4 * abs(zero.counts - in_force[0]) <= E
            moved += zero.counts == in_force[1]
        flash.cut_at, flash.torn = flash.operations + rng.randint(1, 5), rng.choice([0, 1, 100, 255, 256])
        try:
            while True:
                before = zero.counts
                reading = max(600_000 - E, min(600_000 + E, before + rng.randint(-E // 2, E // 2)))
                if look(zero, reading):
                    in_force = (before, zero.counts)
                    state.put("zero", zero.state())
                    in_force = (zero.counts, zero.counts)
        except PowerFails:
            cuts += 1
        image = bytes(flash.image)
    assert 0 < moved < 1000, "some cuts came before the write, some after"


def test_zero_at_another_temperature_is_reduced_to_the_calibration() -> None:
    """Set in the cold, right in the heat: the calibration's own term is taken out before zero is kept."""
    settings_ = {"temp_dc": 200, "zero_tc": 86}
    cal: Calibration = calibration(**settings_)
    zero = Zero(cal)
    cold = 600_000 + 300 - 86 * 30  # at -10 degrees
    zero.by_crew(cal.reduced(cold, -100), 0, -100, NOW_MS)
    hot = 600_000 + 300 + 86 * 20  # the same empty scale at 40 degrees
    assert cal.mg(cal.reduced(hot, 400), zero.counts, 400) == 0
