"""Safe mode: link and console, nothing else. What runs after three starts in a row have failed.

No bolt, no scale, no visit; every door stays as its spring holds it. The unit says what it knows of itself,
takes settings and commands, and answers a crew. It is left

- by itself: every RETRY rounds (6 h) everything is tried once; when that fails, here we are again;
- by command or at the console (`leave-safe-mode`), with three tries;
- by switching the supply off and on.

It sleeps between two rounds. With settings that cannot be used there is only the console.
"""

import asyncio

import esp32
import machine

from edge.app.unit import Unit
from edge.blackbox import always
from edge.console import Console
from edge.supervisor import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ROUND_MS = 1_800_000
RETRY = 12  # rounds
SESSION_MS = 120_000
PLUG_MS = 5_000
AWAKE_MS = 180_000
RADIO_MV = 3400  # less carries no radio


class Safe:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._keep = supervisor.keep.data
        self.why = ""  # there are no settings to build a unit from
        self.unit: "Unit | None" = None
        try:
            self.unit = Unit(supervisor)
        except Exception as error:
            self.why = "%s %s" % (type(error).__name__, error)
            supervisor.box.may_write = always

    async def run(self) -> None:
        """One round: a session, then rest; does not return."""
        supervisor, unit = self._supervisor, self.unit
        supervisor.allow(AWAKE_MS, self._rest)
        supervisor.start("watch", supervisor.watch)
        supervisor.start("console", Console(unit, supervisor, self.why).run)
        first = "safe" not in self._keep
        left: int = self._keep.get("safe", RETRY)
        if left <= 0:
            self._keep.pop("safe")
            supervisor.leave_safe_mode("by itself", 1)
        self._keep["safe"] = left - 1
        if first:
            supervisor.box.note("safe-mode", supervisor.cause)
        if unit:
            unit.log.fault("unit", "safe-mode", True, supervisor.crumb or supervisor.cause)
            unit.boot_record()
            if self._has_power(unit):
                supervisor.start("uplink", self._session)
        while supervisor.running("uplink") or self._plugged():
            supervisor.allow(AWAKE_MS)
            await asyncio.sleep_ms(PLUG_MS)
        self._rest("")

    async def _session(self) -> None:
        """Send what there is, and listen for commands for a while."""
        unit = self.unit
        assert unit is not None
        start = unit.clock.mono_ms()

        def done() -> bool:
            return unit.clock.mono_ms() - start > SESSION_MS // 2

        def back_ms() -> int:
            return unit.clock.local_ms() + ROUND_MS

        try:
            await asyncio.wait_for_ms(unit.uplink.session(done, back_ms), SESSION_MS)
        except Exception as error:  # whatever it is: the next round tries again
            unit.uplink.error = str(error) or "timeout"

    def _has_power(self, unit: Unit) -> bool:
        try:
            millivolts = unit.millivolts("battery")
        except Exception:  # not even that can be measured
            return True
        return millivolts is None or millivolts >= RADIO_MV

    def _plugged(self) -> bool:
        """A crew's laptop is there."""
        pin = self._service_pin()
        return pin is not None and pin.value() == 0

    def _service_pin(self) -> "Any":
        if not self.unit or not self.unit.board.fitted("service"):
            return None
        return self.unit.board.part("service").pin

    def _rest(self, why: str) -> None:
        """Until the next round; `why`: what ends this one before its time."""
        self._supervisor.keep.save()
        pin = self._service_pin()
        if pin is not None:
            esp32.wake_on_ext1((pin,), esp32.WAKEUP_ALL_LOW)
        if why:
            self._supervisor.box.note("overrun", why)
        machine.deepsleep(ROUND_MS)
