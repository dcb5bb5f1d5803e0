"""SNTP (RFC 4330, unicast client): the time from one UDP exchange."""

import asyncio
import os
import socket
import time
from struct import unpack_from

from edge.errors import EdgeError

_TO_1970 = 2_208_988_800  # seconds from 1900-01-01 to 1970-01-01
_ERA = 1 << 32
_FLOOR_S = (
    1_735_689_600  # 2025-01-01: no answer can be older than this code; also resolves the era after 2036
)
_TIMEOUT_MS = 3000


def request(nonce: bytes) -> bytes:
    """A client request. `nonce`, 8 random bytes, stands as transmit timestamp: the server must repeat it."""
    return b"\x23" + b"\0" * 39 + nonce


def decode(answer: bytes, nonce: bytes) -> int:
    """The server's transmit time in ms since 1970. Errors: `ntp-bad-answer`."""
    if len(answer) < 48 or answer[0] & 7 != 4 or answer[24:32] != nonce:
        raise EdgeError("ntp-bad-answer", "not an answer to this request")
    if answer[0] >> 6 == 3 or not 1 <= answer[1] <= 15:
        raise EdgeError("ntp-bad-answer", "the server says that its own clock is not set")
    seconds, fraction = unpack_from(">II", answer, 40)
    seconds -= _TO_1970
    while seconds < _FLOOR_S:
        seconds += _ERA
    return seconds * 1000 + (fraction * 1000 >> 32)


async def query(host: str, port: int) -> int:
    """Ask a server; ms since 1970 at the moment of return, half the round trip added.

    Errors: `ntp-no-answer`, `ntp-bad-answer`, OSError.
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(socket.getaddrinfo(host, port)[0][-1])
        nonce = os.urandom(8)
        start = time.ticks_ms()
        sock.send(request(nonce))
        try:
            answer: bytes = await asyncio.wait_for_ms(asyncio.StreamReader(sock).read(48), _TIMEOUT_MS)
        except asyncio.TimeoutError:
            raise EdgeError(
                "ntp-no-answer", "%s:%d said nothing in %d ms" % (host, port, _TIMEOUT_MS)
            ) from None
        return decode(answer, nonce) + time.ticks_diff(time.ticks_ms(), start) // 2
    finally:
        sock.close()
