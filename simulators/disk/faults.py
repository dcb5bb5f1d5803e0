"""Which operation of a disk goes wrong, and how. Pure."""

import random
from typing import Literal

from msgspec import Struct

Kind = Literal["write", "sync", "read", "truncate"]
Error = Literal["full", "io", "rot"]


class Fault(Struct):
    """The `nth` operation of a kind from now on (1: the next), and all after it up to `times`, go wrong.

    `error`: `full` (ENOSPC; what fits in whole sectors of half the write is written), `io` (EIO), or, for a
    read, `rot` (one bit of what is read is another). `suffix`: only of files whose name ends so.
    """

    on: Kind
    nth: int = 1
    error: Error = "io"
    times: int = 1
    suffix: str = ""
    seen: int = 0

    def strikes(self, kind: Kind, name: str) -> bool:
        """Whether this operation goes wrong; counts it."""
        if kind != self.on or not name.endswith(self.suffix):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


def rot(data: bytes, seed: int, begin: int = 0, end: int | None = None) -> bytes:
    """The same bytes with one bit turned, somewhere in `begin`..`end`."""
    place = random.Random(seed).randrange(begin * 8, (len(data) if end is None else end) * 8)
    rotten = bytearray(data)
    rotten[place // 8] ^= 1 << place % 8
    return bytes(rotten)
