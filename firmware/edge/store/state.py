"""What a unit must know after any power cut and what changes too often for the settings: one small JSON
object.

The partition is a ring of fixed slots, each written once after an erase:

    slot (1024 bytes):  magic "HSTA", CRC-32 of the rest, generation, length | JSON text | 0xFF …

The valid slot of the highest generation counts. A write programs the next blank slot, so a cut leaves the
one before; a slot that a cut has torn is neither blank nor valid, and is passed over. A sector is erased
only when the newest slot lies in another. With four sectors of four slots and 100,000 erases each, 1.6
million writes: 40 years at 100 a day.
"""

import json
from binascii import crc32
from struct import calcsize, pack, unpack_from

from edge.errors import EdgeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from edge.types import BlockDevice

SLOT = 1024
_SECTOR = 4096
_MAGIC = b"HSTA"
_HEADER = "<4sIII"
_HEADER_SIZE = calcsize(_HEADER)
_BLANK = b"\xff" * SLOT
LIMIT = SLOT - _HEADER_SIZE


class State:
    """`damaged`: there was something, and nothing of it could be read. Errors: `state-unreadable` (no such
    partition).
    """

    def __init__(self, device: "BlockDevice") -> None:
        self._dev = device
        self._slots = (device.ioctl(4, 0) or 0) * _SECTOR // SLOT
        if device.ioctl(5, 0) != _SECTOR or self._slots < 2 * _SECTOR // SLOT:
            raise EdgeError("state-unreadable", "the partition must have at least 2 sectors of 4096 bytes")
        self._buf = bytearray(SLOT)
        self._generation = 0
        self._newest = self._slots - 1  # the slot before the first
        self._doc: "dict[str, Any]" = {}
        written = 0
        for slot in range(self._slots):
            self._load(slot)
            if self._buf == _BLANK:
                continue
            written += 1
            found = self._valid()
            if found is not None and found > self._generation:
                self._generation, self._newest = found, slot
        if self._generation:
            self._load(self._newest)
            self._doc = json.loads(self._text())
        self.damaged = not self._generation and written > 1  # one alone: the first write was cut

    def get(self, key: str, default: object = None) -> "Any":
        return self._doc.get(key, default)

    def put(self, key: str, value: object) -> None:
        """Durable when it returns. None: forget the key. Errors: `state-too-long`."""
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
        slot = self._next()
        body = pack("<II", self._generation + 1, len(text)) + text
        data = _MAGIC + pack("<I", crc32(body)) + body
        self._dev.writeblocks(slot * SLOT // _SECTOR, data, slot * SLOT % _SECTOR)
        self._generation += 1
        self._newest = slot
        self._doc = doc

    def _next(self) -> int:
        """A blank slot after the newest; its sector is erased when it has none."""
        per = _SECTOR // SLOT
        for slot in range(self._newest + 1, (self._newest // per + 1) * per):
            self._load(slot)
            if self._buf == _BLANK:
                return slot
        slot = (self._newest // per + 1) * per % self._slots
        self._dev.ioctl(6, slot // per)
        return slot

    def _load(self, slot: int) -> None:
        self._dev.readblocks(slot * SLOT // _SECTOR, self._buf, slot * SLOT % _SECTOR)

    def _valid(self) -> "int | None":
        """The generation of the slot in the buffer; None when it is torn or damaged."""
        magic, crc, generation, length = unpack_from(_HEADER, self._buf, 0)
        if magic != _MAGIC or length > LIMIT:
            return None
        return generation if crc32(self._buf[8 : _HEADER_SIZE + length]) == crc else None

    def _text(self) -> bytes:
        length = unpack_from(_HEADER, self._buf, 0)[3]
        return bytes(self._buf[_HEADER_SIZE : _HEADER_SIZE + length])
