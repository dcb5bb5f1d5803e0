"""Readings give way as the log fills: each step lasts as long as the one before, and none is left in the
reserve.
"""

import pytest
from edge.measure.thinning import LEAST, keep_each
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 100_000), st.data())
def test_more_room_never_keeps_fewer(whole: int, data: st.DataObject) -> None:
    more = data.draw(st.integers(1, whole))
    less = data.draw(st.integers(1, more))
    assert 1 <= keep_each(more, whole) <= keep_each(less, whole) <= LEAST


@pytest.mark.parametrize(
    ("spare", "each"), [(224, 1), (113, 1), (112, 2), (57, 2), (56, 4), (28, 8), (14, 16), (1, 16), (0, 0)]
)
def test_the_rule_on_a_log_of_one_mebibyte(spare: int, each: int) -> None:
    assert keep_each(spare, 224) == each


def test_each_step_lasts_as_long_as_the_one_before() -> None:
    spare, whole, lasts = 2**16, 2**16, dict[int, int]()
    while spare > 0:
        each = keep_each(spare, whole)
        lasts[each] = lasts.get(each, 0) + each  # looks that this reading's room was enough for
        spare -= 1
    steps = [lasts[1], lasts[2], lasts[4], lasts[8]]
    assert max(steps) - min(steps) <= 2 * LEAST
    assert sum(lasts.values()) > 2.9 * whole, "without thinning it would be full in a third of the time"
