"""Delays are counted in buckets that add up, and said as upper bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delays import BOUNDS, Histogram, buckets, counts_of, quantile
from gateway.metrics.freshness import LIMITS_S, Freshness, Heard, freshness

SECONDS = st.floats(-10, 10**7, allow_nan=False)


@given(st.lists(SECONDS, max_size=100))
def test_every_delay_is_in_exactly_one_bucket_and_below_its_bound(delays: list[float]) -> None:
    histogram = Histogram()
    histogram.observe_all(delays)
    facts = histogram.facts()
    counts = counts_of(facts)
    assert counts is not None
    assert sum(counts) == len(delays)
    assert facts["sum"] == pytest.approx(sum(max(0.0, one) for one in delays), abs=1e-3)
    for bound, upto in buckets(counts):
        assert upto == sum(one <= float(bound) for one in delays)


@given(st.lists(SECONDS, min_size=1, max_size=100), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_the_bound_of_the_bucket_it_lies_in(delays: list[float], share: float) -> None:
    histogram = Histogram()
    histogram.observe_all(delays)
    bound = quantile(histogram.facts()["counts"], share)
    assert bound is not None
    assert sum(one <= bound for one in delays) >= share * len(delays)
    lower = [one for one in BOUNDS if one < bound]
    if lower:
        assert sum(one <= lower[-1] for one in delays) < max(1, share * len(delays))


def test_nothing_counted_has_no_quantile() -> None:
    assert quantile(Histogram().facts()["counts"], 0.5) is None


@pytest.mark.parametrize("facts", [None, {}, {"counts": [1, 2]}, {"counts": "many"}])
def test_counts_of_another_version_are_left_out(facts: dict[str, object] | None) -> None:
    assert counts_of(facts) is None


def test_freshness_per_class() -> None:
    now_ms = 10**12
    found = freshness(
        [
            Heard("bin", now_ms - 1_000),
            Heard("bin", now_ms - 3_700_000),
            Heard("bin", None),
            Heard("truck", now_ms + 5_000),
        ],
        now_ms,
    )
    assert found["bin"] == Freshness(3, 2, 3_700.0, {900: 2, 3_600: 2, 21_600: 1, 86_400: 1})
    assert found["truck"] == Freshness(1, 1, 0.0, dict.fromkeys(LIMITS_S, 0))
    assert freshness([], now_ms) == {}
