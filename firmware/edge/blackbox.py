"""The black box: the last events of a unit's life, on flash, so that they outlive any reset and power cut.

The partition is a ring of at least two sectors, appended to without an erase until a sector is full:

    sector:  magic "HBOX", version, serial, CRC-32     (16 bytes) | entry | entry | … | 0xFF …
    entry:   event (24 bytes) | CRC-32                 (145 a sector)
    event:   time (s since 1970 UTC), boot (mod 65536), code, clock, detail (16 bytes, UTF-8)

The newest sector is the valid one with the highest serial; a torn or damaged entry is passed over. With two
sectors at least the last 145 events are there, of which `last` gives 64: 1,536 bytes, 2,048 characters in
base 64. A day with 200 events erases 1.4 sectors: flash of 100,000 erases a sector lasts over 300 years.

A code is a place in CODES, which only ever grows at its end. An event that cannot be written now (voltage,
broken flash) waits in RAM, 16 at most. A black box never raises: it must not be what stops a unit.
"""

from binascii import crc32
from struct import calcsize, pack, unpack, unpack_from

from edge.errors import EdgeError

if False:  # for types
    from collections.abc import Callable

    from edge.types import BlockDevice

CODES = (
    "other power-on brown-out watchdog hang modem-hang panic task-died out-of-memory recursion flash-error "
    "settings-failed start-failed stuck overrun clock-jump reboot soft-reset safe-mode safe-mode-left "
    "boot-good error settings-changed planned settings-rolled-back log-full link-failed battery-low policy "
    "command updated scale-silent scale-at-rail scale-garbled scale-stuck scale-no-excitation scale-noisy "
    "scale-jumps scale-contact scale-overload zero-drift ranger-silent ranger-garbled ranger-no-echo "
    "ranger-dirty ranger-blocked ranger-not-set overheated sensor-range lock-jammed door-left-open "
    "switch-conflict button-stuck gnss-silent ntp-failed bad-message hours-damaged hours-held tokens-damaged "
    "reader-noisy uncalibrated state-damaged clock-jumped clock-doubted ntp-disagree log-thinned log-damaged "
    "settings-refused network-unreachable link-no-broker link-silent link-closed link-stuck mqtt-refused "
    "mqtt-protocol modem-silent modem-restarted sim-missing cell-no-signal cell-not-registered ppp-failed "
    "ppp-lost wifi-password wifi-no-address wifi-lost apn-refused broker-fallback cell-denied dns-failed "
    "dns-silent dns-unknown-name link-unacknowledged log-unreadable modem-error mppt-silent rtu-noise "
    "settings-broker settings-tls sim-failure sim-pin sim-puk tls-expired tls-failed tls-not-yet-valid "
    "tls-refused tls-untrusted tls-wrong-name unstable zero-refused"
)  # words: one string stays in flash
CLOCKS = ("none", "back", "rtc", "ntp", "gnss")
KEPT = 64
DETAIL = 16
EVENT = calcsize("<IHBB16s")

_SECTOR = 4096
_MAGIC = b"HBOX"
_HEADER = "<4sB3xI"
_HEADER_SIZE = calcsize(_HEADER) + 4
_ENTRY = EVENT + 4
_ENTRIES = (_SECTOR - _HEADER_SIZE) // _ENTRY
_BLANK = b"\xff" * _ENTRY
_WAIT = 16


def encode(code: str, detail: str, boot: int, t_s: int, clock: str) -> bytes:
    """An event. A code that is not in CODES becomes `other`, with itself as the detail."""
    codes = CODES.split()
    if code not in codes:
        detail, code = code, "other"
    place = CLOCKS.index(clock) if clock in CLOCKS else 0
    text = detail.encode()[:DETAIL]  # pack fills up with zeros
    return pack("<IHBB16s", max(0, t_s) & 0xFFFFFFFF, boot & 0xFFFF, codes.index(code), place, text)


def decode(event: "bytes | bytearray") -> "tuple[int, int, str, str, str]":
    """(time in s since 1970 UTC, boot, code, clock, detail) of an event."""
    t_s, boot, code, clock, text = unpack("<IHBB16s", event)
    text = text.rstrip(b"\0")
    detail = ""
    while text and not detail:
        try:
            detail = text.decode()
        except UnicodeError:  # cut within a character
            text = text[:-1]
    codes = CODES.split()
    name = codes[code] if code < len(codes) else "code-%d" % code
    return t_s, boot, name, CLOCKS[clock] if clock < len(CLOCKS) else "none", detail


