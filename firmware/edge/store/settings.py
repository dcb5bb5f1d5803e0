"""The settings of a unit: one JSON document in two CRC-protected copies, the newer valid one counts.

    copy (half of the partition): magic "HSET", version, generation, length, CRC-32 | JSON text

A new document is written over the older copy, so a power cut leaves the other.
"""

import json
from binascii import crc32
from struct import calcsize, pack, unpack_from

from edge.errors import EdgeError

if False:  # for types
    from typing import Any

    from edge.types import BlockDevice

SIZE = 65536
_SECTOR = 4096
_MAGIC = b"HSET"
_HEADER = "<4sB3xIII"
_HEADER_SIZE = calcsize(_HEADER)


def _copy(text: bytes, generation: int) -> bytes:
    return pack(_HEADER, _MAGIC, 1, generation, len(text), crc32(text)) + text


def encode(doc: "dict[str, Any]", size: int = SIZE) -> bytes:
    """A whole partition image holding `doc` as its first copy. Errors: `settings-too-long`."""
    data = _copy(json.dumps(doc).encode(), 1)
    if len(data) > size // 2:
        raise EdgeError("settings-too-long", "%d bytes, at most %d" % (len(data), size // 2))
    return data + b"\xff" * (size - len(data))


def _read(device: "BlockDevice", half: int, start: int) -> "tuple[int, bytes] | None":
    head = bytearray(_HEADER_SIZE)
    device.readblocks(start, head, 0)
    magic, version, generation, length, crc = unpack_from(_HEADER, head, 0)
    if magic != _MAGIC or version != 1 or length > half - _HEADER_SIZE:
        return None
    text = bytearray(length)
    device.readblocks(start, text, _HEADER_SIZE)
    return (generation, bytes(text)) if crc32(text) == crc else None


def load(device: "BlockDevice") -> "dict[str, Any]":
    """The newest valid document. Errors: `settings-missing`."""
    blocks = device.ioctl(4, 0) or 0
    copies = [_read(device, blocks // 2 * _SECTOR, start) for start in (0, blocks // 2)]
    valid = [copy for copy in copies if copy]
    if not valid:
        raise EdgeError("settings-missing", "both copies are blank or damaged; provision the unit")
    return json.loads(max(valid, key=lambda copy: copy[0])[1])


def save(device: "BlockDevice", doc: "dict[str, Any]") -> None:
    """Write `doc` over the older copy. Errors: `settings-too-long`."""
    blocks = device.ioctl(4, 0) or 0
    half = blocks // 2
    copies = [_read(device, half * _SECTOR, start) for start in (0, half)]
    generations = [copy[0] if copy else 0 for copy in copies]
    target = 0 if generations[0] <= generations[1] else 1
    data = _copy(json.dumps(doc).encode(), max(generations) + 1)
    if len(data) > half * _SECTOR:
        raise EdgeError("settings-too-long", "%d bytes, at most %d" % (len(data), half * _SECTOR))
    for block in range((len(data) + _SECTOR - 1) // _SECTOR):
        device.ioctl(6, target * half + block)
    # The header goes last: until it is there, the other copy counts.
    device.writeblocks(target * half, data[_HEADER_SIZE:], _HEADER_SIZE)
    device.writeblocks(target * half, data[:_HEADER_SIZE], 0)
