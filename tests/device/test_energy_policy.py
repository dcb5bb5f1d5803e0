"""Levels: each step down saves, none flutters, and the way back is as far as it is said to be."""

import itertools

from edge.measure.policy import LEVELS, Policy
from hypothesis import given
from hypothesis import strategies as st

PCT = st.one_of(st.none(), st.integers(0, 100))


@given(st.lists(PCT))
def test_a_level_rises_one_step_a_look_and_never_without_charge(looks: list[int | None]) -> None:
    policy, before = Policy(), 0
    for pct in looks:
        at = LEVELS.index(policy.take(pct))
        assert policy.changed == (at != before)
        if pct is None:
            assert at == 0
        else:
            assert at >= before - 1
            if at < before:
                assert pct >= (0, 55, 33, 22)[before]
            assert pct >= 45 or at >= 1
            assert pct >= 25 or at >= 2
            assert pct >= 15 or at == 3
        before = at


@given(st.integers(0, 100), st.integers(-3, 3), st.sampled_from(LEVELS))
def test_noise_does_not_make_it_flutter(pct: int, noise: int, level: str) -> None:
    policy = Policy(level)
    for _ in range(4):
        policy.take(pct)
    settled = policy.level
    changes = 0
    for k in range(20):
        policy.take(pct + (noise if k % 2 else 0))
        changes += policy.changed
    assert changes <= 1, (settled, policy.level)


@given(st.integers(60_000, 24 * 3_600_000))
def test_each_level_saves_more_than_the_one_above(set_ms: int) -> None:
    rows = [Policy(level) for level in LEVELS]
    for above, below in itertools.pairwise(rows):
        assert above.wake_ms(set_ms) <= below.wake_ms(set_ms)
        assert above.radio_ms < below.radio_ms
        assert above.thin <= below.thin
        assert above.awake_ms > below.awake_ms
        for kind in ("deposit", "fault", "boot", "forced", "overheated"):
            assert above.is_news(kind) >= below.is_news(kind) or kind == "overheated"
    assert rows[3].wake_ms(set_ms) <= max(set_ms, 6 * 3_600_000)


def test_a_damaged_memory_begins_as_normal() -> None:
    assert Policy("rubbish").level == "normal"
    assert Policy("dark").take(30) == "survival"
