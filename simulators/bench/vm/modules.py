"""As `heap`, and prints what each module takes of the heap as it is loaded for the first time, without those
that it loads itself:

    module  {name, bytes}
"""

import builtins
import sys

import heap

_import = builtins.__import__
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


builtins.__import__ = load
