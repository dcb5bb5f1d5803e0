"""Code that is on the heap only while it is used.

What a unit does now and then is imported by the function that does it, and given back by `unload` when it is
over: the code of a visit, of setting the clock. An import takes time (a module some milliseconds) and heap,
in small pieces, at that moment: so never within a loop, nor between a command's acceptance and its PUBACK.
"""

import sys


def unload(names: str) -> None:
    """Forget modules of `edge` (words: "app.text measure.hours"), as if they had never been imported. What of
    them nobody holds is garbage then; what somebody holds works on.
    """
    for name in names.split():
        name = "edge." + name
        package, _, last = name.rpartition(".")
        if sys.modules.pop(name, None) and hasattr(sys.modules[package], last):  # not if its import broke off
            delattr(sys.modules[package], last)
