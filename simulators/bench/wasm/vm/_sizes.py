"""Job: what each of the modules in `_names.NAMES` takes on the heap, loaded one after the other.

    size <JSON: [module, bytes]>

A module that loads others counts without them when they come before it.
"""

import gc
import json

import _chip  # noqa: F401 (loads what lies below the firmware)
import _names

_at = -1
_used = 0


def step():
    """Load the next; the first step loads none."""
    global _at
    if _at >= 0:
        __import__(_names.NAMES[_at])
    _at += 1
    return _at < len(_names.NAMES)


def settled():
    """After a collection."""
    global _used
    used = gc.mem_alloc()
    if _at > 0:
        print("size", json.dumps([_names.NAMES[_at - 1], used - _used]))
    _used = used
