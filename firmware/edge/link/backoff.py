"""When to try again: full jitter within a window that is as long as the link has been away, and a budget of
attempts. Pure: time and chance are given.

Full jitter (the pause is drawn evenly from the whole window) is what keeps a fleet that lost its broker in
one instant from coming back in one: equal halves of pause and jitter leave a hole and then a peak. A window
that doubles by count lets units that were unlucky twice straggle far behind the others, and nothing comes
back later than the outage was long; so the window grows with time, not with tries. The budget holds where
neither does: with a broker that lets everybody in and throws them out again.
"""

if False:  # for types
    from collections.abc import Callable

FIRST_MS = 8_000
LIMIT_MS = 120_000
ATTEMPTS = 12  # at once, after a long time of peace
REFILL_MS = 60_000  # and one more every so often


class Backoff:
    """`draw(n)` returns an even chance of 0 … n - 1. `lost_ms`: when the link was lost, None while it is
    well; a sleeping unit keeps it over its sleep.
    """

    def __init__(
        self,
        draw: "Callable[[int], int]",
        first_ms: int = FIRST_MS,
        limit_ms: int = LIMIT_MS,
        attempts: int = ATTEMPTS,
        refill_ms: int = REFILL_MS,
        lost_ms: "int | None" = None,
    ) -> None:
        self.lost_ms = lost_ms
        self._draw = draw
        self._first_ms = first_ms
        self._limit_ms = limit_ms
        self._room = attempts
        self._refill_ms = refill_ms
        self._spent: "list[int]" = []  # when each attempt that is not refilled yet is given back, ascending

    def window_ms(self, now_ms: int) -> int:
        """The longest pause that a failure now can cost, the budget aside."""
        away = 0 if self.lost_ms is None else now_ms - self.lost_ms
        return max(self._first_ms, min(away, self._limit_ms))

    def failed(self, now_ms: int) -> int:
        """An attempt has failed, or what it opened has ended: how long to wait before the next."""
        if self.lost_ms is None:
            self.lost_ms = now_ms
        pause = self._draw(self.window_ms(now_ms) + 1)
        spent = self._spent = [due for due in self._spent if due > now_ms]
        spent.append((spent[-1] if spent else now_ms) + self._refill_ms)
        if len(spent) > self._room:  # wait for one to be given back
            pause += spent.pop(0) - now_ms
        return pause

    def worked(self) -> None:
        """The link has proved itself. The budget is not given back by that: only by time."""
        self.lost_ms = None
