"""The bounded queue between those who receive and the one who commits."""

import threading
from collections import deque
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What can wait here: it says how many bytes it holds."""

    @property
    def held_bytes(self) -> int: ...


T = TypeVar("T", bound=Sized)


class Inbox(Generic[T]):
    """Bounded by number and by bytes.

    `put` blocks when full, which is what stops the socket from being read.
    """

    def __init__(self, max_items: int = 4096, max_bytes: int = 32 << 20) -> None:
        self._items: deque[T] = deque()
        self._bytes = 0
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> bool:
        """Queue an item, waiting for room as long as it takes; False: closed, the item was not taken."""
        with self._changed:
            while not self._closed and self._items and self._full():
                self._changed.wait()
            if self._closed:
                return False
            self._items.append(item)
            self._bytes += item.held_bytes
            self._changed.notify_all()
            return True

    def take(self, most: int, timeout_s: float) -> list[T]:
        """Up to `most` items, waiting for the first; empty: nothing came in time, or closed and drained."""
        with self._changed:
            if not self._items and not self._closed:
                self._changed.wait(timeout_s)
            taken = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            self._bytes -= sum(item.held_bytes for item in taken)
            self._changed.notify_all()
            return taken

    def close(self) -> None:
        """Take nothing more in; what is queued may still be taken out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return len(self._items)

    @property
    def held_bytes(self) -> int:
        """Bytes queued now."""
        return self._bytes

    def _full(self) -> bool:
        return len(self._items) >= self._max_items or self._bytes >= self._max_bytes
