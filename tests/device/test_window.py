"""The window against a network that loses, repeats and delays: every record arrives, none is freed before
its ack.
"""

import random

from edge.link.window import Window
from hypothesis import given
from hypothesis import strategies as st

STALL_MS = 30_000


@given(st.integers(0, 10**6), st.integers(1, 200), st.integers(0, 60))
def test_all_records_arrive_over_a_bad_network_and_only_acks_free_them(
    seed: int, total: int, loss: int
) -> None:
    rng = random.Random(seed)
    window = Window(size=4, stall_ms=STALL_MS)
    acked, head, now, number = 0, total, 0, 0
    gateway: set[int] = set()  # what the gateway has on disk
    window.connected(now)
    for _ in range(20_000):
        if acked == head:
            break
        now += rng.choice([1, 50, 5000])
        start = window.start(acked, head, now)
        if start is not None:
            assert start > acked
            last = min(start + rng.randrange(1, 20), head)
            number += 1
            window.published(number, last, now)
            arrives = rng.randrange(100) >= loss
            if arrives:
                gateway |= set(range(start, last + 1))
            if arrives or rng.randrange(2):
                window.puback(number)
        unbroken = acked
        while unbroken + 1 in gateway:
            unbroken += 1
        if rng.randrange(100) >= loss and window.acknowledged(unbroken, acked, now):
            acked = unbroken
        if rng.randrange(50) == 0:
            window.connected(now)
    assert acked == head
    assert gateway == set(range(1, total + 1))


def test_no_more_messages_are_outstanding_than_the_window_holds() -> None:
    window = Window(size=3)
    window.connected(0)
    for n in range(3):
        start = window.start(0, 100, 0)
        assert start == 10 * n + 1
        window.published(n, 10 * n + 10, 0)
    assert window.start(0, 100, 0) is None
    window.puback(1)
    assert window.start(0, 100, 0) == 31


def test_an_ack_of_what_was_never_sent_is_not_believed() -> None:
    window = Window()
    window.connected(0)
    window.start(0, 10, 0)
    window.published(1, 5, 0)
    assert not window.acknowledged(6, 0, 0)
    assert window.acknowledged(5, 0, 0)
    assert not window.acknowledged(5, 5, 0)


def test_silence_of_the_gateway_leads_back_to_the_first_unacknowledged_record() -> None:
    window = Window(stall_ms=STALL_MS)
    window.connected(0)
    assert window.start(0, 10, 0) == 1
    window.published(1, 10, 0)
    window.puback(1)
    assert window.start(0, 10, STALL_MS - 1) is None
    assert window.wait_ms(0, STALL_MS - 1) == 1
    assert window.start(0, 10, STALL_MS) == 1


def test_nothing_is_sent_over_a_gap_until_all_before_it_is_free() -> None:
    window = Window()
    window.connected(0)
    window.start(0, 10, 0)
    window.published(1, 4, 0)
    assert not window.may_follow(7, acked=3)
    assert window.may_follow(7, acked=4)


def test_the_same_ack_told_again_asks_for_what_comes_after_it() -> None:
    window = Window(stall_ms=STALL_MS)
    window.connected(0)
    assert window.start(0, 20, 0) == 1
    window.published(1, 10, 0)
    assert window.start(0, 20, 0) == 11
    window.published(2, 20, 0)
    assert window.acknowledged(10, 0, 100)
    assert window.start(10, 20, 100) is None
    assert not window.acknowledged(10, 10, 200)  # a copy of what was just said asks for nothing
    assert window.start(10, 20, 200) is None
    assert not window.acknowledged(10, 10, 5_000)
    assert window.start(10, 20, 5_000) == 11
    window.published(3, 20, 0)
    assert not window.acknowledged(10, 10, 6_000)  # it is on its way
    assert window.start(10, 20, 6_000) is None


def test_an_ack_told_again_when_nothing_is_owed_changes_nothing() -> None:
    window = Window()
    window.connected(0)
    window.start(0, 5, 0)
    window.published(1, 5, 0)
    assert window.acknowledged(5, 0, 100)
    assert not window.acknowledged(5, 5, 60_000)
    assert window.start(5, 5, 60_000) is None


def test_an_ack_frees_the_place_of_a_message_whose_puback_was_lost() -> None:
    window = Window(size=2)
    window.connected(0)
    for n, last in ((1, 5), (2, 10)):
        window.start(0, 30, 0)
        window.published(n, last, 0)
    assert window.start(0, 30, 0) is None
    assert window.acknowledged(10, 0, 100)
    assert window.start(10, 30, 100) == 11


def test_how_long_a_puback_is_overdue() -> None:
    window = Window()
    window.connected(0)
    assert window.overdue_ms(50) == 0
    window.start(0, 10, 0)
    window.published(7, 5, 100)
    window.published(8, 10, 200)
    assert window.overdue_ms(1_100) == 1_000
    window.puback(7)
    assert window.overdue_ms(1_100) == 900
    window.connected(2_000)
    assert window.overdue_ms(9_000) == 0
