"""Runs beside the firmware at each boot (`simulators.board.narrow`) and prints what the heap holds, one JSON
document a line; bytes:

    base    {live}                  before the firmware: stand-ins, and what the chip has in ROM or in C
    sleep   {at_ms, live, loaded}   as the chip goes to sleep, everything collected, and the modules that are
                                    loaded then; after it MicroPython's own words (`max free sz`: the largest
                                    free block, in blocks of 16 B)

What the stand-ins make later (an object for each line and socket) counts for the firmware; pins do not, since
the chip has theirs in ROM.
"""

import gc
import json
import random  # noqa: F401
import sys

import _hw
import esp32  # noqa: F401
import machine
import micropython
import network  # noqa: F401
import select  # noqa: F401
import socket  # noqa: F401

import os  # noqa: F401

_boot, _deepsleep = _hw.boot, machine.deepsleep
_pin = 0  # bytes of one pin's stand-in


def live():
    gc.collect()
    gc.collect()  # what the first has finalised
    return gc.mem_alloc()


def say(word, **told):
    print(word, json.dumps(told))


def boot():
    global _pin
    _boot()
    before = live()
    machine.Pin(48)
    _pin = live() - before
    _hw.pins.clear()
    say("base", live=live())


def held():
    return live() - _pin * len(_hw.pins)


def deepsleep(ms=None):
    say("sleep", at_ms=_hw.now // 1000, live=held(), loaded=list(sys.modules))
    micropython.mem_info()
    _deepsleep(ms)


_hw.boot, machine.deepsleep = boot, deepsleep
