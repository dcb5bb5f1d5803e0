"""HX711 24-bit converter for load cells (Avia Semiconductor data sheet), as clocked bits.

DOUT low: a conversion is ready. 24 pulses on SCK bring the bits, most significant first, two's complement;
the 25th (26th, 27th) selects the gain of the next one: A128, (B32, A64). SCK high for more than 60 µs
powers the chip down, so the whole exchange (about 0.3 ms) runs with interrupts off. After power-up the chip
needs 400 ms at 10 samples/s.
"""

import asyncio
import time

import machine
from machine import Pin

from edge.drivers.line import Line
from edge.errors import EdgeError

FULL_SCALE = 0x7FFFFF
_PULSES = {128: 1, 32: 2, 64: 3}
_READY_MS = 800  # 400 ms settling and one conversion at 10 samples/s, with room
_EXCHANGE_US = 3000


class Hx711:
    """`power` pin: switches the bridge and the chip; None: always on."""

    def __init__(self, data: int, clock: int, power: "int | None" = None, gain: int = 128) -> None:
        self._clock = Pin(clock, Pin.OUT, value=0)
        self._line = Line(data, 0)
        self._data = self._line.pin
        self._power = None if power is None else Pin(power, Pin.OUT, value=0)
        self._extra = _PULSES[gain]
        self.lock = asyncio.Lock()  # held from `on` to `off`: a visit and a self-test must not share a bridge

    def on(self) -> None:
        self._clock.value(0)
        if self._power:
            self._power.value(1)

    def off(self) -> None:
        if self._power:
            self._power.value(0)
        else:
            self._clock.value(1)

    async def read(self) -> int:
        """The next conversion in counts, -2^23 … 2^23-1.

        Errors: `scale-silent` (no conversion in time), `scale-garbled` (the exchange was disturbed: read
        again), `scale-at-rail` (the input is out of range: bridge or wire broken).
        """
        if not await self._line.until(0, _READY_MS):
            raise EdgeError(
                "scale-silent", "no conversion within %d ms; check the HX711's supply and wires" % _READY_MS
            )
        value = self.exchange()
        if value in (FULL_SCALE, -FULL_SCALE - 1):
            raise EdgeError(
                "scale-at-rail", "reading %d is the end of the range; check the load cell's wires" % value
            )
        return value

    def exchange(self) -> int:
        """Clock one conversion out."""
        clock, data = self._clock, self._data
        value = 0
        state = machine.disable_irq()
        start = time.ticks_us()
        for _ in range(24):
            clock.value(1)
            clock.value(0)
            value = value << 1 | data.value()
        for _ in range(self._extra):
            clock.value(1)
            clock.value(0)
        took = time.ticks_diff(time.ticks_us(), start)
        machine.enable_irq(state)
        if took > _EXCHANGE_US or not data.value():  # DOUT goes high after the last pulse
            raise EdgeError(
                "scale-garbled", "the exchange took %d us and ended with DOUT %d" % (took, data.value())
            )
        return value - 0x1000000 if value & 0x800000 else value
