"""A motor or solenoid bolt with its two switches, each an input of its own, and the motor's current if it is
measured.

Drive 1 = bolt pulled (drive 0: a spring sends it home); bolt 1 = bolted; door 1 = door shut.
"""

import asyncio

from machine import Pin

from edge.drivers.adc import Adc

SETTLE_MS = 20  # contacts bounce for a few ms


class Lock:
    """`current`: of the motor, 1 mV a mA after its divider; None: not fitted. `stall_ma`: from the motor's
    data sheet; 0: not judged. One task may wait at a time.
    """

    def __init__(
        self, drive: int, bolt: int, door: int, current: "Adc | None" = None, stall_ma: int = 0
    ) -> None:
        self._drive = Pin(drive, Pin.OUT, value=0)
        self._bolt = Pin(bolt, Pin.IN, Pin.PULL_UP)
        self._door = Pin(door, Pin.IN, Pin.PULL_UP)
        self._current = current
        self.stall_ma = stall_ma
        self.pulls = 0  # how often its motor was started since boot
        self._flag = asyncio.ThreadSafeFlag()

    @property
    def bolted(self) -> bool:
        return self._bolt.value() == 1

    @property
    def closed(self) -> bool:
        return self._door.value() == 1

    def drive(self, level: int) -> None:
        if self._drive.value() != level:
            self.pulls += level
            self._drive.value(level)

    def current_ma(self) -> "int | None":
        return self._current.read_mv() if self._current else None

    def listen(self) -> None:
        """Notice the edges of both switches from now on."""
        self._bolt.irq(self._edge, Pin.IRQ_FALLING | Pin.IRQ_RISING)
        self._door.irq(self._edge, Pin.IRQ_FALLING | Pin.IRQ_RISING)

    def _edge(self, _pin: Pin) -> None:
        self._flag.set()

    def poke(self) -> None:
        """End a wait as if a switch had changed."""
        self._flag.set()

    async def change(self, timeout_ms: int) -> None:
        """Until a switch has changed and settled, or was poked, or the time is over."""
        try:
            await asyncio.wait_for_ms(self._flag.wait(), timeout_ms)
        except asyncio.TimeoutError:
            return
        await asyncio.sleep_ms(SETTLE_MS)
        self._flag.clear()
