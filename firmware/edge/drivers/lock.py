"""A motor or solenoid bolt with its two switches: drive 1 = bolt pulled; bolt 1 = bolted; door 1 = door
closed.
"""

from machine import Pin

from edge.drivers.line import Line

BOLT_MS = 1500  # the bolt moves in 150 to 300 ms; five times that is a jam


class Lock:
    def __init__(self, drive: int, bolt: int, door: int) -> None:
        self._drive = Pin(drive, Pin.OUT, value=0)
        self.bolt = Line(bolt)
        self.door = Line(door)

    @property
    def bolted(self) -> bool:
        return self.bolt.level() == 1

    @property
    def closed(self) -> bool:
        return self.door.level() == 1

    async def unlock(self) -> bool:
        """Pull the bolt; whether it came out."""
        self._drive.value(1)
        return await self.bolt.until(0, BOLT_MS)

    async def lock(self) -> bool:
        """Let the bolt go; whether it went home."""
        self._drive.value(0)
        return await self.bolt.until(1, BOLT_MS)
