"""A connection that is half open is seen within a keep-alive, and one that lives is never given up."""

from edge.link.liveness import DEAD, PING, WELL, Liveness
from hypothesis import given
from hypothesis import strategies as st

KEEPALIVE = st.sampled_from([1, 5, 10, 60, 120, 600])


@given(KEEPALIVE, st.lists(st.tuples(st.integers(1, 20_000), st.sampled_from("shw")), max_size=60))
def test_silence_ends_in_less_than_one_and_a_half_keepalives_whatever_we_send(
    keepalive: int, steps: list[tuple[int, str]]
) -> None:
    """Driven as the uplink drives it: it looks again after `wait_ms` at the latest."""
    alive = Liveness(keepalive, 0)
    now = heard = sent = 0
    for pause, what in steps:
        until = now + pause
        while now < until:
            state = alive.state(now)
            if state == DEAD:
                assert now - heard < 1.5 * keepalive * 1000
                return
            if state == PING:
                alive.pinged(now)
                sent = now
            assert now - sent <= keepalive * 1000  # the broker is told in time that we live [3.1.2.10]
            assert now - heard <= keepalive * 1000
            step = alive.wait_ms(now)
            assert step > 0 or alive.state(now) != WELL
            now = min(until, now + max(1, step))
        if what == "h":
            alive.heard(now)
            heard = now
        elif what == "s":
            alive.sent(now)
            sent = now


@given(KEEPALIVE, st.integers(0, 100))
def test_whoever_answers_each_ping_in_time_is_never_given_up(keepalive: int, share: int) -> None:
    alive = Liveness(keepalive, 0)
    now = pings = 0
    for _ in range(200):
        state = alive.state(now)
        assert state != DEAD
        if state == PING:
            pings += 1
            alive.pinged(now)
            now += (alive.answer_ms - 1) * share // 100
            alive.heard(now)
        now += alive.wait_ms(now)
    assert pings > 50


def test_one_that_goes_on_sending_into_a_dead_connection_still_pings() -> None:
    alive = Liveness(60, 0)
    now = 0
    while alive.state(now) == WELL:
        now += 3_000
        alive.sent(now)
    assert alive.state(now) == PING
    alive.pinged(now)
    while alive.state(now) == WELL:
        now += 3_000
        alive.sent(now)
    assert alive.state(now) == DEAD
    assert now <= 60_000
