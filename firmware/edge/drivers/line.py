"""A digital input that tasks can wait on: switches, buttons, data-ready lines. The task sleeps until the
edge.
"""

import asyncio
import time

from machine import Pin

if False:  # for types
    from collections.abc import Callable

SETTLE_MS = 20  # contacts bounce for a few ms


class Line:
    """One task may wait at a time. The interrupt is armed only while it does."""

    def __init__(self, pin: int, settle_ms: int = SETTLE_MS) -> None:
        self.pin = Pin(pin, Pin.IN, Pin.PULL_UP)
        self._flag = asyncio.ThreadSafeFlag()
        self._settle_ms = settle_ms

    def _edge(self, _pin: Pin) -> None:
        self._flag.set()

    def level(self) -> int:
        return self.pin.value()

    def on_fall(self, notice: "Callable[[], None]") -> None:
        """Call `notice` (short, from the interrupt) at each falling edge, instead of waiting."""
        self.pin.irq(lambda _pin: notice(), Pin.IRQ_FALLING)

    async def until(self, level: int, timeout_ms: int) -> bool:
        """Wait until the input has been at `level` for the settling time; False when `timeout_ms` passed
        first.
        """
        start = time.ticks_ms()
        self.pin.irq(self._edge, Pin.IRQ_FALLING | Pin.IRQ_RISING)
        try:
            while True:
                self._flag.clear()
                if self.pin.value() == level:
                    if self._settle_ms:
                        await asyncio.sleep_ms(self._settle_ms)
                    if self.pin.value() == level:
                        return True
                left = timeout_ms - time.ticks_diff(time.ticks_ms(), start)
                if left <= 0:
                    return False
                try:
                    await asyncio.wait_for_ms(self._flag.wait(), left)
                except asyncio.TimeoutError:
                    pass
        finally:
            self.pin.irq(None)
