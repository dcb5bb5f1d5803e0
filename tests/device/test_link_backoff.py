"""When a unit tries again: an even draw from a growing window, a budget that no luck can break, and what a
fleet of them does to its broker."""

import random

from edge.link.backoff import ATTEMPTS, FIRST_MS, LIMIT_MS, REFILL_MS, Backoff
from hypothesis import given
from hypothesis import strategies as st

from simulators.bench.reconnect import MOST, OUTAGES_S, connected, measured, play


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_a_pause_is_within_a_window_as_long_as_the_link_was_away(seed: int, fails: int) -> None:
    rng = random.Random(seed)
    backoff = Backoff(rng.randrange, attempts=1000)
    lost = now = rng.randrange(10**9)
    for _ in range(fails):
        pause = backoff.failed(now)
        assert backoff.window_ms(now) == max(FIRST_MS, min(now - lost, LIMIT_MS))
        assert 0 <= pause <= backoff.window_ms(now)
        now += pause
    backoff.worked()
    assert backoff.window_ms(now + 10**6) == FIRST_MS


def test_the_draw_uses_the_whole_window() -> None:
    asked: list[int] = []

    def draw(n: int) -> int:
        asked.append(n)
        return n - 1

    assert Backoff(draw).failed(0) == FIRST_MS
    assert asked == [FIRST_MS + 1]


@given(st.integers(0, 2**32), st.integers(1, 8))
def test_a_broker_that_lets_everybody_in_and_throws_them_out_meets_the_budget(seed: int, hours: int) -> None:
    """The link "works" each time, so the window stays at its smallest: only the budget holds."""
    rng = random.Random(seed)
    backoff = Backoff(lambda n: rng.randrange(n) // 1000)  # the luckiest of draws
    now, attempts = 0, []
    while now < hours * 3_600_000:
        attempts.append(now)
        backoff.worked()
        now += 50 + backoff.failed(now)
    assert len(attempts) <= ATTEMPTS + 1 + now // REFILL_MS
    for start in range(0, now, 600_000):
        within = [t for t in attempts if start <= t < start + 600_000]
        assert len(within) <= ATTEMPTS + 1 + 600_000 // REFILL_MS


def test_time_gives_the_budget_back() -> None:
    backoff = Backoff(lambda _n: 0)
    for _ in range(ATTEMPTS):
        assert backoff.failed(0) == 0
    assert backoff.failed(0) == REFILL_MS
    later = 100 * REFILL_MS
    assert [backoff.failed(later) for _ in range(ATTEMPTS)] == [0] * ATTEMPTS


def test_when_the_link_was_lost_can_be_carried_over_a_sleep() -> None:
    backoff = Backoff(lambda _n: 0)
    backoff.failed(1_000)
    again = Backoff(lambda _n: 0, lost_ms=backoff.lost_ms)
    assert again.window_ms(61_000) == 60_000
    assert again.window_ms(500) == FIRST_MS  # the clock was stepped back


def test_a_thousand_units_come_back_evenly_and_without_jitter_they_would_not() -> None:
    for sort in ("connected", "sleeping"):
        for outage_s in OUTAGES_S[:6]:
            found = play(20261121, outage_s, sort)
            assert found.units == 1000
            assert found.ratio <= MOST, found
    without = connected(20_000, lambda: Backoff(lambda n: n - 1))
    assert measured("connected", 20, *without).ratio > 2 * MOST
