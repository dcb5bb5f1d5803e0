"""The flash log: an append-only ring of 4096-byte sectors on a raw partition.

    sector:  header | entry | entry | … | 0xFF …
    header:  magic "HLOG", version, log id, serial, first seq, acked seq, CRC-32    (28 bytes, little endian)
    entry:   type, 0, length, seq | payload | CRC-32                                (8 + length + 4 bytes)

    RECORD  payload: the record's JSON text; seq: its number
    ACK     no payload; seq: everything up to it is durable elsewhere
    TIME    payload: upto, offset; records seq … upto-1 made without a clock are read back with t + offset

Rules. (1) The serial counts up for ever and `serial % sectors` is the sector's place, so the newest sector
is found by bisection and a stale header betrays itself. (2) An entry never spans sectors. (3) A sector is
erased only when every record in it is acknowledged. (4) A tail that is neither an entry nor blank was torn
by a power cut: the sector is closed, the next one opened. (5) A log is created on a blank partition only;
an unreadable one is an error, never wiped. (6) What a record says never changes once it may have been sent;
a TIME entry covers unsent records only (the caller's duty).
"""

from binascii import crc32
from struct import calcsize, pack, unpack_from

from edge.errors import EdgeError
from edge.store.record import backdate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edge.types import BlockDevice

SECTOR = 4096
MAX_RECORD = 1024

RECORD = 1
ACK = 2
TIME = 3

_MAGIC = b"HLOG"
_VERSION = 1
_HEADER = "<4sB3xIIII"
_HEADER_SIZE = calcsize(_HEADER) + 4
_ENTRY = "<BBHI"
_ENTRY_SIZE = calcsize(_ENTRY)
_OVERHEAD = _ENTRY_SIZE + 4
_TIME = "<Iq"
_BLANK = b"\xff" * _HEADER_SIZE

_ERASE = 6
_COUNT = 4
_SIZE = 5


def encode_header(log: int, serial: int, first: int, acked: int) -> bytes:
    body = pack(_HEADER, _MAGIC, _VERSION, log, serial, first, acked)
    return body + pack("<I", crc32(body))


def decode_header(buf: "bytes | bytearray") -> "tuple[int, int, int, int] | None":
    """(log id, serial, first seq, acked seq), or None when this is no header."""
    magic, version, log, serial, first, acked = unpack_from(_HEADER, buf, 0)
    if magic != _MAGIC or version != _VERSION:
        return None
    if unpack_from("<I", buf, _HEADER_SIZE - 4)[0] != crc32(buf[: _HEADER_SIZE - 4]):
        return None
    return log, serial, first, acked


def parse(buf: "bytes | bytearray") -> "tuple[list[tuple[int, int, int, int]], int, bool]":
    """A sector's entries as (type, seq, payload offset, payload length), where they end, and whether the
    rest is blank.
    """
    entries = []
    at = _HEADER_SIZE
    view = memoryview(buf)
    while at + _OVERHEAD <= SECTOR:
        kind, zero, length, seq = unpack_from(_ENTRY, buf, at)
        end = at + _ENTRY_SIZE + length
        if kind not in (RECORD, ACK, TIME) or zero or end + 4 > SECTOR:
            break
        if unpack_from("<I", buf, end)[0] != crc32(view[at:end]):
            break
        entries.append((kind, seq, at + _ENTRY_SIZE, length))
        at = end + 4
    return entries, at, not bytes(view[at:]).strip(b"\xff")


def _correct(data: bytes, seq: int, times: "list[tuple[int, int, int]]") -> bytes:
    for start, upto, offset in times:
        if start <= seq < upto:
            return backdate(data, offset)
    return data


def entries(image: bytes) -> "Iterator[tuple[str, int, bytes]]":
    """Every record of a flash image, oldest first: (log id as 8 hex digits, seq, record text with its time
    filled in).
    """
    count = len(image) // SECTOR
    sectors = []
    for index in range(count):
        sector = image[index * SECTOR : (index + 1) * SECTOR]
        header = decode_header(sector)
        if header and header[1] % count == index:
            sectors.append((header[0], header[1], sector, parse(sector)[0]))
    sectors.sort(key=lambda item: item[:2])
    times: "dict[int, list[tuple[int, int, int]]]" = {}
    for log, _serial, sector, found in sectors:
        for kind, seq, at, _length in found:
            if kind == TIME:
                times.setdefault(log, []).append((seq,) + unpack_from(_TIME, sector, at))
    for log, _serial, sector, found in sectors:
        for kind, seq, at, length in found:
            if kind == RECORD:
                yield "%08x" % log, seq, _correct(bytes(sector[at : at + length]), seq, times.get(log, []))


