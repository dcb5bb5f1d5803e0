"""What commands do that every unit knows: reboot, self-test, log-level, locate, events. And what they leave
to be done afterwards: staying awake, and starting anew when there is a moment for it.
"""

import asyncio
from binascii import b2a_base64

from edge.errors import EdgeError

if False:  # for types
    from typing import Any

    from edge.app.unit import Unit

LEVELS = ("error", "warning", "info", "debug")
HOLD_LIMIT_MS = 14_400_000
TELL_MS = 10_000  # for the reply to leave before the unit starts anew
IDLE_MS = 2 * 3_600_000  # no visit is longer
LOOK_MS = 200
LOCATE_S, LOCATE_LIMIT_S = 30, 600
BEEP_MS, REST_MS = 300, 700
SIGNAL = "signal"  # the board's part that buzzes and blinks
TASKS = ("commands", "restart", "locate", "relock")


class Orders:
    """One of a unit. Puts its handlers into `unit.commands`; apps add theirs."""

    def __init__(self, unit: "Unit") -> None:
        self._unit = unit
        commands, supervisor = unit.commands, unit.supervisor
        commands.handlers["reboot"] = self.reboot
        commands.handlers["self-test"] = self.self_test
        commands.handlers["log-level"] = self.log_level
        commands.handlers["locate"] = self.locate
        commands.handlers["events"] = self.events
        commands.start = lambda: supervisor.start("commands", commands.run)
        commands.news = unit.uplink.poke
        unit.desired.changed = lambda: self.restart(*unit.desired.restart)
        self._why = ("", "")
        self._locate_s = 0

    @property
    def busy(self) -> bool:
        """Something was asked for that is not done: no time to sleep."""
        return bool([name for name in TASKS if self._unit.supervisor.running(name)])

    # Staying awake

    def hold(self, for_s: int) -> None:
        """Stay awake and connected for so long from now, over resets too."""
        until = self._unit.clock.local_ms() + min(for_s * 1000, HOLD_LIMIT_MS)
        self._unit.keep.data["hold_ms"] = until
        self._unit.keep.save()

    def held_ms(self) -> int:
        """For how long yet; 0: not."""
        left = self._unit.keep.data.get("hold_ms", 0) - self._unit.clock.local_ms()
        return left if 0 < left <= HOLD_LIMIT_MS else 0  # more: the clock was stepped

    # Starting anew

    def restart(self, code: str, detail: str = "") -> None:
        """Start anew as soon as replies are out and nobody is served."""
        self._why = (code, detail)
        self._unit.supervisor.start("restart", self._restart)

    async def _restart(self) -> None:
        unit, clock = self._unit, self._unit.clock
        start = clock.mono_ms()
        while clock.mono_ms() - start < TELL_MS and unit.uplink.connected and unit.commands.busy:
            await asyncio.sleep_ms(LOOK_MS)
        while clock.mono_ms() - start < IDLE_MS and not unit.supervisor.safe and self._serving():
            await asyncio.sleep_ms(LOOK_MS)
        if unit.supervisor.safe:
            unit.supervisor.leave_safe_mode("command")
        unit.supervisor.reset(*self._why)

    def _serving(self) -> bool:
        return self._unit.attended() or self._unit.visit() is not None

    # Commands

    def reboot(self, _args: "dict[str, Any]") -> "tuple[str, str, dict[str, Any] | None]":
        self.restart("reboot", "command")
        return "done", "", None

    async def self_test(self, args: "dict[str, Any]") -> "tuple[str, str, dict[str, Any] | None]":
        if self._unit.attended():
            raise EdgeError("busy", "somebody is being served")
        from edge.selftest import SelfTest

        part = args.get("part")
        parts = await SelfTest(self._unit).run([str(part)] if part is not None else [])
        broken = [entry for entry in parts if not entry["ok"]]
        if broken:
            return "failed", "self-test-failed", {"parts": broken, "tried": len(parts)}
        return "done", "", {"parts": parts, "tried": len(parts)}

    def events(self, _args: "dict[str, Any]") -> "tuple[str, str, dict[str, Any] | None]":
        """The last 64 of the black box, as they lie on flash (`edge/blackbox.py`): 2,048 characters."""
        unit = self._unit
        data = b2a_base64(b"".join(unit.box.last())).decode().strip()
        found = {"boot": unit.box.boot, "cause": unit.supervisor.cause, "safe": unit.supervisor.safe}
        found["events"] = data
        return "done", "", found

    def log_level(self, args: "dict[str, Any]") -> "tuple[str, str, dict[str, Any] | None]":
        level = args["level"]
        if level not in LEVELS:
            raise EdgeError("bad-args", "level %s; expected %s" % (level, " ".join(LEVELS)))
        self._unit.keep.data["level"] = LEVELS.index(level)
        self._unit.keep.save()
        return "done", "", {"level": level}

    def locate(self, args: "dict[str, Any]") -> "tuple[str, str, dict[str, Any] | None]":
        """Buzz and blink. The reply comes when it begins."""
        for_s = args.get("for_s", LOCATE_S)
        if not isinstance(for_s, int) or not 1 <= for_s <= LOCATE_LIMIT_S:
            raise EdgeError("bad-args", "for_s must be 1 to %d" % LOCATE_LIMIT_S)
        board = self._unit.board
        if not board.fitted(SIGNAL) and not board.fitted("display"):
            raise EdgeError("part-unknown", "board %s has neither signal nor display" % board.id)
        self._locate_s = for_s
        self._unit.supervisor.start("locate", self._locate)
        return "done", "", {"for_s": for_s}

    async def _locate(self) -> None:
        board = self._unit.board
        signal = board.part(SIGNAL) if board.fitted(SIGNAL) else None
        display = board.part("display") if board.fitted("display") else None
        if display:
            display.show("我在这里", "Here I am")
        try:
            while self._locate_s > 0:
                self._locate_s -= 1
                if signal:
                    signal.on()
                await asyncio.sleep_ms(BEEP_MS)
                if signal:
                    signal.off()
                await asyncio.sleep_ms(REST_MS)
        finally:
            if signal:
                signal.off()
            if display and not self._unit.attended():
                display.show("")
