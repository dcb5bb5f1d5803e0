"""Types for the checker alone: imported under `if False:`, never on the device, not frozen."""

from typing import Protocol

class BlockDevice(Protocol):
    """MicroPython's extended block device (`vfs.AbstractBlockDev`), as `esp32.Partition` implements it."""

    def readblocks(self, block_num: int, buf: bytearray, offset: int, /) -> object: ...
    def writeblocks(self, block_num: int, buf: bytes, offset: int, /) -> object: ...
    def ioctl(self, op: int, arg: int, /) -> "int | None": ...
