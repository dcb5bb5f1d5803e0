"""SNTP (RFC 4330) packets, the checks of RFC 5905 that a client of a few exchanges can make, and what several
servers say together. No I/O.
"""

from struct import unpack_from

from edge.errors import EdgeError

_TO_1970 = 2_208_988_800  # seconds from 1900-01-01 to 1970-01-01
_ERA = 1 << 32
_FLOOR_S = 1_735_689_600  # 2025-01-01: no answer is older than this code; also finds the era after 2036
MAX_DISTANCE_MS = 1500  # RFC 5905 MAXDIST, and the 0.5 s that its sample programs allow beyond it
MAX_DELAY_MS = 2000  # of the round trip: half of it is error
_TICK_MS = 1  # what reading the clock twice is wrong by


class KissError(EdgeError):
    """The server asks to be left alone (RFC 5905 7.4). `word`: RATE (ask more seldom), DENY, RSTR, …"""

    def __init__(self, word: str) -> None:
        super().__init__("ntp-kiss", "the server says " + word)
        self.word = word


def request(nonce: bytes) -> bytes:
    """A client request. `nonce`, 8 random bytes, stands as transmit timestamp: the server must repeat it."""
    return b"\x23" + b"\0" * 39 + nonce


def decode(answer: bytes, nonce: bytes, elapsed_ms: int) -> "tuple[int, int]":
    """(ms since 1970 UTC at the moment the answer came, bound of its error in ms).

    `elapsed_ms`: from request to answer. Errors: `ntp-bad-answer`, `ntp-kiss` (KissError).
    """
    if len(answer) < 48 or answer[0] & 7 != 4 or answer[24:32] != nonce:
        raise EdgeError("ntp-bad-answer", "not an answer to this request")
    if answer[1] == 0:
        raise KissError("".join([chr(byte) if 32 < byte < 127 else "?" for byte in answer[12:16]]))
    if answer[0] >> 6 == 3 or answer[1] > 15 or answer[40:48] == b"\0" * 8:
        raise EdgeError("ntp-bad-answer", "the server says that its own clock is not set")
    root_delay, root_dispersion = unpack_from(">II", answer, 4)
    distance_ms = _ms(root_delay) // 2 + _ms(root_dispersion) + 1
    if distance_ms > MAX_DISTANCE_MS:
        raise EdgeError("ntp-bad-answer", "the server may be %d ms wrong itself" % distance_ms)
    received, sent = _since_1970(answer, 32), _since_1970(answer, 40)
    delay_ms = elapsed_ms - (sent - received)
    if not -_TICK_MS <= delay_ms <= elapsed_ms:
        raise EdgeError("ntp-bad-answer", "the server's own times contradict each other")
    delay_ms = max(0, delay_ms)
    if delay_ms > MAX_DELAY_MS:
        raise EdgeError("ntp-bad-answer", "a round trip of %d ms says too little" % delay_ms)
    return sent + delay_ms // 2, (delay_ms + 1) // 2 + distance_ms + _TICK_MS


def _ms(fixed: int) -> int:
    """A 16.16 fixed-point number of seconds in ms."""
    return fixed * 1000 >> 16


def _since_1970(answer: bytes, at: int) -> int:
    seconds, fraction = unpack_from(">II", answer, at)
    seconds -= _TO_1970
    while seconds < _FLOOR_S:
        seconds += _ERA
    milliseconds: int = seconds * 1000 + (fraction * 1000 >> 32)
    return milliseconds


def agree(samples: "list[tuple[int, int]]", own: "tuple[int, int] | None" = None) -> "tuple[int, int, int]":
    """What most of `samples` hold true together (Marzullo; RFC 5905 11.2.1): (offset, error, witnesses).

    A sample is (offset to any common clock, bound of its error), both in ms; there is one at least. `own` is
    a further witness, the device's clock: it may say which of two is right, the result is the servers' alone.
    """
    witnesses = samples if own is None else samples + [own]
    best: "tuple[int, list[tuple[int, int]]]" = (0, samples)
    for offset, error in witnesses:
        for edge in (offset - error, offset + error):
            count = len([1 for at, by in witnesses if at - by <= edge <= at + by])
            there = [(at, by) for at, by in samples if at - by <= edge <= at + by]
            if there and count > best[0]:
                best = (count, there)
    low = max([at - by for at, by in best[1]])
    high = min([at + by for at, by in best[1]])
    return (low + high) // 2, (high - low + 1) // 2, best[0]
