"""A digital input that tasks can wait on: switches, buttons, data-ready lines. The task sleeps until the edge."""

import asyncio
import time

from machine import Pin

SETTLE_MS = 20  # contacts bounce for a few ms


class Line:
    """One waiting task at a time."""

    def __init__(self, pin: int, settle_ms: int = SETTLE_MS) -> None:
        self._pin = Pin(pin, Pin.IN, Pin.PULL_UP)
        self._flag = asyncio.ThreadSafeFlag()
        self._settle_ms = settle_ms
        self._pin.irq(self._edge, Pin.IRQ_FALLING | Pin.IRQ_RISING)

    def _edge(self, _pin: Pin) -> None:
        self._flag.set()

    def level(self) -> int:
        return self._pin.value()

    async def until(self, level: int, timeout_ms: int) -> bool:
        """Wait until the input has been at `level` for the settling time; False when `timeout_ms` passed first."""
        start = time.ticks_ms()
        while True:
            self._flag.clear()
            if self._pin.value() == level:
                if self._settle_ms:
                    await asyncio.sleep_ms(self._settle_ms)
                if self._pin.value() == level:
                    return True
                continue
            left = timeout_ms - time.ticks_diff(time.ticks_ms(), start)
            if left <= 0:
                return False
            try:
                await asyncio.wait_for_ms(self._flag.wait(), left)
            except asyncio.TimeoutError:
                pass
