"""An RS-485 line with Modbus RTU units on it, and the arbiter of its exchanges: one at a time, each with a
deadline.

An RTU answer carries neither an address nor a transaction number: one that comes after its time-out would be
taken for the answer to the next request. Three rules keep it out:

- After an exchange that went wrong in any way the line is *dirty*: before the next request it is drained
  until it was silent for a whole time-out. What arrives unasked is never decoded.
- A request that got no answer may still get it. So the next one to that unit asks for another number of
  registers, and what failed last is the last of `lengths` to be asked for again; an answer of any other
  length than the one asked for is refused. An answer that outlives the drain passes only when as many
  requests have failed since as there are lengths: more than a second late.
- After an answer the line must be silent for 3.5 characters, or it was no answer.

Own code, since umodbus is GPL-3.
"""

import asyncio
import time

from machine import Pin

from edge.drivers import rtu
from edge.drivers.serial import Serial
from edge.errors import EdgeError

DRAIN_LIMIT = 5  # time-outs that the line may go on talking unasked before it counts as unusable
TRIES = 3
_CHARACTER_BITS = 11
_FAST_GAP_US = 1750  # of 3.5 characters from 19200 baud up (Modbus over serial line 1.02, 2.5.1.1)


class Bus:
    """`enable`: GPIO of the transceiver's driver enable; None: it switches itself."""

    def __init__(self, port: Serial, baud: int, enable: "int | None" = None) -> None:
        self._port = port
        self._enable = None if enable is None else Pin(enable, Pin.OUT, value=0)
        self._character_us = _CHARACTER_BITS * 1_000_000 // baud
        gap_us = 7 * self._character_us // 2 if baud <= 19_200 else _FAST_GAP_US
        self._gap_ms = gap_us // 1000 + 1
        self._lengths: "dict[tuple[int, int], list[int]]" = {}  # of each unit and address: what failed last
        # comes last
        self._dirty = True
        self._lock = asyncio.Lock()

    async def listen(self, ms: int) -> None:
        """Nobody speaks unasked. Errors: `rtu-noise`, when somebody did."""
        async with self._lock:
            self._port.drop()
            if await self._port.read(ms):
                raise EdgeError("rtu-noise", "bytes came though nothing was asked; check A, B and ground")

    async def read(
        self,
        unit: int,
        function: int,
        address: int,
        lengths: "tuple[int, ...]",
        timeout_ms: int,
        tries: int = TRIES,
    ) -> "tuple[int, ...]":
        """At least the shortest of `lengths` registers from `address` on. `timeout_ms`: of one exchange.

        Errors, of the last try: `rtu-silent`, `rtu-crc`, `rtu-wrong-answer`, `rtu-busy`; at once: `rtu-noise`
        (the line does not fall silent), `rtu-refused`.
        """
        async with self._lock:
            while True:
                tries -= 1
                order = self._lengths.setdefault((unit, address), list(lengths))
                try:
                    return await self._exchange(unit, function, address, order[0], timeout_ms)
                except EdgeError as error:
                    order.append(order.pop(0))
                    if tries <= 0 or error.code in ("rtu-noise", "rtu-refused"):
                        raise

    async def _exchange(
        self, unit: int, function: int, address: int, count: int, timeout_ms: int
    ) -> "tuple[int, ...]":
        waiting = self._port.waiting()
        if self._dirty or waiting:
            await self._drain(timeout_ms)
        self._dirty = True
        asked = rtu.request(unit, function, address, count)
        await self._send(asked)
        answer = await self._receive(asked, count, timeout_ms)
        try:
            words = rtu.words(unit, function, count, answer)
        except EdgeError as error:
            self._dirty = error.code not in ("rtu-busy", "rtu-refused")
            raise
        self._dirty = False
        return words

    async def _drain(self, timeout_ms: int) -> None:
        """Throw away what arrives until nothing did for a whole time-out."""
        start = time.ticks_ms()
        while await self._port.read(timeout_ms):
            if time.ticks_diff(time.ticks_ms(), start) > DRAIN_LIMIT * timeout_ms:
                raise EdgeError("rtu-noise", "the line does not fall silent; check A, B and ground")

    async def _send(self, frame: bytes) -> None:
        if self._enable is None:
            self._port.write(frame)
            return
        self._enable.value(1)
        try:
            self._port.write(frame)
            await asyncio.sleep_ms(len(frame) * self._character_us // 1000 + 1)
        finally:
            self._enable.value(0)

    async def _receive(self, asked: bytes, count: int, timeout_ms: int) -> bytes:
        """As many bytes as the answer must have; a transceiver may give our own bytes back first."""
        start = time.ticks_ms()
        buf = b""
        while len(buf) < rtu.length(buf, count):
            left = timeout_ms - time.ticks_diff(time.ticks_ms(), start)
            if left <= 0:
                if buf:
                    raise EdgeError("rtu-crc", "%d bytes, then silence" % len(buf))
                raise EdgeError("rtu-silent", "no answer within %d ms" % timeout_ms)
            buf += await self._port.read(left)
            if buf[: len(asked)] == asked:
                buf = buf[len(asked) :]
        if await self._port.read(self._gap_ms):
            raise EdgeError("rtu-crc", "the line goes on after the answer's end")
        return buf
