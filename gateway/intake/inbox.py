"""The bounded queue between those who receive and the one who commits."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What can wait here: it says how many bytes it holds."""

    @property
    def held_bytes(self) -> int: ...


T = TypeVar("T", bound=Sized)
ENOUGH = 256  # items for which it is worth to commit at once


class Inbox(Generic[T]):
    """Bounded by number and by bytes.

    One who may wait uses `put`. One who may not (it has a socket to serve) asks `has_room` before it reads,
    hands over all that one read brought (`offer`, which may exceed the bounds by that much), and is told by
    `on_room` when it may read again.
    """

    def __init__(self, max_items: int = 10_000, max_bytes: int = 32 << 20) -> None:
        self.on_room: Callable[[], None] = lambda: None  # called by the thread that takes
        self._items: deque[T] = deque()
        self._bytes = 0
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._closed = False
        self._wanted = 1  # items below which the one who takes goes on waiting
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)

    def put(self, item: T, timeout_s: float | None = None) -> bool:
        """Queue an item, waiting for room; False: closed, or no room in time: it was not taken."""
        with self._lock:
            self._emptied.wait_for(lambda: self._closed or not self._full(), timeout_s)
            if self._closed or self._full():
                return False
            self._add((item,))
            return True

    def offer(self, items: Sequence[T]) -> bool:
        """Queue items at once, room or not; False: closed, none was taken."""
        with self._lock:
            if self._closed:
                return False
            self._add(items)
            return True

    def has_room(self) -> bool:
        return not self._full()

    def take(self, most: int, timeout_s: float, gather_s: float = 0.0) -> list[T]:
        """Up to `most` items, waiting for the first; empty: nothing came in time, or closed and drained.

        `gather_s`: how long to wait for more once there is one, unless there are ENOUGH.
        """
        with self._lock:
            if not self._items and not self._closed:
                self._wanted = 1
                self._filled.wait(timeout_s)
            if gather_s and self._items:
                self._gather(gather_s)
            was_full = self._full()
            if len(self._items) <= most:
                taken = list(self._items)
                self._items.clear()
            else:
                taken = [self._items.popleft() for _ in range(most)]
            self._bytes -= sum([item.held_bytes for item in taken])
            has_room = was_full and not self._full()
            if has_room:
                self._emptied.notify_all()
        if has_room:
            self.on_room()
        return taken

    def close(self) -> None:
        """Take nothing more in; what is queued may still be taken out."""
        with self._lock:
            self._closed = True
            self._filled.notify_all()
            self._emptied.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return len(self._items)

    @property
    def held_bytes(self) -> int:
        """Bytes queued now."""
        return self._bytes

    def _gather(self, gather_s: float) -> None:
        end_s = time.monotonic() + gather_s
        self._wanted = ENOUGH
        while len(self._items) < ENOUGH and not self._closed and not self._full():
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return
            self._filled.wait(left_s)

    def _add(self, items: Sequence[T]) -> None:
        self._items.extend(items)
        self._bytes += sum([item.held_bytes for item in items])
        if len(self._items) >= self._wanted or self._full():
            self._filled.notify()

    def _full(self) -> bool:
        return len(self._items) >= self._max_items or self._bytes >= self._max_bytes
