"""A value that is dear to make: kept for a moment, and known to be the newest or not."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

FRESH_S = 1.0  # not made again within this, whatever changed
KEEP_S = 5.0  # made again after this, even if nothing changed: time itself counts


class Cached(Generic[T]):
    """Made by `make` from a source that is replaced when it changes. Safe from several threads."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._held: tuple[float, object, T] | None = None

    def get(self, source: object) -> T:
        """The value: made from `source`, or from a former one if that was a moment ago."""
        held, now_s = self._held, time.monotonic()
        if held is not None:
            age_s = now_s - held[0]
            if age_s < FRESH_S or (held[1] is source and age_s < KEEP_S):
                return held[2]
        value = self._make()
        self._held = (now_s, source, value)
        return value

    def is_of(self, source: object) -> bool:
        """Whether the value that is held was made from `source`."""
        return self._held is not None and self._held[1] is source
