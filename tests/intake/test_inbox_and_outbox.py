"""The bounds of what waits: nothing grows, nothing is lost, nothing is told twice."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from gateway.intake.inbox import Inbox
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
    flying: list[int] = []
    told: dict[str, list[int]] = {}

    def publish(device: str, _log: str, seq: int) -> int:
        told.setdefault(device, []).append(seq)
        flying.append(sum(map(len, told.values())))
        return flying[-1]

    outbox = Outbox(publish, window)
    offered: dict[str, int] = {}
    for step in steps:
        if len(step) == 3:
            device = f"bin-{step[1]}"
            outbox.offer(device, "0000abcd", step[2])
            outbox.pump()
            offered[device] = step[2]
        elif flying:
            outbox.confirmed(flying.pop(0))
        assert len(flying) <= window
        assert len(outbox) <= 5
    while flying:
        outbox.confirmed(flying.pop(0))
    assert len(outbox) == 0
    assert told.keys() == offered.keys()
    for device, mark in offered.items():
        assert max(told[device]) >= mark


def test_marks_wait_while_nothing_can_be_published_and_never_go_back() -> None:
    connected = False
    told: list[int] = []

    def publish(_device: str, _log: str, seq: int) -> int | None:
        if not connected:
            return None
        told.append(seq)
        return 1

    outbox = Outbox(publish)
    outbox.offer("bin-1", "0000abcd", 3)
    outbox.offer("bin-1", "0000abcd", 2)
    outbox.pump()
    assert len(outbox) == 1
    connected = True
    outbox.pump()
    assert told == [3]
