"""The flash log: an append-only ring of 4096-byte sectors on a raw partition (layout: `store/sector.py`).

Rules. (1) The serial counts up for ever and `serial % sectors` is the sector's place, so the newest sector
is found by bisection and a stale header betrays itself. (2) An entry never spans sectors. (3) A sector is
erased only when every record in it is acknowledged. (4) A tail that is neither an entry nor blank was torn
by a power cut: the sector is closed, the next one opened. (5) A log is created on a blank partition only,
with its first record; an unreadable one is an error, never wiped. (6) What a record says never changes once
it may have been sent; a TIME entry covers unsent records only (the caller's duty). (7) A number is given
once: those that damage took, or may have taken, are passed over and told as lost. (8) What is written is
read back; a sector that does not hold it is closed, and the entry goes into the next. (9) Below the voltage
floor nothing is written.
"""

from edge.errors import EdgeError
from edge.store.losses import Losses
from edge.store.mount import newest
from edge.store.sector import (
    ACK,
    HEADER_SIZE,
    OVERHEAD,
    RECORD,
    SECTOR,
    TIME,
    correct,
    decode_header,
    decode_time,
    encode_entry,
    encode_header,
    encode_time,
    mend_header,
    parse,
    told,
)

if False:  # for types
    from collections.abc import Callable, Iterator

    from edge.types import BlockDevice

MAX_RECORD = 1024
TRIES = 4  # sectors in a row that may fail before a write does

_ERASE = 6
_COUNT = 4
_SIZE = 5
_NONE = b',"clock":"none"'


def _always() -> bool:
    return True


