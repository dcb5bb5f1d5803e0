"""Modbus RTU as bytes: the request and the answer of a read (Modbus application protocol 1.1b3, 6.3 and 6.4;
Modbus over serial line 1.02, 2.5.1). Pure; the line itself is in `bus`.

    request   unit  function  address (2)  count (2)  CRC (2)
    answer    unit  function  bytes   words (2 * count)   CRC (2)
    refusal   unit  function + 128   exception   CRC (2)

Numbers are big-endian, the CRC is little-endian. An answer does not repeat the address that was asked for.
"""

from struct import pack, unpack

from edge.errors import EdgeError

MAX_WORDS = 125
HOLDING, INPUT = 3, 4
BUSY = (5, 6)  # exceptions that mean: later
_REFUSAL = 128
# CRC-16 of each nibble, polynomial 0xA001 (reflected 0x8005)
_TABLE = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip


def crc(data: bytes) -> int:
    """CRC-16 of a frame without its last two bytes; over all of a sound frame it is 0."""
    value = 0xFFFF
    for byte in data:
        value = value >> 4 ^ _TABLE[(value ^ byte) & 15]
        value = value >> 4 ^ _TABLE[(value ^ byte >> 4) & 15]
    return value


def request(unit: int, function: int, address: int, count: int) -> bytes:
    """A read of `count` registers of a unit (1 to 247)."""
    frame = pack(">BBHH", unit, function, address, count)
    return frame + pack("<H", crc(frame))


def length(beginning: bytes, count: int) -> int:
    """How many bytes the whole answer has that begins so."""
    return 5 if len(beginning) > 1 and beginning[1] & _REFUSAL else 5 + 2 * count


def words(unit: int, function: int, count: int, answer: bytes) -> "tuple[int, ...]":
    """The registers in an answer to `request`.

    Errors: `rtu-crc` (disturbed on the way), `rtu-wrong-answer` (sound, but of another unit, function or
    length), `rtu-busy` and `rtu-refused` (the unit says so, with its exception code).
    """
    if len(answer) < 5 or crc(answer):
        raise EdgeError("rtu-crc", "%d bytes that are no frame" % len(answer))
    if answer[0] != unit or answer[1] & ~_REFUSAL != function:
        raise EdgeError(
            "rtu-wrong-answer",
            "unit %d, function %d answers for unit %d, function %d" % (answer[0], answer[1], unit, function),
        )
    if answer[1] & _REFUSAL and len(answer) == 5:
        raise EdgeError("rtu-busy" if answer[2] in BUSY else "rtu-refused", "exception %d" % answer[2])
    if answer[1] & _REFUSAL or answer[2] != 2 * count or len(answer) != 5 + 2 * count:
        raise EdgeError(
            "rtu-wrong-answer", "%d bytes came, %d registers were asked for" % (len(answer), count)
        )
    return unpack(">%dH" % count, answer[3:-2])
