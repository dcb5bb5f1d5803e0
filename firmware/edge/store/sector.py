"""One sector of the flash log: its layout, and what can still be read of it whatever happened to it. Pure.

    sector:  header | entry | entry | … | 0xFF …
    header:  magic "HLOG", version, log id, serial, first seq, acked seq, CRC-32    (28 bytes, little endian)
    entry:   type, 0, length, seq | payload | CRC-32                                (8 + length + 4 bytes)

    RECORD  payload: the record's JSON text; seq: its number
    ACK     no payload; seq: everything up to it is durable elsewhere
    TIME    payload: upto, offset; records seq … upto-1 made without a clock are read back with t + offset

A damaged entry costs itself and no other: a type, a zero and a CRC-32 are looked for behind it (JSON text
holds none of these bytes).
"""

from binascii import crc32
from struct import calcsize, pack, unpack_from

from edge.store.record import backdate

if False:  # for types
    from collections.abc import Iterator

SECTOR = 4096

RECORD = 1
ACK = 2
TIME = 3

_MAGIC = b"HLOG"
_VERSION = 1
_HEADER = "<4sB3xIIII"
HEADER_SIZE = calcsize(_HEADER) + 4
_ENTRY = "<BBHI"
_ENTRY_SIZE = calcsize(_ENTRY)
OVERHEAD = _ENTRY_SIZE + 4
_TIME = "<Iq"
_BLANK = b"\xff" * HEADER_SIZE
_SMALLEST = OVERHEAD + 36  # no record's JSON text is shorter


def encode_header(log: int, serial: int, first: int, acked: int) -> bytes:
    body = pack(_HEADER, _MAGIC, _VERSION, log, serial, first, acked)
    return body + pack("<I", crc32(body))


def decode_header(buf: "bytes | bytearray") -> "tuple[int, ...] | None":
    """(log id, serial, first seq, acked seq); () when it is blank; None when it is neither."""
    if buf[:HEADER_SIZE] == _BLANK:
        return ()
    magic, version, log, serial, first, acked = unpack_from(_HEADER, buf, 0)
    if magic != _MAGIC or version != _VERSION:
        return None
    if unpack_from("<I", buf, HEADER_SIZE - 4)[0] != crc32(buf[: HEADER_SIZE - 4]):
        return None
    return log, serial, first, acked


def mend_header(buf: bytearray) -> "tuple[int, ...] | None":
    """A header in which one bit fell over, put right in `buf`; None when that does not help. (CRC-32 tells
    any four wrong bits in so few bytes: nothing is made up.)
    """
    for at in range(HEADER_SIZE):
        for bit in range(8):
            buf[at] ^= 1 << bit
            header = decode_header(buf)
            if header:
                return header
            buf[at] ^= 1 << bit
    return None


def encode_entry(kind: int, seq: int, payload: bytes) -> bytes:
    body = pack(_ENTRY, kind, 0, len(payload), seq) + payload
    return body + pack("<I", crc32(body))


def encode_time(upto: int, offset_ms: int) -> bytes:
    return pack(_TIME, upto, offset_ms)


def decode_time(buf: "bytes | bytearray", at: int) -> "tuple[int, int]":
    """(upto, offset in ms) of the TIME payload at `at`."""
    upto, offset_ms = unpack_from(_TIME, buf, at)
    return upto, offset_ms


def blank(buf: "bytes | bytearray", at: int) -> bool:
    """Whether nothing is written from `at` to the sector's end."""
    return not bytes(memoryview(buf)[at:]).strip(b"\xff")


def parse(buf: "bytes | bytearray") -> "tuple[list[tuple[int, int, int, int]], int, list[tuple[int, int]]]":
    """A sector's entries as (type, seq, payload offset, payload length); where an entry may be written next
    (SECTOR: nowhere); and what is unreadable behind the last record, as (from, to).
    """
    entries: "list[tuple[int, int, int, int]]" = []
    bad: "list[tuple[int, int]]" = []
    at = HEADER_SIZE
    while at + OVERHEAD <= SECTOR:
        size = _entry_at(buf, at)
        if not size:
            if blank(buf, at):
                return entries, at, bad
            found = _next_entry(buf, at + 1)
            bad.append((at, found))
            at = found
            continue
        kind, _zero, length, seq = unpack_from(_ENTRY, buf, at)
        entries.append((kind, seq, at + _ENTRY_SIZE, length))
        at += size
        if kind != ACK:
            bad = []
    return entries, SECTOR, bad


