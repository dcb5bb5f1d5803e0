"""Real MicroPython with the hardware replaced below the firmware.

`vm/` runs inside the interpreter; the rest is the host's half of each chip: link, power, sleep, flash image.
Knows `firmware` (to run it) and `simulators.scene`; never `gateway`, and nothing of the world but its
protocol.
"""
