"""A switched supply, and how long it was on: what the ledger of energy counts with."""

import time

from machine import Pin


class Switch:
    """`pin`: None when the supply is always on; then nothing is counted. `on_ms`: since boot, running time
    included.
    """

    def __init__(self, pin: "int | None") -> None:
        self._pin = None if pin is None else Pin(pin, Pin.OUT, value=0)
        self._since = time.ticks_ms()
        self._on = False
        self._on_ms = 0

    def __bool__(self) -> bool:
        return self._pin is not None

    def on(self) -> None:
        if self._pin and not self._on:
            self._pin.value(1)
            self._on = True
            self._since = time.ticks_ms()

    def off(self) -> None:
        if self._pin and self._on:
            self._on_ms = self.on_ms
            self._on = False
            self._pin.value(0)

    @property
    def on_ms(self) -> int:
        if not self._on:
            return self._on_ms
        return self._on_ms + time.ticks_diff(time.ticks_ms(), self._since)
