"""A UART that a task sleeps on: woken when the receive line falls idle, so one wake-up a burst, not one a
byte.
"""

import asyncio

from machine import UART


class Serial:
    def __init__(self, uart: int, tx: int, rx: int, baud: int, rxbuf: int = 512) -> None:
        self._uart = UART(uart, baudrate=baud, tx=tx, rx=rx, rxbuf=rxbuf)
        self._flag = asyncio.ThreadSafeFlag()
        self.listen()

    def listen(self) -> None:
        """Be woken by this line, also again after somebody else (`network.PPP`) was."""
        self._uart.irq(self._idle, UART.IRQ_RXIDLE)

    @property
    def uart(self) -> UART:
        """The chip's own object, for who takes the line over for a while (`network.PPP`)."""
        return self._uart

    def _idle(self, _uart: UART) -> None:
        self._flag.set()

    async def read(self, timeout_ms: "int | None") -> bytes:
        """What has arrived, waiting for it if need be; b"" when nothing came in `timeout_ms`.

        None: wait for ever; for a line whose silence somebody else watches.
        """
        if not self._uart.any():
            self._flag.clear()
            if timeout_ms is None:
                await self._flag.wait()
                return self._uart.read() or b""
            try:
                await asyncio.wait_for_ms(self._flag.wait(), timeout_ms)
            except asyncio.TimeoutError:
                return b""
        return self._uart.read() or b""

    def waiting(self) -> bytes:
        """What has arrived until now."""
        return self._uart.read() or b""

    def write(self, data: bytes) -> None:
        self._uart.write(data)

    def drop(self) -> None:
        """Forget what has arrived until now."""
        while self._uart.any():
            self._uart.read()
