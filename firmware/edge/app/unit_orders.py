"""What the commands do that every unit knows: reboot, self-test, log-level, locate, events; each a function
of its name, `fn(unit, args) -> (state, code, result)` or a coroutine that returns that (see `commands`).
"""

import asyncio
from binascii import b2a_base64

from edge.errors import EdgeError

if False:  # for types
    from typing import Any

    from edge.app.unit import Unit

    Outcome = tuple[str, str, dict[str, Any] | None]

LEVELS = ("error", "warning", "info", "debug")
LOCATE_S = 30
LOCATE_LIMIT_S = 600
BEEP_MS = 300
REST_MS = 700
SIGNAL = "signal"  # the board's part that buzzes and blinks


def reboot(unit: "Unit", _args: "dict[str, Any]") -> "Outcome":
    unit.orders.restart("reboot", "command")
    return "done", "", None


async def self_test(unit: "Unit", args: "dict[str, Any]") -> "Outcome":
    if unit.attended():
        raise EdgeError("busy", "somebody is being served")
    from edge.selftest import SelfTest

    part = args.get("part")
    parts = await SelfTest(unit).run([str(part)] if part is not None else [])
    broken = [entry for entry in parts if not entry["ok"]]
    if broken:
        return "failed", "self-test-failed", {"parts": broken, "tried": len(parts)}
    return "done", "", {"parts": parts, "tried": len(parts)}


def events(unit: "Unit", _args: "dict[str, Any]") -> "Outcome":
    """The last 64 of the black box, as they lie on flash (`edge/blackbox.py`): 2,048 characters."""
    data = b2a_base64(b"".join(unit.box.last())).decode().strip()
    found = {"boot": unit.box.boot, "cause": unit.supervisor.cause, "safe": unit.supervisor.safe}
    found["events"] = data
    return "done", "", found


def log_level(unit: "Unit", args: "dict[str, Any]") -> "Outcome":
    level = args["level"]
    if level not in LEVELS:
        raise EdgeError("bad-args", "level %s; expected %s" % (level, " ".join(LEVELS)))
    unit.keep.data["level"] = LEVELS.index(level)
    unit.keep.save()
    return "done", "", {"level": level}


def locate(unit: "Unit", args: "dict[str, Any]") -> "Outcome":
    """Buzz and blink. The reply comes when it begins."""
    for_s = args.get("for_s", LOCATE_S)
    if not isinstance(for_s, int) or not 1 <= for_s <= LOCATE_LIMIT_S:
        raise EdgeError("bad-args", "for_s must be 1 to %d" % LOCATE_LIMIT_S)
    board = unit.board
    if not board.fitted(SIGNAL) and not board.fitted("display"):
        raise EdgeError("part-unknown", "board %s has neither signal nor display" % board.id)
    unit.orders.locate_s = for_s
    unit.supervisor.start("locate", lambda: _locate(unit))
    return "done", "", {"for_s": for_s}


async def _locate(unit: "Unit") -> None:
    board = unit.board
    signal = board.part(SIGNAL) if board.fitted(SIGNAL) else None
    display = board.part("display") if board.fitted("display") else None
    if display:
        display.show("我在这里", "Here I am")
    try:
        while unit.orders.locate_s > 0:
            unit.orders.locate_s -= 1
            if signal:
                signal.on()
            await asyncio.sleep_ms(BEEP_MS)
            if signal:
                signal.off()
            await asyncio.sleep_ms(REST_MS)
    finally:
        if signal:
            signal.off()
        if display and not unit.attended():
            display.show("")
