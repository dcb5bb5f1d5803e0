"""Ultrasonic distance sensor, serial-output type: frames `FF hi lo sum`, millimetres, 10 a second while
powered.

`sum` is the low byte of FF + hi + lo. A distance of 0 means that no echo came back. The sensor takes the air
for as warm as it was made for: `measure.fill` corrects.
"""

import asyncio
import time

from edge.drivers.serial import Serial
from edge.drivers.switch import Switch
from edge.errors import EdgeError

_WANTED = 5  # distances: an odd number, whose median two stray echoes cannot move
_TIMEOUT_MS = 1500  # start-up, and ten frames
_LOOK_MS = 550


class Ranger:
    """`port`: its line; `power`: the pin that switches its supply."""

    ACOUSTIC = True  # measures with sound, whose speed depends on the temperature

    def __init__(self, port: Serial, power: int) -> None:
        self._port = port
        self._lock = asyncio.Lock()
        self._power = Switch(power)

    @property
    def on_ms(self) -> int:
        """How long its supply was on since boot."""
        return self._power.on_ms

    @staticmethod
    def frames(buf: bytes) -> "tuple[list[int], int]":
        """(distances in mm, pings without a usable echo) of all valid frames in `buf`; bytes between frames
        are skipped.
        """
        found: "list[int]" = []
        misses = at = 0
        while at + 4 <= len(buf):
            if buf[at] != 0xFF or (0xFF + buf[at + 1] + buf[at + 2]) & 0xFF != buf[at + 3]:
                at += 1
                continue
            mm = buf[at + 1] << 8 | buf[at + 2]
            at += 4
            if mm:
                found.append(mm)
            else:
                misses += 1
        return found, misses

    async def read(self) -> "tuple[list[int], int]":
        """(distances in mm as read, pings without a usable echo) of one look, one of them at least.

        Errors: `ranger-silent` (no byte), `ranger-garbled` (bytes, but no valid frame).
        """
        async with self._lock:
            return await self._read()

    async def read_mm(self) -> int:
        """The median distance of one look, as read. Errors: as `read`, and `ranger-no-echo`."""
        found, misses = await self.read()
        if not found:
            raise EdgeError("ranger-no-echo", "%d pings without one; check what lies before it" % misses)
        return sorted(found)[len(found) // 2]

    async def _read(self) -> "tuple[list[int], int]":
        self._port.drop()
        self._power.on()
        buf = b""
        found: "tuple[list[int], int]" = ([], 0)
        start = time.ticks_ms()
        try:
            while len(found[0]) < _WANTED and time.ticks_diff(time.ticks_ms(), start) < _TIMEOUT_MS:
                await asyncio.sleep_ms(_LOOK_MS)  # a few frames at a time: waking for each costs energy
                buf += self._port.waiting()
                found = self.frames(buf)
        finally:
            self._power.off()
        if found[0] or found[1]:
            return found
        if not buf:
            raise EdgeError(
                "ranger-silent", "no byte within %d ms; check its supply and its wire" % _TIMEOUT_MS
            )
        raise EdgeError("ranger-garbled", "no valid frame in %d bytes; check wires and type" % len(buf))
