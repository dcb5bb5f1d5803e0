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

from edge.app.unit import Unit, log_id, partition, record_boot
from edge.blackbox import always
from edge.cause import words
from edge.clock import Clock
from edge.console import Console
from edge.log import Log
from edge.store.ring import Ring
from edge.supervisor import Supervisor

if False:  # for types
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
        self.why = ""  # there is no more than a console
        self.unit = self._unit(False) or self._unit(True)
        if not self.unit:
            supervisor.box.may_write = always
            try:
                self._record()
            except Exception as error:  # no log either
                self.why = words(error)

    def _unit(self, bare: bool) -> "Unit | None":
        """The unit, or what can be made of it without its board. None: `why`."""
        try:
            unit = Unit(self._supervisor, bare)
            unit.millivolts("battery")
            self._pin(unit)
            return unit
        except Exception as error:
            self.why = words(error)
            return None

    def _record(self) -> None:
        """No settings, but there is a log: whoever reads it later shall know when that was, and why."""
        clock = Clock(self._supervisor.keep)
        log = Log(Ring(partition("log"), log_id), clock, self._supervisor.keep)
        self._supervisor.box.now = clock.now
        if self._supervisor.cause != "deep-sleep":
            record_boot(log, self._supervisor, "none")

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
            unit.boot_record()
            unit.commands.recover()
            unit.log.fault("unit", "safe-mode", True, supervisor.crumb or supervisor.cause)
            if self._has_power(unit):
                supervisor.start("uplink", self._session)
        while supervisor.running("uplink") or self._plugged() or (unit and unit.orders.busy):
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
        unit.uplink.off()

    def _has_power(self, unit: Unit) -> bool:
        millivolts = unit.millivolts("battery")
        return millivolts is None or millivolts >= RADIO_MV

    def _plugged(self) -> bool:
        """A crew's laptop is there."""
        pin = self._pin(self.unit)
        return pin is not None and pin.value() == 0

    @staticmethod
    def _pin(unit: "Unit | None") -> "Any":
        """What a crew's plug pulls down."""
        return unit.board.part("service").pin if unit and unit.board.fitted("service") else None

    def _rest(self, why: str) -> None:
        """Until the next round; `why`: what ends this one before its time."""
        self._supervisor.keep.save()
        pin = self._pin(self.unit)
        if pin is not None:
            esp32.wake_on_ext1((pin,), esp32.WAKEUP_ALL_LOW)
        if why:
            self._supervisor.box.note("overrun", why)
        machine.deepsleep(ROUND_MS)
