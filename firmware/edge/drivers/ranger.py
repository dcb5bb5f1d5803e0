"""Ultrasonic distance sensor, serial-output type: frames `FF hi lo sum`, millimetres, 10 a second while
powered.

`sum` is the low byte of FF + hi + lo. A distance of 0 means that no echo came back.
"""

import asyncio
import time

from machine import Pin

from edge.drivers.serial import Serial
from edge.errors import EdgeError

_WANTED = 3
_TIMEOUT_MS = 1500  # start-up, and ten frames
_LOOK_MS = 350


def distances(buf: bytes) -> "list[int]":
    """The distances in mm of all valid frames in `buf`; bytes between frames are skipped."""
    found = []
    at = 0
    while at + 4 <= len(buf):
        if buf[at] == 0xFF and (0xFF + buf[at + 1] + buf[at + 2]) & 0xFF == buf[at + 3]:
            if buf[at + 1] or buf[at + 2]:
                found.append(buf[at + 1] << 8 | buf[at + 2])
            at += 4
        else:
            at += 1
    return found


class Ranger:
    def __init__(self, port: Serial, power: int) -> None:
        self._port = port
        self._lock = asyncio.Lock()
        self._power = Pin(power, Pin.OUT, value=0)

    async def read_mm(self) -> int:
        """The median of a few distances. Errors: `ranger-silent` (no bytes), `ranger-no-echo` (no valid
        distance).
        """
        async with self._lock:
            return await self._read_mm()

    async def _read_mm(self) -> int:
        self._port.drop()
        self._power.value(1)
        buf = b""
        found: "list[int]" = []
        start = time.ticks_ms()
        try:
            while len(found) < _WANTED and time.ticks_diff(time.ticks_ms(), start) < _TIMEOUT_MS:
                await asyncio.sleep_ms(_LOOK_MS)  # a few frames at a time: waking for each costs energy
                buf += self._port.waiting()
                found = distances(buf)
        finally:
            self._power.value(0)
        if found:
            return sorted(found)[len(found) // 2]
        if not buf:
            raise EdgeError(
                "ranger-silent", "no byte within %d ms; check its supply and its wire" % _TIMEOUT_MS
            )
        raise EdgeError(
            "ranger-no-echo", "no valid distance in %d bytes; check what lies before it" % len(buf)
        )
