"""`make bench-weighing`: the firmware's weighing against load cells that do what real ones do.

The engine is the firmware's own (`edge.measure`), run under CPython here because it is pure; the parts that
need the whole unit (faults, power cuts) run the unmodified firmware in the MicroPython VM. What is measured:

    deposits        net error of some ten thousand, from -20 to +50 degrees C, with wind, creep and drift
    verification    the table of OIML R 76-1 at verification, per temperature
    disturbances    leaning, gusts, lorries, removals: told apart or refused, never a wrong weight
    faults          each injected at random instants: found, and how soon
    years           false alarms in undisturbed device-years
    cuts            zero after power cuts
"""

import sys

from simulators.board.firmware import FIRMWARE

if str(FIRMWARE) not in sys.path:
    sys.path.append(str(FIRMWARE))  # the device package `edge`: its pure modules run under CPython too