class Ring:
    """The events on `device` (`readblocks`/`writeblocks` with offset, `ioctl`). Errors: OSError, EdgeError
    `flash-error`.
    """

    def __init__(self, device: "BlockDevice") -> None:
        self._dev = device
        self._count = device.ioctl(4, 0) or 0
        if self._count < 2 or device.ioctl(5, 0) != _SECTOR:
            raise EdgeError("flash-error", "the black box needs at least 2 sectors of 4096 bytes")
        self._serial = -1  # of the newest sector; -1: there is none
        self._tail = _ENTRIES  # place of the next entry in it
        for index in range(self._count):
            serial = self._header(index)
            if serial is not None and serial > self._serial:
                self._serial = serial
        if self._serial >= 0:
            self._tail = self._end(self._serial % self._count)

    def append(self, event: bytes) -> None:
        """On flash when it returns."""
        if self._tail >= _ENTRIES:
            serial = self._serial + 1
            self._dev.ioctl(6, serial % self._count)
            head = pack(_HEADER, _MAGIC, 1, serial)
            self._dev.writeblocks(serial % self._count, head + pack("<I", crc32(head)), 0)
            self._serial, self._tail = serial, 0
        at = _HEADER_SIZE + self._tail * _ENTRY
        self._tail += 1  # also when the write fails: what is half there is not written over
        self._dev.writeblocks(self._serial % self._count, event + pack("<I", crc32(event)), at)

    def last(self, count: int) -> "list[bytes]":
        """The newest events, the newest last; `count` at most."""
        found: "list[bytes]" = []
        serial = self._serial
        while serial >= 0 and serial > self._serial - self._count and len(found) < count:
            here = self._entries(serial, count - len(found))
            found = here + found
            serial -= 1
        return found

    def _header(self, index: int) -> "int | None":
        """The serial of the sector in this place; None when it is blank, damaged or of another place."""
        head = bytearray(_HEADER_SIZE)
        self._dev.readblocks(index, head, 0)
        magic, version, serial = unpack_from(_HEADER, head, 0)
        if magic != _MAGIC or version != 1 or serial % self._count != index:
            return None
        return serial if unpack_from("<I", head, _HEADER_SIZE - 4)[0] == crc32(head[:-4]) else None

    def _end(self, index: int) -> int:
        """The place after the last entry that is not blank."""
        low, high = 0, _ENTRIES
        probe = bytearray(_ENTRY)
        while low < high:
            mid = (low + high) // 2
            self._dev.readblocks(index, probe, _HEADER_SIZE + mid * _ENTRY)
            if probe == _BLANK:
                high = mid
            else:
                low = mid + 1
        return low

    def _entries(self, serial: int, count: int) -> "list[bytes]":
        """The newest valid events of a sector, the newest last; none when its place holds another one."""
        index = serial % self._count
        found: "list[bytes]" = []
        if self._header(index) != serial:
            return found
        buf = bytearray(_ENTRY)
        place = self._tail if serial == self._serial else _ENTRIES
        while place and len(found) < count:
            place -= 1
            self._dev.readblocks(index, buf, _HEADER_SIZE + place * _ENTRY)
            if unpack_from("<I", buf, EVENT)[0] == crc32(buf[:EVENT]):
                found.insert(0, bytes(buf[:EVENT]))
        return found


def always() -> bool:
    return True


def not_yet() -> bool:
    """Before the voltage is known, nothing is written."""
    return False


def _unknown() -> "tuple[int, str]":
    return 0, "none"


class BlackBox:
    """What is noted, with the time and the boot that it belongs to. Without a `device` (a board that has no
    such partition) in RAM alone.

    `boot` (number of this boot), `now` (ms since 1970, and its source) and `may_write` are set by who knows.
    """

    def __init__(self, device: "BlockDevice | None") -> None:
        self.boot = 0
        self.now: "Callable[[], tuple[int, str]]" = _unknown
        self.may_write: "Callable[[], bool]" = always
        self.broken = ""  # what the flash said when it failed last
        self._dev = device
        self._ring: "Ring | None" = None  # mounted when first needed: most wakes note nothing
        self._waiting: "list[tuple[str, str, int, int, str]]" = []

    def note(self, code: str, detail: str = "") -> None:
        """Something happened. On flash when this returns, if it can be."""
        ms, source = self.now()
        self._waiting.append((code, detail, self.boot, ms, source))
        if len(self._waiting) > (_WAIT if self._dev else KEPT):
            self._waiting.pop(0)
        self.flush()

    def flush(self) -> None:
        """Write what waits, if the supply allows it."""
        try:
            while self._waiting and self._dev and self.may_write():
                self._mount(self._dev).append(self._event(self._waiting[0]))
                self._waiting.pop(0)
        except (OSError, EdgeError) as error:
            self.broken = str(error)

    def _event(self, noted: "tuple[str, str, int, int, str]") -> bytes:
        """One that was noted before there was a clock gets the time at which it is written, moments later."""
        code, detail, boot, ms, source = noted
        if source == "none":
            ms, source = self.now()
        return encode(code, detail, boot, 0 if source == "none" else ms // 1000, source)

    def last(self, count: int = KEPT) -> "list[bytes]":
        """The newest events, the newest last."""
        found: "list[bytes]" = []
        try:
            if self._dev:
                found = self._mount(self._dev).last(count)
        except (OSError, EdgeError) as error:
            self.broken = str(error)
        return (found + [self._event(noted) for noted in self._waiting])[-count:]

    def last_boot(self) -> int:
        """The number of the boot that the newest event belongs to (0: there is none)."""
        found = self.last(1)
        return decode(found[0])[1] if found else 0

    def _mount(self, device: "BlockDevice") -> Ring:
        if self._ring is None:
            self._ring = Ring(device)
        return self._ring