class Ring:
    """The log on a block device (`readblocks`/`writeblocks` with offset, `ioctl`), mounted or, when blank,
    created.

    `log`: its id, 8 hex digits. `head`: number of the newest record (0: none yet). `acked`: everything up
    to it is durable elsewhere. `first`: the oldest record still held (head + 1 when there is none). Errors:
    `log-unreadable` when the partition is neither blank nor a log.
    """

    def __init__(self, device: "BlockDevice", new_id: "Callable[[], int]") -> None:
        """Mount `device`; `new_id` draws the id (32 bits) of a log that is created."""
        self._dev = device
        self._n = device.ioctl(_COUNT, 0) or 0
        if device.ioctl(_SIZE, 0) != SECTOR or self._n < 4:
            raise EdgeError("log-unreadable", "the partition must have at least 4 sectors of 4096 bytes")
        self._reserve = max(2, self._n // 8)
        self._probe = bytearray(_HEADER_SIZE)
        self._buf = bytearray(SECTOR)
        self._cached = (-1, -1)  # (serial, tail) of the sector that `_buf` and `_found` show
        self._found: "list[tuple[int, int, int, int]]" = []
        self._times: "list[tuple[int, int, int]] | None" = None  # read when first needed
        self._mount(new_id)

    # Mounting

    def _header(self, index: int) -> "tuple[int, int, int, int] | None":
        self._dev.readblocks(index, self._probe, 0)
        header = decode_header(self._probe)
        return header if header and header[1] % self._n == index else None

    def _newest(self) -> "tuple[int, int, int, int] | None":
        """The newest sector's header, by bisection; by looking at all when one is damaged."""
        low = self._header(0)
        if low is None:
            return self._newest_of_all()
        lo, hi = 0, self._n - 1
        while lo < hi:
            mid = (lo + hi + 1) // 2
            header = self._header(mid)
            if header and header[0] == low[0] and header[1] == low[1] + mid:
                lo = mid
            elif header is None and self._probe != _BLANK:
                return self._newest_of_all()
            else:
                hi = mid - 1
        return self._header(lo)

    def _newest_of_all(self) -> "tuple[int, int, int, int] | None":
        newest = None
        for index in range(self._n):
            header = self._header(index)
            if header and (newest is None or header[1] > newest[1]):
                newest = header
        return newest

    def _mount(self, new_id: "Callable[[], int]") -> None:
        newest = self._newest()
        if newest is None:
            self._create(new_id())
            return
        self._log, self._serial, first, self.acked = newest
        self.head = first - 1
        self._load(self._serial)
        for kind, seq, _at, _length in self._found:
            if kind == RECORD:
                self.head = seq
            elif kind == ACK and seq > self.acked:
                self.acked = seq
        self._oldest = max(0, self._serial - self._n + 1)
        while self._oldest < self._serial and not self._sector_header(self._oldest):
            self._oldest += 1
        self.acked = max(self.acked, self._first_of(self._oldest) - 1)
        self._held = self._sector_of(self.acked + 1)

    def _create(self, log: int) -> None:
        for index in range(1, self._n):  # sector 0 may hold the torn start of a log that never was
            self._dev.readblocks(index, self._probe, 0)
            if self._probe != _BLANK:
                raise EdgeError("log-unreadable", "no valid sector, and sector %d is not blank" % index)
        self._log, self._serial, self._oldest, self._held = log, -1, 0, 0
        self.head = self.acked = 0
        self._tail = SECTOR
        self._open_next()

    def _load(self, serial: int) -> None:
        """Read a sector into `_buf`; of the newest one also learn where it ends."""
        self._dev.readblocks(serial % self._n, self._buf, 0)
        self._found, tail, clean = parse(self._buf)
        if serial == self._serial:
            self._tail = tail if clean else SECTOR
        self._cached = (serial, self._tail if serial == self._serial else SECTOR)

    def _sector_header(self, serial: int) -> "tuple[int, int, int, int] | None":
        header = self._header(serial % self._n)
        return header if header and header[1] == serial and header[0] == self._log else None

    def _first_of(self, serial: int) -> int:
        """The first seq of a sector; of the next readable one when its header is damaged."""
        while serial <= self._serial:
            header = self._sector_header(serial)
            if header:
                return header[2]
            serial += 1
        return self.head + 1

    def _sector_of(self, seq: int) -> int:
        """The serial of the sector that holds (or would hold) record `seq`."""
        lo, hi = self._oldest, self._serial
        if self._first_of(hi) <= seq:
            return hi
        while lo < hi:
            mid = (lo + hi + 1) // 2
            if self._first_of(mid) <= seq:
                lo = mid
            else:
                hi = mid - 1
        return lo

    # What others use

    @property
    def log(self) -> str:
        return "%08x" % self._log

    @property
    def first(self) -> int:
        return self.acked + 1

    @property
    def free(self) -> int:
        """Whole sectors that can still be opened."""
        return self._n - (self._serial - self._held + 1)

    def room(self, size: int, spare: bool = True) -> bool:
        """Whether a record of `size` bytes fits now. `spare`: leave the reserve kept for weighings."""
        if spare:
            return self.free > self._reserve
        return self.free > 0 or self._tail + _OVERHEAD + size <= SECTOR

    def append(self, data: bytes, spare: bool = True) -> int:
        """Write record number `head + 1`; it is on flash when this returns. Errors: `log-full`,
        `record-too-long`.
        """
        if len(data) > MAX_RECORD:
            raise EdgeError("record-too-long", "%d bytes, at most %d" % (len(data), MAX_RECORD))
        if not self.room(len(data), spare):
            raise EdgeError(
                "log-full", "records up to %d are acknowledged, newest is %d" % (self.acked, self.head)
            )
        self._put(RECORD, self.head + 1, data)
        self.head += 1
        return self.head

    def ack(self, seq: int) -> bool:
        """Everything up to `seq` is durable elsewhere: free it. False when that says nothing new or nothing
        true.
        """
        if not self.acked < seq <= self.head:
            return False
        self.acked = seq
        while self._held < self._serial and self._first_of(self._held + 1) <= seq + 1:
            self._held += 1
        if self._tail + _OVERHEAD > SECTOR and self._held > self._serial + 1 - self._n:
            self._open_next()  # its header says it
        elif self._tail + _OVERHEAD <= SECTOR:
            self._put(ACK, seq, b"")
        return True  # in a log that is full to the last byte the ack is known until the next power cut only

    def add_time(self, first: int, offset_ms: int) -> None:
        """Fill in the time of the records from `first` on that were made without a clock; none may have
        been sent.
        """
        if first <= self.head and self.room(calcsize(_TIME), spare=False):
            self._put(TIME, first, pack(_TIME, self.head + 1, offset_ms))
            if self._times is not None:
                self._times.append((first, self.head + 1, offset_ms))

    def read(self, seq: int, max_bytes: int) -> "list[tuple[int, bytes]]":
        """Records from the first readable one at or after `seq`: an unbroken run of at most `max_bytes`
        (one at least).
        """
        if self._times is None:
            self._times = self._read_times()
        run: "list[tuple[int, bytes]]" = []
        size = 0
        for serial in range(self._sector_of(seq), self._serial + 1):
            if self._cached != (serial, self._tail if serial == self._serial else SECTOR):
                self._load(serial)
            for kind, number, at, length in self._found:
                if kind != RECORD or number < seq:
                    continue
                if run and (number != run[-1][0] + 1 or size + length > max_bytes):
                    return run
                run.append((number, _correct(bytes(self._buf[at : at + length]), number, self._times)))
                size += length
        return run

    def walk(self) -> "Iterator[bytes]":
        """Every record that is still on flash, freed ones too, oldest first; times are not filled in."""
        for serial in range(self._oldest, self._serial + 1):
            if self._sector_header(serial):
                self._load(serial)
                for kind, _seq, at, length in self._found:
                    if kind == RECORD:
                        yield bytes(self._buf[at : at + length])

    # Writing

    def _read_times(self) -> "list[tuple[int, int, int]]":
        times = []
        for serial in range(self._held, self._serial + 1):
            self._load(serial)
            for kind, seq, at, _length in self._found:
                if kind == TIME:
                    upto, offset = unpack_from(_TIME, self._buf, at)
                    times.append((seq, upto, offset))
        return times

    def _open_next(self) -> None:
        serial = self._serial + 1
        index = serial % self._n
        self._dev.ioctl(_ERASE, index)
        self._dev.writeblocks(index, encode_header(self._log, serial, self.head + 1, self.acked), 0)
        self._serial, self._tail = serial, _HEADER_SIZE
        self._oldest = max(self._oldest, serial - self._n + 1)
        self._held = max(self._held, self._oldest)

    def _put(self, kind: int, seq: int, payload: bytes) -> None:
        size = _OVERHEAD + len(payload)
        if self._tail + size > SECTOR:
            self._open_next()
        body = pack(_ENTRY, kind, 0, len(payload), seq) + payload
        self._dev.writeblocks(self._serial % self._n, body + pack("<I", crc32(body)), self._tail)
        self._tail += size