class Ring:
    """The log on a block device (`readblocks`/`writeblocks` with offset, `ioctl`), mounted, or new when that
    is blank.

    `log`: its id, 8 hex digits. `head`: number of the newest record (0: none yet). `acked`: everything up
    to it is durable elsewhere. `first`: the oldest record still held (head + 1 when there is none).
    `damage`: damaged places that were met since the mount. Errors: `log-unreadable` when the partition is
    neither blank nor a log.
    """

    def __init__(
        self, device: "BlockDevice", new_id: "Callable[[], int]", may_write: "Callable[[], bool]" = _always
    ) -> None:
        """Mount `device`; `new_id` draws the id (32 bits) of a log that is created. `may_write`: whether the
        supply bears a flash write now.
        """
        self._dev = device
        self._n = device.ioctl(_COUNT, 0) or 0
        if device.ioctl(_SIZE, 0) != SECTOR or self._n < 4:
            raise EdgeError("log-unreadable", "the partition must have at least 4 sectors of 4096 bytes")
        self.may_write = may_write
        self._reserve = max(2, self._n // 8)
        self._probe = bytearray(HEADER_SIZE)
        self.rest()
        self._times: "list[tuple[int, int, int]] | None" = None  # read when first needed
        self._losses = Losses()
        self.damage = 0
        self.head = self.acked = 0
        self._log, self._serial, self._oldest, self._held = 0, -1, 0, 0
        self._tail = SECTOR
        self._mount(new_id)
        self.rest()

    # Mounting

    def _header(self, index: int) -> "tuple[int, ...] | None":
        """As `decode_header`; one that does not belong to its place is none."""
        self._dev.readblocks(index, self._probe, 0)
        header = decode_header(self._probe)
        if header is None:
            header = mend_header(self._probe)
        return None if header and header[1] % self._n != index else header

    def _mount(self, new_id: "Callable[[], int]") -> None:
        found = newest(self._header, self._n)
        if found is None:
            self._begin(new_id())
            return
        self._log, self._serial, first, self.acked = found
        self.head = max(first - 1, self.acked)
        bad = self._take_newest()
        if self._revive():
            bad = self._take_newest()
            self._tail = SECTOR
        count = sum([told(self._buf, start, end) for start, end in bad])
        self.skip(self.head + count)
        self._find_oldest()
        self._held = self._sector_of(self.acked + 1)

    def _begin(self, log: int) -> None:
        for index in range(1, self._n):  # sector 0 may hold the torn start of a log that never was
            if self._header(index) != ():
                raise EdgeError("log-unreadable", "no valid sector, and sector %d is not blank" % index)
        if parse(self._read_sector(0))[0]:
            raise EdgeError("log-unreadable", "no valid sector, and there are records in sector 0")
        self._log = log

    def _take_newest(self) -> "list[tuple[int, int]]":
        """Learn from the newest sector where the log ends; what is unreadable there (see `parse`)."""
        self._tail, bad = self._load(self._serial)
        for kind, seq, at, _length in self._found:
            if kind == ACK and seq > self.acked:
                self.acked = seq
            upto = decode_time(self._buf, at)[0] - 1 if kind == TIME else seq
            self.head = max(self.head, upto)
        return bad

    def _revive(self) -> bool:
        """Is there a sector after the newest whose header alone is damaged? Then it is the newest. (One that
        takes nothing may lie between them.)
        """
        for serial in range(self._serial + min(TRIES, self._n - 1), self._serial, -1):
            if self._header(serial % self._n) is not None:
                continue
            found = parse(self._read_sector(serial))[0]
            if [seq for kind, seq, _at, _length in found if kind == RECORD and seq > self.head]:
                self._serial = serial
                self.damage += 1
                return True
        if self._cached[0] < 0:  # what was looked at was being erased: back to the newest
            self._load(self._serial)
        return False

    def _find_oldest(self) -> None:
        """The oldest sector that can be read. What was in one before it is acknowledged (rule 3)."""
        self._oldest = max(0, self._serial - self._n + 1)
        if self._oldest == self._serial or self._sector_header(self._oldest):
            self.acked = max(self.acked, self._first_of(self._oldest) - 1)
            return
        after = self._first_of(self._oldest + 1)
        self._load(self._oldest)
        for kind, seq, _at, _length in self._found:
            if kind == RECORD and after - SECTOR // OVERHEAD <= seq < after:  # its header alone is damaged
                self.acked = max(self.acked, seq - 1)
                return
        self._oldest += 1
        self.acked = max(self.acked, after - 1)

    def rest(self) -> None:
        """Give back the memory that reading takes, a sector and its entries, until somebody reads again."""
        self._buf = bytearray(0)
        self._found: "list[tuple[int, int, int, int]]" = []
        self._cached = (-1, -1)  # (serial, tail) of the sector that `_buf` and `_found` show

    def _read_sector(self, serial: int) -> bytearray:
        if not self._buf:
            self._buf = bytearray(SECTOR)
        self._cached = (-1, -1)
        self._dev.readblocks(serial % self._n, self._buf, 0)
        return self._buf

    def _load(self, serial: int) -> "tuple[int, list[tuple[int, int]]]":
        """Read a sector into `_buf`; where an entry may be written next, and what is unreadable there."""
        self._found, tail, bad = parse(self._read_sector(serial))
        self._cached = (serial, self._tail if serial == self._serial else SECTOR)
        return tail, bad

    def _sector_header(self, serial: int) -> "tuple[int, ...] | None":
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
        """The serial of the sector that holds (or would hold) record `seq`, or of one before it."""
        lo, hi = self._oldest, self._serial
        if self._first_of(hi) <= seq:
            return max(lo, hi)
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

    def spare(self) -> "tuple[int, int]":
        """Sectors that readings may still open, and of how many in an empty log."""
        return max(0, self.free - self._reserve), self._n - self._reserve

    def room(self, size: int, spare: bool = True) -> bool:
        """Whether a record of `size` bytes fits now. `spare`: leave the reserve kept for weighings."""
        if spare:
            return self.free > self._reserve
        return self.free > 0 or self._tail + OVERHEAD + size <= SECTOR

    def append(self, data: bytes, spare: bool = True) -> int:
        """Write record number `head + 1`; it is on flash when this returns. Errors: `log-full`,
        `record-too-long`, `supply-low`, `flash-failed`.
        """
        if len(data) > MAX_RECORD:
            raise EdgeError("record-too-long", "%d bytes, at most %d" % (len(data), MAX_RECORD))
        if not self.room(len(data), spare):
            raise EdgeError(
                "log-full", "records up to %d are acknowledged, newest is %d" % (self.acked, self.head)
            )
        if not self.may_write():
            raise EdgeError("supply-low", "record %d not written: below the voltage floor" % (self.head + 1))
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
        self._losses.settle(seq)
        while self._held < self._serial and self._first_of(self._held + 1) <= seq + 1:
            self._held += 1
        if self.may_write():
            try:
                if self._tail + OVERHEAD <= SECTOR:
                    self._put(ACK, seq, b"")
                elif self.free > 0:
                    self._open_next()  # its header says it
            except EdgeError:
                self.damage += 1
        return True  # where it could not be written it is known until the next power cut, then told again

    def add_time(self, first: int, offset_ms: int) -> None:
        """Fill in the time of the records from `first` on that were made without a clock; none may have
        been sent.
        """
        payload = encode_time(self.head + 1, offset_ms)
        if first <= self.head and self.room(len(payload), spare=False) and self.may_write():
            self._put(TIME, first, payload)
            if self._times is not None:
                self._times.append((first, self.head + 1, offset_ms))

    def skip(self, seq: int) -> None:
        """Numbers up to `seq` were given once: never again. What is not here of them is lost."""
        if seq > self.head:
            self._lose(self.head + 1, seq)
            self.head = seq

    def lost(self) -> "list[tuple[int, int]]":
        """(first, last) of the numbers that damage took and that are not acknowledged, as far as was met yet:
        at most 16 runs, the lowest.
        """
        return self._losses.above(self.acked)

    def read(self, seq: int, max_bytes: int) -> "list[tuple[int, bytes]]":
        """Records from the first readable one at or after `seq`: an unbroken run of at most `max_bytes`
        (one at least). Whoever reads says at the end that it was all (`rest`).
        """
        run = self._run(seq, max_bytes)
        if self.acked < seq <= self.head and (not run or run[0][0] > seq):
            self._cached = (-1, -1)  # a damaged place is believed when it is seen twice
            run = self._run(seq, max_bytes)
            found = run[0][0] if run else self.head + 1
            if found > seq:
                self._lose(seq, found - 1)
        return run

    def walk(self) -> "Iterator[bytes]":
        """Every record that is still on flash, freed ones too, oldest first; times are not filled in. Finds
        what damage took.
        """
        number = 0
        for serial in range(self._oldest, self._serial + 1):
            self._load(serial)
            for kind, seq, at, length in self._found:
                if kind == RECORD and seq > number:
                    if self.acked < seq > number + 1:
                        self._lose(max(number, self.acked) + 1, seq - 1)
                    number = seq
                    yield bytes(self._buf[at : at + length])
        self.rest()

    def _run(self, seq: int, max_bytes: int) -> "list[tuple[int, bytes]]":
        run: "list[tuple[int, bytes]]" = []
        size = 0
        for serial in range(self._sector_of(seq), self._serial + 1):
            if self._cached != (serial, self._tail if serial == self._serial else SECTOR):  # it has grown
                self._load(serial)
            for kind, number, at, length in self._found:
                if kind != RECORD or number < seq:
                    continue
                if run and (number != seq or size + length > max_bytes):
                    return self._timed(run)
                run.append((number, bytes(self._buf[at : at + length])))
                seq = number + 1
                size += length
        return self._timed(run)

    def _timed(self, run: "list[tuple[int, bytes]]") -> "list[tuple[int, bytes]]":
        """The run with times filled in. Most records have one, and then the TIME entries are not needed."""
        if self._times is None:
            if not [1 for _seq, data in run if _NONE in data]:
                return run
            self._times = self._read_times()
        return [(seq, correct(data, seq, self._times)) for seq, data in run]

    def _read_times(self) -> "list[tuple[int, int, int]]":
        times = []
        for serial in range(self._held, self._serial + 1):
            self._load(serial)
            for kind, seq, at, _length in self._found:
                if kind == TIME:
                    times.append((seq,) + decode_time(self._buf, at))
        return times

    def _lose(self, first: int, last: int) -> None:
        if first <= last and self._losses.add(first, last):
            self.damage += 1

    # Writing

    def _open_next(self) -> None:
        for serial in range(self._serial + 1, min(self._serial + 1 + TRIES, self._held + self._n)):
            index = serial % self._n
            header = encode_header(self._log, serial, self.head + 1, self.acked)
            if self._erase(index) and self._write(index, header, 0):
                self._serial, self._tail = serial, HEADER_SIZE
                self._oldest = max(self._oldest, serial - self._n + 1)
                self._held = max(self._held, self._oldest)
                if self.acked == self.head:
                    self._held = serial
                return
        raise EdgeError("flash-failed", "sector %d and those behind it hold nothing" % (self._serial + 1))

    def _put(self, kind: int, seq: int, payload: bytes) -> None:
        entry = encode_entry(kind, seq, payload)
        for _ in range(TRIES):
            if self._tail + len(entry) > SECTOR:
                self._open_next()
            at, self._tail = self._tail, SECTOR  # until it is known to be good: nothing goes behind a bad one
            if self._write(self._serial % self._n, entry, at):
                self._tail = at + len(entry)
                return
        raise EdgeError("flash-failed", "sector %d does not hold what is written" % self._serial)

    def _erase(self, index: int) -> bool:
        try:
            self._dev.ioctl(_ERASE, index)
        except (OSError, EdgeError):
            self.damage += 1
            return False
        return True

    def _write(self, index: int, data: bytes, at: int) -> bool:
        """Write, and read back (rule 8)."""
        back = bytearray(len(data))
        try:
            self._dev.writeblocks(index, data, at)
            self._dev.readblocks(index, back, at)
        except (OSError, EdgeError):
            pass
        if back == data:
            return True
        self.damage += 1
        return False
