"""When to try again: full jitter within a window that doubles, and a budget of attempts. Pure: time and
chance are given.

Full jitter (the pause is drawn evenly from the whole window) is what keeps a fleet that lost its broker in
one instant from coming back in one: equal halves of pause and jitter leave a hole and then a peak. The
budget holds where doubling does not: with a broker that lets everybody in and throws them out again.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_MS = 8_000
LIMIT_MS = 120_000
ATTEMPTS = 12  # at once, after a long time of peace
REFILL_MS = 60_000  # and one more every so often
_MOST_DOUBLINGS = 20


class Backoff:
    """`draw(n)` returns an even chance of 0 … n - 1."""

    def __init__(
        self,
        draw: "Callable[[int], int]",
        first_ms: int = FIRST_MS,
        limit_ms: int = LIMIT_MS,
        attempts: int = ATTEMPTS,
        refill_ms: int = REFILL_MS,
        fails: int = 0,
    ) -> None:
        self.fails = fails  # in a row; a sleeping unit keeps this number over its sleep
        self._draw = draw
        self._first_ms = first_ms
        self._limit_ms = limit_ms
        self._room = attempts
        self._refill_ms = refill_ms
        self._spent: "list[int]" = []  # when each attempt that is not refilled yet is given back, ascending

    def window_ms(self) -> int:
        """The longest pause that the next failure can cost, the budget aside."""
        return min(self._first_ms << min(self.fails, _MOST_DOUBLINGS), self._limit_ms)

    def failed(self, now_ms: int) -> int:
        """An attempt has failed, or what it opened has ended: how long to wait before the next."""
        pause = self._draw(self.window_ms() + 1)
        self.fails = min(self.fails + 1, _MOST_DOUBLINGS)
        spent = self._spent = [due for due in self._spent if due > now_ms]
        spent.append((spent[-1] if spent else now_ms) + self._refill_ms)
        if len(spent) > self._room:  # wait for one to be given back
            pause += spent.pop(0) - now_ms
        return pause

    def worked(self) -> None:
        """The link has proved itself. The budget is not given back by that: only by time."""
        self.fails = 0
