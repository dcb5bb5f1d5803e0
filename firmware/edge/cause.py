"""Why a unit started, and what an exception is called. Pure.

The chip itself tells five causes apart at best: a brown-out reads as power-on, a crash of the interpreter
as a planned reset. What it cannot tell follows from what was left behind in RTC memory, which a dip of the
supply spares and its loss does not, and from the voltage that was measured last.

| cause | how it is known |
|---|---|
| the code of a planned reset | the breadcrumb, left just before it |
| `deep-sleep` | the chip says so |
| `brown-out` | power-on, and RTC memory survived it under load or at a low voltage; or the battery was low |
| `power-on` | any other power-on: switch, plug, reset button, a new battery |
| `watchdog` | the chip says so: the processor was stuck where not even a timer's interrupt was served |
| `modem-hang` | the same, while a call into the modem or radio had not returned |
| `panic` | a reset by software that nobody planned |
| `soft-reset` | the console's prompt was left |
"""

if False:  # for types
    from typing import Any

POWER_ON, HARD, WATCHDOG, DEEP_SLEEP, SOFT = range(1, 6)  # machine.reset_cause() of the ESP32 port
WEAK_MV = 3600  # a lithium cell with less can brown out under a load
LOADS = ("modem", "visit")  # what draws much

# Resets that were meant, or that are not the firmware's doing: none of them is a failed boot.
PLANNED = (
    "planned reboot settings-changed settings-rolled-back safe-mode-left updated "
    "deep-sleep power-on brown-out"
)


def cause(
    reset: int, left: "dict[str, Any]", survived: "dict[str, Any]", battery_low: bool
) -> "tuple[str, str]":
    """(code, detail) of this start.

    `reset`: what the chip says. `left`: what RTC memory holds that can be believed; `survived`: what it holds
    although power came on ({}: nothing); in both `why` (a breadcrumb), `doing` (a call that had not returned)
    and `mv` (the battery when last measured). `battery_low`: it was when last recorded.
    """
    if reset == POWER_ON:
        millivolts, doing = survived.get("mv"), survived.get("doing", "")
        weak = millivolts is not None and millivolts < WEAK_MV
        if survived and (weak or doing in LOADS):
            return "brown-out", "%s mV%s" % (millivolts, ", " + doing if doing else "")
        return ("brown-out", "battery low before") if battery_low else ("power-on", "")
    why = left.get("why", "")
    if why:
        code, _, detail = why.partition(": ")
        return code, detail
    doing = left.get("doing", "")
    if reset == WATCHDOG:
        return ("modem-hang" if doing == "modem" else "watchdog"), ("in " + doing if doing else "")
    names = {HARD: "panic", DEEP_SLEEP: "deep-sleep", SOFT: "soft-reset"}
    return names.get(reset, "unknown"), ""


def failed(code: str) -> bool:
    """Whether a boot that ended so counts as failed."""
    return code not in PLANNED.split()


def of_error(error: BaseException) -> str:
    """What to call an exception that nobody caught."""
    code = getattr(error, "code", "")
    if code.startswith("flash-"):
        return "flash-error"
    if isinstance(error, MemoryError):
        return "out-of-memory"
    if isinstance(error, RuntimeError) and "recursion" in str(error):
        return "recursion"
    return "task-died"


def short(error: BaseException) -> str:
    """An exception in as many characters as the black box has: the code of ours, else type and text."""
    code: str = getattr(error, "code", "")
    return code or words(error)


def words(error: BaseException) -> str:
    """An exception in a few words."""
    if getattr(error, "code", ""):
        return str(error)
    return "%s %s" % (type(error).__name__, error)
