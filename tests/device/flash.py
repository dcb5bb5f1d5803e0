"""A NOR flash partition for tests: programming only clears bits, and the power can fail within any
operation.
"""

import random

SECTOR = 4096


class PowerFails(Exception):  # noqa: N818  (an event, not an error)
    """The supply went away during a flash operation."""


class Flash:
    """MicroPython's block device, extended form.

    `cut_at`: number of the operation (from 1) that is torn; `torn`: how much of it happens, in 1/256;
    `tear`: what a torn erase leaves of the part that it reached ("blank", "zeros": the phase before that,
    "noise").
    `dead`: sectors that no longer take anything. `strict`: only what is blank may be programmed.
    Counts `operations`, `erases`, `programmed` bytes, `reads`, and `worn`, the erases of each sector.
    """

    def __init__(self, sectors: int, image: bytes | None = None) -> None:
        self.image = bytearray(image if image is not None else b"\xff" * (sectors * SECTOR))
        self.sectors = len(self.image) // SECTOR
        self.cut_at = 0
        self.torn = 128
        self.tear = "blank"
        self.dead: set[int] = set()
        self.strict = True
        self.operations = self.erases = self.programmed = self.reads = 0
        self.worn = [0] * self.sectors

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        self.reads += 1
        at = block * SECTOR + offset
        buf[:] = self.image[at : at + len(buf)]

    def writeblocks(self, block: int, buf: bytes, offset: int) -> None:
        at = block * SECTOR + offset
        assert at + len(buf) <= len(self.image), "a write must not leave the partition"
        for k, byte in enumerate(bytes(buf)[: self._share(len(buf))]):
            if (at + k) // SECTOR not in self.dead:
                assert self.image[at + k] == 0xFF or not self.strict, "erased bytes only are programmed"
                self.image[at + k] &= byte
        self._end(len(buf))

    def ioctl(self, op: int, arg: int) -> int:
        if op == 4:
            return self.sectors
        if op == 5:
            return SECTOR
        assert op == 6, f"unexpected ioctl {op}"
        self.erases += 1
        self.worn[arg] += 1
        start = arg * SECTOR
        share = self._share(SECTOR)
        left = b"\xff" * share
        if self.operations == self.cut_at and self.tear != "blank":
            left = b"\x00" * share if self.tear == "zeros" else random.Random(share).randbytes(share)
        if arg not in self.dead:
            self.image[start : start + share] = left
        self._end(0)
        return 0

    def _share(self, size: int) -> int:
        self.operations += 1
        return size * self.torn // 256 if self.operations == self.cut_at else size

    def _end(self, size: int) -> None:
        self.programmed += size
        if self.operations == self.cut_at:
            raise PowerFails
