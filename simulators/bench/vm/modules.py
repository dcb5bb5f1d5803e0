"""As `heap`, and prints what each module takes of the heap as it is loaded for the first time, without those
that it loads itself, and what is alive in the midst of a wake, at one wait of many:

    module  {name, bytes}
    awake   {live}

A start takes long with it.
"""

import builtins
import sys

import _hw
import heap

_EACH = 40  # waits

_import, _wait = builtins.__import__, _hw.wait
_waits = 0
_inner = []  # of each import that is under way: bytes of those that it has made itself


def load(name, globals=None, locals=None, wanted=None, level=0):
    if level:  # relative, to the module that runs: that is this one now, and only asyncio's own do it
        name = "asyncio." + name if name else "asyncio"
    if name in sys.modules:
        return _import(name, None, None, wanted)
    before = heap.live()
    _inner.append(0)
    module = _import(name, None, None, wanted)
    whole = heap.live() - before
    heap.say("module", name=name, bytes=whole - _inner.pop())
    if _inner:
        _inner[-1] += whole
    return module


def wait(target):
    global _waits
    _waits += 1
    if not _waits % _EACH:
        heap.say("awake", live=heap.held())
    _wait(target)


builtins.__import__, _hw.wait = load, wait
