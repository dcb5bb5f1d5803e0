"""How late live data is: the arithmetic of the catch-up sweep."""

from typing import Any

import pytest

from simulators.sweep.catchup import failures, lateness, quantile

MADE = [(100.0, 0), (101.0, 100), (102.0, 200), (104.0, 200), (105.0, 300)]


@pytest.mark.parametrize(
    ("at_s", "written", "late_s"),
    [
        (105.0, 300, 0.0),  # all that was made is written
        (105.0, 200, 0.99),  # the next one was made right after 104 s
        (105.0, 99, 4.0),  # record 100 was made at 101 s
        (105.0, 0, 4.99),
        (100.2, 50, 0.0),  # more is written than was made by then: the count came a little later
    ],
)
def test_lateness_is_the_age_of_the_oldest_record_that_is_missing(
    at_s: float, written: int, late_s: float
) -> None:
    assert lateness(MADE, at_s, written) == pytest.approx(late_s, abs=1e-6)


def test_quantiles_are_of_the_samples() -> None:
    values = [float(n) for n in range(100)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile([], 0.5)) == (50.0, 99.0, 0.0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, None),
        ({"times_arrival": 4.9}, "5 times"),
        ({"live_late_s": {"max": 5.1}}, "5 s late"),
        ({"points": 9}, "differ"),
        ({"in_order": False}, "in order"),
        ({"drained": False}, "not acknowledged"),
        ({"caught_up": False}, "in time"),
    ],
)
def test_whatever_is_missed_is_named(change: dict[str, Any], words: str | None) -> None:
    good: dict[str, Any] = {
        "times_arrival": 5.0,
        "live_late_s": {"max": 5.0},
        "points": 10,
        "records": 10,
        "in_order": True,
        "drained": True,
        "caught_up": True,
    }
    missed = failures(good | change)
    assert missed == [] if words is None else (len(missed) == 1 and words in missed[0])
