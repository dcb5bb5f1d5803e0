"""SNTP server (RFC 4330): the answer as a pure function, and a real server on a UDP port for units in real
time."""

import asyncio
import struct
import time
from typing import cast

_EPOCH_S = 2_208_988_800  # 1900 to 1970
_PACKET = struct.Struct(">BBBbII4sQQQQ")


def _timestamp(us: int) -> int:
    seconds, rest = divmod(us, 1_000_000)
    return ((seconds + _EPOCH_S) % 2**32) << 32 | (rest << 32) // 1_000_000


def reply(request: bytes, now_us: int) -> bytes | None:
    """The answer to a client's request at `now_us` (microseconds since 1970); None: it was none, say
    nothing."""
    if len(request) < 48 or request[0] & 7 != 3:
        return None
    version = request[0] >> 3 & 7
    originate = struct.unpack_from(">Q", request, 40)[0]
    now = _timestamp(now_us)
    # Leap 0, mode 4 (server), stratum 1, precision 2^-20 s, reference "LOCL".
    return _PACKET.pack(version << 3 | 4, 1, request[2], -20, 0, 0, b"LOCL", now, originate, now, now)


class _Server(asyncio.DatagramProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # by the loop's contract

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = reply(data, time.time_ns() // 1000)
        if answer is not None:
            self.transport.sendto(answer, addr)


async def serve(host: str = "127.0.0.1", port: int = 0) -> tuple[asyncio.DatagramTransport, int]:
    """Start a server on `port` (0: any free one). Returns the transport, to be closed by the caller, and the
    port."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(_Server, local_addr=(host, port))
    return transport, transport.get_extra_info("sockname")[1]
