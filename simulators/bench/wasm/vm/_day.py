"""Job: the chip, a boot a step, and at the first end of a boot of each day what is alive on the heap.

    heap <JSON: day, boots, live>

`live`: bytes in use, the application's objects among them. Day -2: before any of the firmware was loaded, -1:
with the modules of `_names.NAMES` loaded, nothing of them made yet.
"""

import gc
import json
import random
import sys

import _chip
import _hw
import _names
import asyncio

_DAY_US = 86_400_000_000
_day = -3
_boots = 0
_kept = None  # the application: it is alive at the end of its wake, though the reset has unwound it


def step():
    """The supply comes on, or sleep ends, until the next reset. Before that two steps that prepare."""
    global _day, _boots, _kept
    if _day == -3:
        _day = -2
        _hw.attach(int(sys.argv[1]), int(sys.argv[2]))
        _hw.boot()  # the stand-ins hold what the board is made of
        return True
    if _day == -2:
        _day = -1
        for name in _names.NAMES:
            __import__(name)
        return True
    _kept = None
    sys.modules.pop("main", None)
    asyncio.core.cur_task = None
    asyncio.core.new_event_loop()
    try:
        if _boots:
            _hw.boot()
        random.seed(_hw.config["seed"] * 65537 + _hw.state["boot"])
        __import__("main")
        _hw.send(72, b"main returned")
        return False
    except _hw.Reset:
        _boots += 1
        return True


def _run(coro):
    global _kept
    _kept = coro
    return asyncio.core.run(coro)


asyncio.run = _run


def settled():
    """After a collection."""
    global _day
    day = _hw.now // _DAY_US if _boots else _day
    if day != _day or not _boots:
        _day = day
        print("heap", json.dumps({"day": _day, "boots": _boots, "live": gc.mem_alloc()}))
