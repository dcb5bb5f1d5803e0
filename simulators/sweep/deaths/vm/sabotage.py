"""Kills the firmware, once, at an instant that the settings name: `"sabotage": {"death", "at_ms", "pick"}`.

What a chip can do to firmware is done in the stand-ins: the processor is stuck, a flash operation fails, a
clock leaps. What firmware does to itself is done in its own functions: the first of HOOKS that is called.
Runs where modules are kept over resets (fidelity *standard*), which is how it knows that it has struck.
"""

import asyncio
import asyncio.core as core
import sys
import time

import _hw
import edge.app.start as starting
import esp32
import machine
import network
from edge.app.keeper import Keeper
from edge.app.unit import Unit
from edge.drivers.adc import Adc
from edge.drivers.hx711 import Hx711
from edge.drivers.lock import Lock
from edge.drivers.serial import Serial
from edge.link.uplink import Uplink
from edge.log import Log
from edge.store import settings as store

HOOKS = (
    (Log, "write"), (Unit, "surroundings"), (Keeper, "look"), (Uplink, "_next_packet"), (Log, "fault"),
)  # fmt: skip
DRIVERS = ((Adc, "read_mv"), (Hx711, "exchange"), (Lock, "drive"), (Serial, "write"))
RADIO = ("active", "connect")
AFTER_WAKE_US = 400_000

plan = None
struck = False
supervisor = None
main_task = None
_real = {"supervise": starting.supervise, "create_task": core.create_task}


def arm():
    """At each boot until it has struck."""
    global plan, main_task
    main_task = None
    starting.supervise = _supervise
    core.create_task = _create_task
    if plan is None:
        try:
            plan = store.load(esp32.Partition.find(1, label="settings")[0]).get("sabotage", {})
        except Exception:  # the settings themselves are what was killed
            plan = {}
    if plan.get("death") in DEATHS and not struck:
        # What would have been while the chip slept is done a little after it woke.
        _hw.at(max(plan["at_ms"] * 1000, _hw.now + plan["pick"] * 7919 % AFTER_WAKE_US), _strike)


def _supervise():
    global supervisor
    supervisor = _real["supervise"]()
    return supervisor


def _create_task(coro):
    global main_task
    task = _real["create_task"](coro)
    if main_task is None:
        main_task = task
    return task


def _strike():
    global struck
    struck = True
    DEATHS[plan["death"]]()


def _say():
    """What the trial reads: it has happened."""
    print("SABOTAGE " + plan["death"], file=sys.stderr)


# What the chip does


def _stuck(*_args, **_kwargs):
    """The processor is in C code that never returns: nothing but the watchdog is served."""
    _say()
    if _hw.watchdog is None:
        while True:
            _hw.wait(_hw.FOREVER)
    _hw.now = max(_hw.now, _hw.watchdog[0])
    machine._end(machine.WDT_RESET)


def _radio_hangs():
    name = RADIO[plan["pick"] % len(RADIO)]
    setattr(network.WLAN, name, _stuck_once(network.WLAN, name))


def _stuck_once(cls, name):
    real = getattr(cls, name)

    def stuck(*args):
        setattr(cls, name, real)
        _stuck()

    return stuck


def _flash_fails():
    """From now on no flash operation on the log succeeds, for a few of them or for good."""
    left = [(4, 8, 1_000_000)[plan["pick"] % 3]]
    for name in ("writeblocks", "ioctl"):
        setattr(esp32.Partition, name, _failing(getattr(esp32.Partition, name), left))


def _failing(real, left):
    def fail(self, *args):
        if self.label == "log" and left[0] > 0 and (len(args) > 2 or args[0] == 6):
            left[0] -= 1
            _say()
            raise OSError(
                -260
            )  # ESP_ERR_INVALID_SIZE's neighbourhood: what the driver gives is a negative esp_err
        return real(self, *args)

    return fail


def _clock_leaps():
    _say()
    days = (1, -1, 400, -3)[plan["pick"] % 4]
    _hw.rtc_zero_us -= days * 86_400_000_000 + plan["pick"] * 1_000_003


# What firmware does to itself


def _hooked(hooks, act):
    """The next call of one of `hooks` does `act` first, once."""
    cls, name = hooks[plan["pick"] % len(hooks)]
    real = getattr(cls, name)

    def once(*args):
        setattr(cls, name, real)
        _say()
        act()
        return real(*args)

    setattr(cls, name, once)


def _eat():
    held = []
    while True:
        held.append(bytearray(4096))


def _recurse():
    _recurse()


def _spin():
    while True:
        time.sleep_us(2000)  # polls for something that never comes, and never yields


def _throw():
    """An exception in one of the tasks that live now."""
    names = sorted([name for name in supervisor._tasks if supervisor.running(name)]) if supervisor else []
    if main_task is not None:
        names.append("main")
    if not names:
        _hw.at(_hw.now + 1_000_000, _throw)
        return
    name = names[plan["pick"] % len(names)]
    task = main_task if name == "main" else supervisor._tasks[name]
    error = ZeroDivisionError("sabotage of " + name)
    _say()
    if task is core.cur_task and task.ph_key is not None and _running(task):
        raise error
    while isinstance(task.data, asyncio.Task):
        task = task.data
    if hasattr(task.data, "remove"):
        task.data.remove(task)
        core._task_queue.push(task)
    elif time.ticks_diff(task.ph_key, time.ticks_ms()) > 0:
        core._task_queue.remove(task)
        core._task_queue.push(task)
    task.data = error


def _running(task):
    """Whether it is not in any queue: it runs now."""
    return task not in core._task_queue.q and not hasattr(task.data, "remove") and task.data is None


def _reboot():
    _say()
    supervisor.reset("reboot", "command c-7")


DEATHS = {
    "watchdog": _stuck,
    "exception": _throw,
    "memory": lambda: _hooked(HOOKS, _eat),
    "modem": _radio_hangs,
    "flash": _flash_fails,
    "recursion": lambda: _hooked(HOOKS, _recurse),
    "clock": _clock_leaps,
    "reboot": _reboot,
    "driver": lambda: _hooked(DRIVERS, _spin),
}
