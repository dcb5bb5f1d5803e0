"""What a crew's laptop talks to on the chip's own serial line: one line in, one line out.

`= <JSON>` when it went well, `! <code> <message>` when not. Commands are `_do_…` methods; `help` lists them.
"""

import asyncio
import json
import sys

from edge import VERSION
from edge.app.unit import Unit
from edge.blackbox import KEPT, decode
from edge.errors import EdgeError
from edge.supervisor import Supervisor

MAX_LINE = 200


class Console:
    """`unit` is None in safe mode when the settings cannot be used; `why` says what is wrong with them."""

    def __init__(self, unit: "Unit | None", supervisor: "Supervisor | None" = None, why: str = "") -> None:
        self._found = unit
        self._supervisor: Supervisor = supervisor or self._unit.supervisor
        self._why = why

    @property
    def _unit(self) -> Unit:
        if self._found is None:
            raise EdgeError("settings-failed", self._why + "; provision the unit")
        return self._found

    async def run(self) -> None:
        stdin = asyncio.StreamReader(sys.stdin)
        line = b""
        while True:
            # One character at a time: the chip's readline() would hold up every task until the line's end.
            data = await stdin.read(1)
            if not data:
                return  # no terminal (a real serial line never ends)
            line += data
            if line[-1] not in b"\r\n":
                line = line[-MAX_LINE:]
                continue
            words = "".join([chr(byte) for byte in line if byte < 0x7F]).split()
            line = b""
            if words:
                sys.stdout.write(await self.answer(words) + "\r\n")

    async def answer(self, words: "list[str]") -> str:
        """The answer to one command, without line end."""
        command = getattr(self, "_do_" + words[0].replace("-", "_"), None)
        if command is None:
            return "! unknown-command %s; try help" % words[0]
        try:
            return "= " + json.dumps(await command(words[1:]))
        except EdgeError as error:
            return "! %s %s" % (error.code, error.detail)

    async def _do_help(self, _args: "list[str]") -> object:
        """this list"""
        return {
            "who": "device, unit, board, firmware",
            "status": "clock, log, battery, link, faults",
            "self-test": "try each part (a few seconds); name one or more parts to try only these",
            "zero": "zero <scale> [setup]: the bay is empty, set its zero (setup: it has a new platform)",
            "events": "the black box's last n (20): seconds since 1970, boot, code, clock, detail",
            "reboot": "start anew",
            "leave-safe-mode": "after three failed starts: try everything again",
            "help": "this list",
        }

    async def _do_who(self, _args: "list[str]") -> object:
        unit = self._unit
        return {"device": unit.device, "unit": unit.settings["unit"], "hw": unit.board.id, "fw": VERSION}

    async def _do_status(self, _args: "list[str]") -> object:
        unit = self._unit
        ring = unit.log.ring
        t, source = unit.clock.now()
        return {
            "t": t,
            "clock": source,
            "clock_error_ms": unit.clock.error_ms(),
            "log": {"id": ring.log, "first": ring.first, "head": ring.head, "acked": ring.acked},
            "battery_mv": unit.millivolts("battery"),
            "power": unit.power.told(),
            "link": {
                "connected": unit.uplink.connected,
                "rssi_dbm": unit.uplink.bearer.signal_dbm(),
                "error": unit.uplink.error,
            },
            "faults": unit.log.faults(),
            "refused": unit.keep.data.get("refused", {}),
            "tokens": unit.keep.data.get("tokens", {}),
        }

    async def _do_events(self, args: "list[str]") -> object:
        count = int(args[0]) if args and args[0].isdigit() else 20
        box = self._supervisor.box
        found = {"boot": box.boot, "cause": self._supervisor.cause, "safe": self._supervisor.safe}
        found["events"] = [decode(event) for event in box.last(max(1, min(count, KEPT)))]
        return found

    async def _do_reboot(self, _args: "list[str]") -> object:
        self._supervisor.reset("reboot", "at the console")
        return None

    async def _do_leave_safe_mode(self, _args: "list[str]") -> object:
        if not self._supervisor.safe:
            raise EdgeError("not-in-safe-mode", "everything runs")
        self._supervisor.leave_safe_mode("at the console")
        return None

    async def _do_self_test(self, args: "list[str]") -> object:
        from edge.selftest import SelfTest

        return await SelfTest(self._unit).run(args)

    async def _do_zero(self, args: "list[str]") -> object:
        from edge.app.scale import Scale

        parts = self._unit.board.parts
        if not args or parts.get(args[0], {}).get("driver") not in ("hx711", "transmitter"):
            raise EdgeError("part-unknown", "zero which scale? for example: zero scale0")
        zero = await Scale(self._unit, args[0]).set_zero("setup" in args[1:])
        return {
            "counts": zero.counts,
            "cause": zero.cause,
            "from_calibration_g": zero.drift_g(),
            "t": zero.when_ms,
            "temp_dc": zero.temp_dc,
        }
