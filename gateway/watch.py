"""The watch: looks at the whole gateway every few seconds, and tells when an alarm comes or goes.

A thread of the parent process. It folds the alarms (gateway.alarms), logs each once when it is raised and
once when it is cleared, and leaves what stands in `<store>/alarms.json` for everybody else. It also compares
this machine's clock with one that cannot be set.
"""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from gateway.alarm_codes import row
from gateway.alarms import Alarm, Condition, fold
from gateway.files import replace
from gateway.logs import ERROR, WARNING, Event
from gateway.metrics.facts import ALARMS_FILE, Facts, look, read_standing, write_standing

LOOK_S = 5.0
JUMP_S = 2.0  # NTP slews by 2.5 ms in five seconds; more than this was set by hand or by a step
KEEP_S = 600.0  # a jump is a condition for so long

_ALARM = Event(
    "alarm-raised",
    "{alarm}{about}: {words} {detail}",
    level=ERROR,
    doc="An alarm of the gateway stands from now on; the table of alarms says what to do.",
)
_WARNING = Event(
    "warning-raised",
    "{alarm}{about}: {words} {detail}",
    level=WARNING,
    doc="A warning of the gateway stands from now on; the table of alarms says what to do.",
)
_CLEARED = Event(
    "alarm-cleared",
    "{alarm}{about}: over after {lasted_s:.0f} s",
    doc="An alarm or warning is over.",
)
_FAILED = Event(
    "watch-failed",
    "the gateway could not be looked at: {why}",
    level=WARNING,
    doc="Alarms are not brought up to date for a moment.",
)


class Clock:
    """Whether the clock of this machine was set. `boot_s` counts on through sleep and cannot be set."""

    def __init__(
        self,
        wall_s: Callable[[], float] = time.time,
        boot_s: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._wall_s = wall_s
        self._boot_s = boot_s
        self._offset_s = wall_s() - boot_s()
        self._jumped: tuple[float, float, int] | None = None  # by, at boot time, at ms

    def conditions(self) -> list[Condition]:
        """`clock-wrong` for a while after a jump."""
        boot_s = self._boot_s()
        offset_s = self._wall_s() - boot_s
        by_s, self._offset_s = offset_s - self._offset_s, offset_s
        if abs(by_s) > JUMP_S:
            self._jumped = (by_s, boot_s, int(self._wall_s() * 1000))
        if self._jumped is None or boot_s - self._jumped[1] > KEEP_S:
            return []
        by_s, _, at_ms = self._jumped
        return [
            Condition(
                "clock-wrong", f"the clock was set {'on' if by_s > 0 else 'back'} by {abs(by_s):.0f} s", at_ms
            )
        ]


class Watch(threading.Thread):
    """Looks until `stop`. `look` gives the facts; what it raises is logged and tried again."""

    def __init__(
        self, store: Path, find: Callable[[Path, int], Facts] = look, every_s: float = LOOK_S
    ) -> None:
        super().__init__(name="watch", daemon=True)
        self._store = store
        self._find = find
        self._every_s = every_s
        self._standing = (
            read_standing(store, _now_ms()) or []
        )  # what stood before a short restart was told already
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self.look(_now_ms())
            except Exception as err:  # noqa: BLE001 - whatever it was, the next look must come
                _FAILED(why=f"{type(err).__name__}: {err}", error=err)

    def stop(self) -> None:
        """End soon; what stands stays written."""
        self._ended.set()

    def look(self, now_ms: int) -> None:
        """Once: fold, tell, write down. Raises OSError."""
        before = self._standing
        self._standing = fold(self._find(self._store, now_ms), before)
        tell(before, self._standing, now_ms)
        replace(self._store / ALARMS_FILE, write_standing(now_ms, self._standing))


def tell(before: Iterable[Alarm], after: Iterable[Alarm], now_ms: int) -> None:
    """Log what was raised and what was cleared between two looks."""
    stood = {alarm.key: alarm for alarm in before if alarm.raised}
    stands = {alarm.key: alarm for alarm in after if alarm.raised}
    for key in stands.keys() - stood.keys():
        alarm = stands[key]
        told = _ALARM if alarm.level == "alarm" else _WARNING
        told(
            alarm=alarm.code,
            about=_about(alarm),
            words=row(alarm.code).en,
            detail=alarm.detail,
            since_ms=alarm.since_ms,
        )
    for key in stood.keys() - stands.keys():
        alarm = stood[key]
        _CLEARED(alarm=alarm.code, about=_about(alarm), lasted_s=(now_ms - alarm.since_ms) / 1000)


def _about(alarm: Alarm) -> str:
    return f" ({alarm.about})" if alarm.about else ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
