"""The bounds of what waits: nothing grows, nothing is lost, nothing is told twice."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.inbox import ENOUGH, Inbox
from gateway.intake.outbox import Outbox


class Item:
    def __init__(self, held_bytes: int) -> None:
        self.held_bytes = held_bytes


def test_a_full_inbox_holds_the_one_who_fills_it_until_there_is_room() -> None:
    inbox: Inbox[Item] = Inbox(max_items=2, max_bytes=1000)
    items = [Item(1) for _ in range(5)]
    through: list[int] = []

    def fill() -> None:
        for number, item in enumerate(items):
            assert inbox.put(item)
            through.append(number)

    filler = threading.Thread(target=fill)
    filler.start()
    taken: list[Item] = []
    while len(taken) < 5:
        assert len(inbox) <= 2
        taken += inbox.take(1, timeout_s=5)
    filler.join(5)
    assert taken == items
    assert through == [0, 1, 2, 3, 4]


def test_bytes_bound_the_inbox_too_but_one_item_always_fits() -> None:
    inbox: Inbox[Item] = Inbox(max_items=100, max_bytes=10)
    assert inbox.put(Item(50))
    blocked = threading.Thread(target=inbox.put, args=(Item(1),))
    blocked.start()
    blocked.join(0.05)
    assert blocked.is_alive()
    assert len(inbox.take(10, 1)) == 1
    blocked.join(5)
    assert inbox.held_bytes == 1


def test_a_closed_inbox_lets_go_of_who_waits_and_can_still_be_emptied() -> None:
    inbox: Inbox[Item] = Inbox(max_items=1)
    inbox.put(Item(1))
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(inbox.put(Item(1))))
    waiting.start()
    inbox.close()
    waiting.join(5)
    assert answers == [False]
    assert len(inbox.take(10, 0)) == 1
    assert inbox.take(10, 5) == []


def test_one_that_may_not_wait_is_told_when_there_is_room_again() -> None:
    inbox: Inbox[Item] = Inbox(max_items=3)
    told: list[int] = []
    inbox.on_room = lambda: told.append(len(inbox))
    assert inbox.offer([Item(1), Item(1)])
    assert inbox.has_room()
    assert inbox.offer([Item(1)] * 5), "a read that was begun is taken whole"
    assert not inbox.has_room()
    assert len(inbox.take(4, 0)) == 4
    assert told == []
    assert len(inbox.take(2, 0)) == 2
    assert told == [1]
    assert inbox.has_room()
    inbox.close()
    assert not inbox.offer([Item(1)])


def test_a_station_does_not_wait_for_room_for_ever() -> None:
    inbox: Inbox[Item] = Inbox(max_items=1)
    assert inbox.put(Item(1), timeout_s=0)
    assert not inbox.put(Item(1), timeout_s=0.01)
    assert len(inbox) == 1


def test_thin_traffic_is_gathered_for_a_moment_and_a_crowd_is_not() -> None:
    inbox: Inbox[Item] = Inbox()
    taken: list[list[Item]] = []
    taker = threading.Thread(target=lambda: taken.append(inbox.take(1000, timeout_s=60, gather_s=60)))
    taker.start()
    for _ in range(ENOUGH - 1):
        inbox.offer([Item(1)])
    taker.join(0.05)
    assert taker.is_alive()
    inbox.offer([Item(1)])
    taker.join(10)
    assert [len(items) for items in taken] == [ENOUGH]
    inbox.offer([Item(1)])
    assert len(inbox.take(1000, timeout_s=60, gather_s=0.001)) == 1


@given(
    st.lists(
        st.tuples(st.just("offer"), st.integers(0, 4), st.integers(0, 50)) | st.tuples(st.just("confirm")),
        max_size=60,
    ),
    st.integers(1, 3),
)
def test_the_outbox_never_exceeds_its_window_and_ends_with_the_newest_marks(
    steps: list[tuple[str, int, int] | tuple[str]], window: int
) -> None:
    outbox = Outbox(window)
    flying: dict[int, tuple[str, str, int]] = {}
    told: dict[str, list[int]] = {}
    offered: dict[str, int] = {}

    def pump() -> None:
        for packet, mark in outbox.take():
            assert packet not in flying
            flying[packet] = mark
            told.setdefault(mark[0], []).append(mark[2])
        assert len(flying) <= window
        assert outbox.flying() == list(flying.items())

    for step in steps:
        if len(step) == 3:
            device = f"bin-{step[1]}"
            outbox.offer(device, "0000abcd", step[2])
            offered[device] = step[2]
        elif flying:
            packet = next(iter(flying))
            assert outbox.confirmed(packet) == flying.pop(packet)
        pump()
        assert len(outbox) <= 5
    while flying:
        outbox.confirmed(next(iter(flying)))
        del flying[next(iter(flying))]
        pump()
    assert len(outbox) == 0
    assert told.keys() == offered.keys()
    for device, mark in offered.items():
        assert max(told[device]) >= mark


def test_a_mark_that_waits_never_goes_back_and_packet_ids_are_used_again() -> None:
    outbox = Outbox(window=1)
    outbox.offer("bin-1", "0000abcd", 3)
    outbox.offer("bin-1", "0000abcd", 2)
    assert list(outbox.take()) == [(1, ("bin-1", "0000abcd", 3))]
    outbox.confirmed(1)
    for number in range(1, 60_001):
        outbox.offer("bin-1", "0000abcd", number)
        for packet, _ in outbox.take():
            assert 1 <= packet <= 60_000
            outbox.confirmed(packet)
    assert outbox.confirmed(1) is None
