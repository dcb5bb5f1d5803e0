"""HX711 24-bit converter for load cells (Avia Semiconductor data sheet), as clocked bits.

DOUT low: a conversion is ready. 24 pulses on PD_SCK bring its bits, most significant first, two's complement;
one, two or three more choose input and gain of the next: A at 128, B at 32, A at 64. What the data sheet says
about time (T3, "reset and power-down", "settling time"), and what this driver makes of it:

| fact | rule |
|---|---|
| PD_SCK may be high for 50 µs | each high is measured, interrupts off; a longer one spoils its conversion |
| high for more than 60 µs: the chip sleeps; at low it starts anew, at gain 128 | as above |
| DOUT is high after the last pulse until the next conversion | if not, the chip has missed a pulse |
| 400 ms (50 ms at 80 a second) until settled after power-up, reset, change of gain | nothing earlier counts |

After any conversion that is not believed the chip is made to start anew, by a pulse that it cannot mistake:
so it and the driver agree again about the place in the word, whatever happened. Interrupts are off for each
pulse, not for the whole exchange: between pulses the chip can wait.
"""

import asyncio
import time

import machine
from machine import Pin

from edge.drivers.line import Line
from edge.drivers.switch import Switch
from edge.errors import EdgeError

FULL_SCALE = 0x7FFFFF
HIGH_US = 50
RESTART_US = 100  # more than the 60 µs that put the chip to sleep, with room for its own clock
EXCHANGE_US = 10_000  # the next conversion at 80 a second comes after 12.5 ms
_PULSES = {128: 25, 32: 26, 64: 27}
_PERIOD_MS = {10: 100, 80: 13}
_SETTLE_MS = {10: 400, 80: 50}


class Hx711:
    """`data`, `clock`: GPIO numbers. `power`: switches the supply of bridge and chip; None: always on, then
    `off` lets the chip sleep. `gain`: 128 and 64 are input A, 32 is input B. `rate_hz`: 10 or 80, as the
    chip's RATE pin is wired.

    `period_ms`: from one conversion to the next; `start_ms`: from `on` to the first, at most.
    """

    def __init__(
        self, data: int, clock: int, power: "int | None" = None, gain: int = 128, rate_hz: int = 10
    ) -> None:
        self._clock = Pin(clock, Pin.OUT, value=0)
        self._line = Line(data, 0)
        self._data = self._line.pin
        self._power = Switch(power)
        self.select(gain)
        self._chip_gain = 128  # of the conversion that comes next; 0: the chip has started anew
        self._heard = False  # a conversion came since `on`
        self.period_ms = _PERIOD_MS[rate_hz]
        self.start_ms = self._settle_ms = _SETTLE_MS[rate_hz]
        self.lock = asyncio.Lock()  # held from `on` to `off`: a visit and a self-test must not share a bridge

    @property
    def on_ms(self) -> int:
        """How long its supply was on since boot."""
        return self._power.on_ms

    def on(self) -> None:
        self._clock.value(0)
        self._power.on()
        self._chip_gain = 0
        self._heard = False

    def off(self) -> None:
        if self._power:
            self._power.off()
        else:
            self._clock.value(1)

    def select(self, gain: int) -> None:
        """Input and gain of what `read` gives from now on."""
        if gain not in _PULSES:
            raise ValueError("gain %d: the HX711 has 128 and 64 (input A) and 32 (input B)" % gain)
        self._gain = gain

    async def read(self) -> int:
        """The next settled conversion in counts, -2^23 … 2^23-1.

        Errors: `scale-silent` (no conversion came), `scale-stuck` (the data line is held low),
        `scale-garbled` (the conversion was disturbed: read again; for ever: the clock line is broken),
        `scale-at-rail` (the input is out of range: bridge or wire broken).
        """
        if not self._chip_gain:
            await self._wake()
        if self._chip_gain != self._gain:
            await self._convert()  # still as before; its pulses ask for the other
            self._chip_gain = self._gain
            await self._settle(self._settle_ms)
            await self._convert()  # the first one after a change
        value = await self._convert()
        if value in (FULL_SCALE, -FULL_SCALE - 1):
            raise EdgeError(
                "scale-at-rail", "reading %d is the end of the range; check the load cell's wires" % value
            )
        return value

    async def _wake(self) -> None:
        """After power-up or a restart: wait until what comes is settled."""
        half_ms = self.period_ms // 2
        began = time.ticks_ms()
        await asyncio.sleep_ms(half_ms)
        low = self._line.level() == 0
        # No conversion can be there yet, unless the loop came late (a TLS handshake holds it up for longer).
        if low and time.ticks_diff(time.ticks_ms(), began) < self.period_ms:
            if self._heard:
                raise self._spoilt("DOUT is low right after a restart; check the clock wire")
            raise EdgeError("scale-stuck", "DOUT is low before any conversion; check data and clock wire")
        self._chip_gain = 128
        await self._settle(self._settle_ms - half_ms)

    async def _settle(self, ms: int) -> None:
        """Sleep until half a period before the first settled conversion; a chip that shows earlier ones
        shows one now.
        """
        await asyncio.sleep_ms(ms - self.period_ms // 2)
        if self._line.level() == 0:
            self.exchange()

    async def _convert(self) -> int:
        """The next conversion, whatever it says. A chip that was heard answers within two periods, or it has
        started anew unbidden.
        """
        patience_ms = (2 if self._heard else 4) * self.period_ms
        if not await self._line.until(0, patience_ms):
            if self._heard:
                self._heard = False
                raise self._spoilt("no conversion for %d ms, the chip was started anew" % patience_ms)
            raise EdgeError("scale-silent", "no conversion; check the HX711's supply and wires")
        self._heard = True
        return self.exchange()

    def exchange(self) -> int:
        """Clock one conversion out. Errors: `scale-garbled`; the chip has then been started anew."""
        clock, data, ticks_us, ticks_diff = (
            self._clock.value,
            self._data.value,
            time.ticks_us,
            time.ticks_diff,
        )
        value = high_us = 0
        start = ticks_us()
        for n in range(_PULSES[self._gain]):
            state = machine.disable_irq()
            rose = ticks_us()
            clock(1)
            clock(0)
            high_us = max(high_us, ticks_diff(ticks_us(), rose))
            machine.enable_irq(state)
            if n < 24:
                value = value << 1 | data()
        took_us = ticks_diff(ticks_us(), start)
        if high_us > HIGH_US or took_us > EXCHANGE_US:
            raise self._spoilt("clock high for %d us, exchange of %d us" % (high_us, took_us))
        if not data():
            raise self._spoilt("DOUT is low after the last pulse")
        if value == 0xFFFFFF:  # as if nobody drove the line; a true -1 is read again at no harm
            raise self._spoilt("DOUT was high all the time")
        return value - 0x1000000 if value & 0x800000 else value

    def _spoilt(self, why: str) -> EdgeError:
        """Start the chip anew, and the error to raise."""
        self._clock.value(1)
        time.sleep_us(RESTART_US)
        self._clock.value(0)
        self._chip_gain = 0
        return EdgeError("scale-garbled", why)
