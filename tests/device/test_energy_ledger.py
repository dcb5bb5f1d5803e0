"""The ledger adds up: whatever is booked, in whatever pieces, is what times and draws make of it."""

import json

import pytest
from edge.measure.energy import DAY_MS, Ledger
from hypothesis import given
from hypothesis import strategies as st

DRAWS = {
    "chip": {"awake_uw": 240_000, "sleep_uw": 30},
    "radio": {"on_uw": 455_000},
    "reader": {"awake_uw": 15_000, "sleep_uw": 15_000},
    "lock0": {"pull_mj": 2_000},
}
WAKE = st.tuples(
    st.integers(300, 180_000), st.integers(0, 21_600_000), st.integers(0, 75_000), st.integers(0, 3)
)


@given(st.lists(WAKE, max_size=60))
def test_the_sum_is_times_times_draws(wakes: list[tuple[int, int, int, int]]) -> None:
    ledger, state = Ledger(DRAWS), None
    for awake, slept, radio, pulls in wakes:
        ledger = Ledger(DRAWS, state)
        ledger.book(awake, slept, {"radio": radio}, {"lock0": pulls})
        state = json.loads(json.dumps(ledger.state()))
    true_mj = sum(
        (240_000 * awake + 30 * slept + 15_000 * (awake + slept) + 455_000 * radio) / 1e6 + 2_000 * pulls
        for awake, slept, radio, pulls in wakes
    )
    assert abs(ledger.total_mj - true_mj) <= 2 * len(wakes), "half a mJ for each consumer and booking"


@given(st.integers(1, 48))
def test_a_day_is_told_as_24_hours_however_it_was_cut(pieces: int) -> None:
    ledger = Ledger(DRAWS)
    step = DAY_MS // pieces + 60_000
    while not ledger.days:
        ledger.book(60_000, step - 60_000)
    chip_mwh = 24 * (60_000 * 240 + (step - 60_000) * 0.03) / step
    assert abs(ledger.day["chip"] - chip_mwh) <= 1
    assert ledger.day["reader"] == 360
    assert ledger.day["lock0"] == 0
    assert ledger.days == 1


def test_no_day_before_the_first_is_over() -> None:
    ledger = Ledger(DRAWS)
    ledger.book(1000, DAY_MS - 2000)
    assert ledger.day == {}


def test_other_consumers_begin_a_new_ledger() -> None:
    ledger = Ledger(DRAWS)
    ledger.book(DAY_MS)
    assert Ledger({"chip": {"awake_uw": 1}}, ledger.state()).total_mj == 0
    assert Ledger(DRAWS, ["no", "state"]).total_mj == 0


def test_a_wrong_key_is_told() -> None:
    with pytest.raises(ValueError, match="on_mw of radio, expected"):
        Ledger({"radio": {"on_mw": 455}})
