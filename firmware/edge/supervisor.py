"""Owns the tasks, and alone feeds the watchdog. Made before anything else at a start, so that whatever fails
after it is known by name.

- **A task that dies** is recorded, started again, and after three deaths the unit starts anew.
- **A task that works checks in** (`check_in(name, ms)`: "I shall be heard of again within ms"). One that is
  overdue is stuck: the unit starts anew.
- **A wake has a budget** (`allow`). When it is used up, whatever still runs or hangs, `spent` is called once,
  which ends the wake; if that does not come off either, the unit starts anew.
- **A hang** in a task that no longer yields is caught by a timer's interrupt, which can tell whose it is. The
  chip's watchdog is left with what not even an interrupt gets through to.
- **Every start has a cause** (`edge/cause.py`). Three in a row that failed: `safe` says so.

Each reset from here leaves a breadcrumb that the next boot record carries, and a note in the black box.
"""

import asyncio
import gc
import sys
import time

import machine

from edge.blackbox import BlackBox, decode
from edge.cause import cause, failed, of_error, short, words
from edge.keep import Keep

if False:  # for types
    from collections.abc import Callable, Coroutine

WATCHDOG_MS = 60_000
FEED_MS = 20_000
HANG_MS = 35_000  # the event loop did not turn for so long
TICK_MS = 5_000
TIMER = 0 if sys.platform == "esp32" else -1  # the ESP32 has no software timers, the RP2350 no others
GRACE_MS = 10_000  # for a wake that is being ended
REST_MS = 600_000  # deep sleep after safe mode has failed too
MAX_DEATHS = 3  # of one task without recovery; then the whole device starts anew
RESTART_MS = 1000
WELL_MS = 600_000  # a task, or a unit, that lives so long has recovered
MAX_FAILED = 3  # boots in a row; then safe mode
CLEARED = "ok "  # before the part whose fault is gone, in the black box
_CRUMB = 120


def _untold(_part: str, _code: str, _raised: bool, _detail: str = "") -> None:
    pass


