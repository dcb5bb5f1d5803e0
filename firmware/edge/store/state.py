"""What a unit must know after any power cut and what changes too often for the settings: one JSON object,
always in two copies.

The partition is two banks, a half each. A change writes the whole object into one bank, then into the other:

    copy:  magic "HSTA", CRC-32 of the rest, generation, length | JSON text     (little endian)

A copy begins with a page of 256 bytes and takes as many as it needs, within one sector; the next one stands
behind it, and a bank's next sector is erased when it does not fit. The sound copy of the highest generation
counts, whichever bank it is in. So a cut leaves what was or what is; a copy that damage takes leaves the
other. The bank that does not hold the newest copy is written first. With four sectors of 100,000 erases and
500 bytes: a million changes, 27 years at 100 a day.
"""

import json
from binascii import crc32
from struct import calcsize, pack, unpack_from

from edge.errors import EdgeError

if False:  # for types
    from collections.abc import Callable
    from typing import Any

    from edge.types import BlockDevice

PAGE = 256
_SECTOR = 4096
_PAGES = _SECTOR // PAGE
_MAGIC = b"HSTA"
_HEADER = "<4sIII"
_HEADER_SIZE = calcsize(_HEADER)
LIMIT = 2048 - _HEADER_SIZE


def _always() -> bool:
    return True


class State:
    """`damaged`: there was something, and nothing of it could be read. Errors: `state-unreadable` (no such
    partition).
    """

    def __init__(self, device: "BlockDevice", may_write: "Callable[[], bool]" = _always) -> None:
        """`may_write`: whether the supply bears a flash write now."""
        self._dev = device
        self._may_write = may_write
        self._per = (device.ioctl(4, 0) or 0) // 2  # sectors a bank
        if device.ioctl(5, 0) != _SECTOR or not self._per:
            raise EdgeError("state-unreadable", "the partition must have at least 2 sectors of 4096 bytes")
        self._doc: "dict[str, Any]" = {}
        self._generation = 0
        self._banks = [_Bank(device, bank * self._per, self._per) for bank in (0, 1)]
        for bank in self._banks:
            if bank.generation > self._generation:
                self._generation = bank.generation
                self._doc = bank.doc
            bank.doc = {}
        # (One bank alone with something in it: the very first write was cut.)
        self.damaged = not self._generation and self._banks[0].used and self._banks[1].used

    def get(self, key: str, default: object = None) -> "Any":
        return self._doc.get(key, default)

    def put(self, key: str, value: object) -> None:
        """Durable, in both copies, when it returns. None: forget the key. Errors: `state-too-long`,
        `supply-low` (not written), `flash-failed` (no copy was taken; one of two is enough).
        """
        doc = dict(self._doc)
        if value is None:
            doc.pop(key, None)
        else:
            doc[key] = value
        if doc == self._doc:
            return
        text = json.dumps(doc).encode()
        if len(text) > LIMIT:
            raise EdgeError("state-too-long", "%d bytes with %s, at most %d" % (len(text), key, LIMIT))
        if not self._may_write():
            raise EdgeError("supply-low", "%s not written: below the voltage floor" % key)
        first, second = self._banks
        if first.generation > second.generation:
            first, second = second, first
        taken = first.write(self._generation + 1, text)
        if not second.write(self._generation + 1, text) and not taken:
            raise EdgeError("flash-failed", "%s: the state partition holds nothing" % key)
        self._generation += 1
        self._doc = doc


class _Bank:
    """A run of sectors that holds one copy after the other. `generation` (0: none) and `doc` of its newest
    sound one; `used`: it is not blank.
    """

    def __init__(self, device: "BlockDevice", start: int, sectors: int) -> None:
        self._dev = device
        self._start = start
        self._sectors = sectors
        self._sector = sectors - 1  # where the newest copy is
        self._page = _PAGES  # where the next one may begin
        self.generation = 0
        self.doc: "dict[str, Any]" = {}
        self.used = False
        found = []
        for sector in range(sectors):
            for page in range(_PAGES):
                head = self._read(sector, page, _HEADER_SIZE)
                self.used = self.used or head != b"\xff" * _HEADER_SIZE
                magic, _crc, generation, length = unpack_from(_HEADER, head, 0)
                if magic == _MAGIC and length <= LIMIT and page * PAGE + _HEADER_SIZE + length <= _SECTOR:
                    found.append((generation, sector, page, length))
        found.sort()
        while found and not self.generation:
            generation, sector, page, length = found.pop()
            data = self._read(sector, page, _HEADER_SIZE + length)
            if unpack_from(_HEADER, data, 0)[1] != crc32(data[8:]):
                continue
            try:
                doc = json.loads(bytes(data[_HEADER_SIZE:]))
            except ValueError:
                continue
            if isinstance(doc, dict):
                self.generation, self.doc = generation, doc
                self._sector, self._page = sector, self._end(sector)

    def write(self, generation: int, text: bytes) -> bool:
        """Write a copy, and read it back; whether it is there. Another sector is tried when it is not."""
        body = pack("<II", generation, len(text)) + text
        data = _MAGIC + pack("<I", crc32(body)) + body
        pages = (len(data) + PAGE - 1) // PAGE
        for _ in range(2):
            if self._page + pages > _PAGES:
                self._sector, self._page = (self._sector + 1) % self._sectors, 0
            at, self._page = self._page, _PAGES  # until it is known to be good
            try:
                if at == 0:
                    self._dev.ioctl(6, self._start + self._sector)
                self._dev.writeblocks(self._start + self._sector, data, at * PAGE)
                if self._read(self._sector, at, len(data)) == data:
                    self.generation, self._page = generation, at + pages
                    return True
            except (OSError, EdgeError):
                pass
        return False

    def _end(self, sector: int) -> int:
        """The page behind all that is written in a sector."""
        page = _PAGES
        while page and self._read(sector, page - 1, PAGE) == b"\xff" * PAGE:
            page -= 1
        return page

    def _read(self, sector: int, page: int, size: int) -> bytearray:
        data = bytearray(size)
        self._dev.readblocks(self._start + sector, data, page * PAGE)
        return data