def _plausible(buf: "bytes | bytearray", at: int) -> int:
    """The size of the entry that seems to begin at `at`; 0: none does."""
    if at + OVERHEAD > SECTOR:
        return 0
    kind, zero, length, _seq = unpack_from(_ENTRY, buf, at)
    size = OVERHEAD + length
    return size if kind in (RECORD, ACK, TIME) and not zero and at + size <= SECTOR else 0


def _entry_at(buf: "bytes | bytearray", at: int) -> int:
    """The size of the sound entry at `at`; 0: there is none."""
    size = _plausible(buf, at)
    end = at + size - 4
    if size and unpack_from("<I", buf, end)[0] == crc32(memoryview(buf)[at:end]):
        return size
    return 0


def _next_entry(buf: "bytes | bytearray", at: int) -> int:
    """Where the first sound entry at or after `at` begins; SECTOR: nowhere."""
    text = bytes(buf)
    best = SECTOR
    for kind in (RECORD, ACK, TIME):
        mark = bytes((kind, 0))
        found = text.find(mark, at, best)
        while found >= 0 and not _entry_at(buf, found):
            found = text.find(mark, found + 1, best)
        if found >= 0:
            best = found
    return best


def told(buf: "bytes | bytearray", at: int, upto: int) -> int:
    """How many records an unreadable place, from `at` to `upto`, may have held whole, so that somebody may
    know their numbers. 0: it is what a power cut leaves of the last write.
    """
    end = at + len(bytes(memoryview(buf)[at:upto]).rstrip(b"\xff"))  # of what is written
    count = 0
    while at < end:
        size = _plausible(buf, at)
        if not size:
            written = end - at - bytes(memoryview(buf)[at:end]).count(b"\xff")
            if (
                written >= _ENTRY_SIZE
            ):  # fewer: the start of a header, or a bit that fell over in what was blank
                count += (written + _SMALLEST - 1) // _SMALLEST
            break
        if end < at + size:  # its last byte was never written
            break
        count += buf[at] == RECORD
        at += size
    return count


def correct(data: bytes, seq: int, times: "list[tuple[int, int, int]]") -> bytes:
    """A record's text with its time filled in; `times`: (first, upto, offset) of the TIME entries."""
    for start, upto, offset in times:
        if start <= seq < upto:
            return backdate(data, offset)
    return data


def entries(image: bytes) -> "Iterator[tuple[str, int, bytes]]":
    """Every record of a flash image, oldest first: (log id as 8 hex digits, seq, record text with its time
    filled in). A sector whose header is damaged counts to the newest one's log.
    """
    sectors = []
    times: "list[tuple[int, int, int]]" = []
    newest = 0, -1  # log id, serial
    for start in range(0, len(image), SECTOR):
        sector = image[start : start + SECTOR]
        header, found = decode_header(sector), parse(sector)[0]
        if header and header[1] % (len(image) // SECTOR) == start // SECTOR and header[1] > newest[1]:
            newest = header[0], header[1]
        numbers = [seq for kind, seq, _at, _length in found if kind == RECORD]
        if numbers:
            sectors.append((numbers[0], sector, found))
        times += [(seq,) + decode_time(sector, at) for kind, seq, at, _length in found if kind == TIME]
    sectors.sort(key=lambda item: item[0])
    last = 0
    for _first, sector, found in sectors:
        for kind, seq, at, length in found:
            if kind == RECORD and seq > last and newest[1] >= 0:
                last = seq
                yield "%08x" % newest[0], seq, correct(bytes(sector[at : at + length]), seq, times)