class Supervisor:
    """`cause`, `crumb`: why this start came about, and what is known of it. `fault`: where a task's death is
    recorded, once there is a log.
    """

    def __init__(self, keep: Keep, box: BlackBox) -> None:
        self.keep = keep
        self.box = box
        self.cause = self.crumb = ""
        self.fault: "Callable[..., None]" = _untold
        self._wdt = machine.WDT(timeout=WATCHDOG_MS)
        self._tasks: "dict[str, asyncio.Task[None]]" = {}
        self._due: "dict[str, int]" = {}  # when who has checked in must be heard of again
        self._deaths: "dict[str, int]" = {}  # without recovery
        self._codes: "dict[str, str]" = {}  # what was raised for them
        self._born: "dict[str, int]" = {}
        self._end_ms = -1  # of this wake; -1: it has no end
        self._spent: "Callable[[str], None] | None" = None
        self._now_ms = 0
        self._ticks = self._turned = time.ticks_ms()  # when the event loop turned last
        self._timer = machine.Timer(TIMER)
        self._timer.init(period=TICK_MS, mode=machine.Timer.PERIODIC, callback=self._look)

    # Starting

    def started(self) -> None:
        """Find the cause of this start, and note it unless it is just the end of a sleep."""
        kept, reset = self.keep.data, machine.reset_cause()
        low = reset == machine.PWRON_RESET and self._was_low()
        self.cause, self.crumb = cause(reset, kept, self.keep.survived, low)
        kept.pop("why", None)
        kept.pop("doing", None)
        boots: int = self.box.last_boot() if self.keep.fresh else kept.get("boots", 0)
        self.box.boot = boots
        if self.cause == "deep-sleep" and not self.keep.fresh:
            return
        self.box.boot = kept["boots"] = boots + 1
        kept["failed"] = kept.get("failed", 0) + failed(self.cause)
        self.keep.save()
        self.box.note(self.cause, self.crumb)

    def _was_low(self) -> bool:
        """Whether the battery was low, as the black box tells."""
        for event in reversed(self.box.last()):
            _t, _boot, code, _clock, detail = decode(event)
            if code == "battery-low":
                return not detail.startswith(CLEARED)
        return False

    def noted(self, part: str, code: str, raised: bool) -> None:
        """A fault was raised or cleared: the black box shall know."""
        self.box.note(code, part if raised else CLEARED + part)

    @property
    def safe(self) -> bool:
        """Whether so many boots failed that nothing but link and console is to run."""
        return self.keep.data.get("failed", 0) >= MAX_FAILED

    def good(self) -> None:
        """This boot has gone well."""
        if self.safe:
            return
        if self.keep.data.pop("failed", 0):
            self.box.note("boot-good")
        self.fault("unit", "safe-mode", False)  # also after a power cycle or a command, which count from 0

    def leave_safe_mode(self, why: str, tries: int = MAX_FAILED) -> None:
        """Start anew with everything, and come back to safe mode when `tries` boots fail."""
        self.keep.data["failed"] = MAX_FAILED - tries
        self.keep.data.pop("safe", None)
        self.reset("safe-mode-left", why)

    def fail(self, code: str, error: Exception) -> None:
        """The start failed, or the application ended: start anew, in safe mode after some rest."""
        sys.print_exception(error)
        self.box.note("error", short(error))
        if not self.safe:
            self.reset(code, words(error))
        self._crumb(code, words(error))
        machine.deepsleep(REST_MS)

    # Tasks

    def start(self, name: str, make: "Callable[[], Coroutine[None, None, None]]") -> None:
        """Run `make()` as a task, again after each death; its normal end is an end."""
        if not self.running(name):
            self._tasks[name] = asyncio.create_task(self._own(name, make))

    def running(self, name: str) -> bool:
        return name in self._tasks and not self._tasks[name].done()

    def stop(self, name: str) -> None:
        if self.running(name):
            self._tasks[name].cancel()

    async def _own(self, name: str, make: "Callable[[], Coroutine[None, None, None]]") -> None:
        while True:
            self._born[name] = self._now()
            try:
                await make()
                return
            except Exception as error:
                self._died(name, error)
            finally:
                self.check_out(name)
            await asyncio.sleep_ms(RESTART_MS)

    def _died(self, name: str, error: Exception) -> None:
        code = of_error(error)
        gc.collect()  # what the task held is garbage now, also when there was no memory left
        sys.print_exception(error)
        deaths = self._deaths[name] = self._deaths.get(name, 0) + 1
        self._codes[name] = code
        self.box.note("error", short(error))
        try:
            self.fault(name, code, True, words(error))
        except Exception as other:  # the log fails too: what is left is RTC memory
            self.reset(of_error(other), "%s; %s: %s" % (other, name, words(error)))
        if code == "flash-error" or deaths >= MAX_DEATHS:
            self.reset(code, "%s died %d times: %s" % (name, deaths, words(error)))

    # Checking in

    def check_in(self, name: str, within_ms: int) -> None:
        """`name` works, and will check in again or out within `within_ms`."""
        self._due[name] = self._now() + within_ms

    def check_out(self, name: str) -> None:
        """`name` waits, or has ended: nothing is due from it."""
        self._due.pop(name, None)

    def allow(self, ms: int, spent: "Callable[[str], None] | None" = None) -> None:
        """The wake may last for `ms` from now, whatever was allowed before; then `spent(why)` ends it."""
        self._end_ms = self._now() + ms
        self._spent = spent or self._spent

    async def watch(self) -> None:
        """Feed the watchdog for ever, as long as nobody is overdue."""
        while True:
            now = self._turn()
            for name, due in self._due.items():
                if now > due:
                    self.reset("stuck", name)
            for name, born in list(self._born.items()):
                if now - born > WELL_MS and self._deaths.pop(name, 0):
                    self.fault(name, self._codes.pop(name), False)
            if now > WELL_MS:
                self.good()
            if 0 <= self._end_ms < now:
                self._overrun(now)
            self._wdt.feed()
            left = FEED_MS if self._end_ms < 0 else max(1000, self._end_ms - now + 1)
            await asyncio.sleep_ms(min(FEED_MS, left))

    def _overrun(self, now: int) -> None:
        """The wake's budget is used up."""
        running = " ".join([name for name in self._tasks if name != "watch" and self.running(name)])
        self.box.note("overrun", running)
        if self._spent is None or now > self._end_ms + GRACE_MS:
            self.reset("overrun", running)
            return
        self._spent("overrun: " + running)

    def _look(self, _timer: object) -> None:
        """From the timer's interrupt, also while a task does not yield."""
        if time.ticks_diff(time.ticks_ms(), self._turned) > HANG_MS:
            self.reset("hang", self._culprit())

    def _culprit(self) -> str:
        """Who runs now."""
        try:
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        for name, own in self._tasks.items():
            if own is task:
                return name
        return "main"

    # Time and end

    def _now(self) -> int:
        """Milliseconds since this start."""
        ticks = time.ticks_ms()
        self._now_ms += time.ticks_diff(ticks, self._ticks)
        self._ticks = ticks
        return self._now_ms

    def _turn(self) -> int:
        self._turned = time.ticks_ms()
        return self._now()

    def reset(self, code: str, detail: str = "") -> None:
        """Start the device anew; the next boot record gives `code` as the reason, and `detail`."""
        self._crumb(code, detail)
        machine.reset()

    def _crumb(self, code: str, detail: str) -> None:
        kept = self.keep.data
        kept["why"] = (code + (": " + detail if detail else ""))[:_CRUMB]
        kept.pop("doing", None)
        self.keep.save()
