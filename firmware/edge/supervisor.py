"""Owns the tasks. Alone feeds the watchdog; notices a task's death, records it, starts it again; resets
when that is no use. A planned reset leaves a breadcrumb that the next boot record carries.

What feeding proves: the event loop runs, and no task has broken its promise. A task that waits for
something makes no promise (each of its waits has a deadline of its own); one that works does:
`promise(name, ms)`, then `keep_promise(name)`.
"""

import asyncio
import sys

import machine

from edge.keep import Keep
from edge.log import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

WATCHDOG_MS = 60_000
FEED_MS = 20_000
MAX_DEATHS = 3  # of one task without recovery; then the whole device starts anew
RESTART_MS = 1000
WELL_MS = 600_000  # a task that lives so long again has recovered


class Supervisor:
    def __init__(self, log: Log, keep: Keep) -> None:
        self._log = log
        self._keep = keep
        self._wdt = machine.WDT(timeout=WATCHDOG_MS)
        self._tasks: "dict[str, asyncio.Task[None]]" = {}
        self._promises: "dict[str, int]" = {}
        self._deaths: "dict[str, int]" = {}
        self._born: "dict[str, int]" = {}

    def start(self, name: str, make: "Callable[[], Coroutine[None, None, None]]") -> None:
        """Run `make()` as a task, again after each death; its normal end is an end."""
        if not self.running(name):
            self._tasks[name] = asyncio.create_task(self._own(name, make))

    def running(self, name: str) -> bool:
        return name in self._tasks and not self._tasks[name].done()

    def stop(self, name: str) -> None:
        if self.running(name):
            self._tasks[name].cancel()

    def promise(self, name: str, within_ms: int) -> None:
        self._promises[name] = self._log.clock.mono_ms() + within_ms

    def keep_promise(self, name: str) -> None:
        self._promises.pop(name, None)

    async def _own(self, name: str, make: "Callable[[], Coroutine[None, None, None]]") -> None:
        while True:
            self._born[name] = self._log.clock.mono_ms()
            try:
                await make()
                return
            except Exception as error:
                sys.print_exception(error)
                self._deaths[name] = self._deaths.get(name, 0) + 1
                detail = "%s %s" % (type(error).__name__, error)
                self._log.fault(name, "task-died", True, detail)
                if self._deaths[name] >= MAX_DEATHS:
                    self.reset(name + " died %d times: %s" % (self._deaths[name], detail))
                await asyncio.sleep_ms(RESTART_MS)

    async def watch(self) -> None:
        """Feed the watchdog for ever."""
        while True:
            now = self._log.clock.mono_ms()
            for name, born in list(self._born.items()):
                if now - born > WELL_MS and self._deaths.pop(name, 0):
                    self._log.fault(name, "task-died", False)
            for name, due in self._promises.items():
                if now > due:
                    self.reset(name + " is stuck")
            self._wdt.feed()
            await asyncio.sleep_ms(FEED_MS)

    def reset(self, why: str) -> None:
        """Start the device anew; the next boot record says why."""
        self._keep.data["why"] = why
        self._keep.save()
        machine.reset()


def reason() -> str:
    """Why the chip started. A brown-out cannot be told from power-on (the chip's own limit)."""
    names = {
        machine.PWRON_RESET: "power-on",
        machine.HARD_RESET: "hard-reset",
        machine.WDT_RESET: "watchdog",
        machine.DEEPSLEEP_RESET: "deep-sleep",
        machine.SOFT_RESET: "soft-reset",
    }
    return names.get(machine.reset_cause(), "unknown")
