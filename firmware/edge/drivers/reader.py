"""Card, QR or RFID reader: one token a line, ASCII, CR LF."""

import time

from edge.drivers.serial import Serial

MAX_TOKEN = 64


def lines(buf: bytes, data: bytes) -> "tuple[bytes, list[str]]":
    """(rest, tokens) of what came before and what came now. A line that is no token (empty, long, not
    printable ASCII) is noise on the wire and is left out.
    """
    buf += data
    tokens: "list[str]" = []
    while True:
        end = buf.find(b"\n")
        if end < 0:
            return buf[-2 * MAX_TOKEN :], tokens
        line, buf = buf[:end].strip(), buf[end + 1 :]
        if 0 < len(line) <= MAX_TOKEN and min(line) >= 0x20 and max(line) < 0x7F:
            tokens.append(line.decode())


class Reader:
    def __init__(self, port: Serial) -> None:
        self._port = port
        self._buf = b""
        self._tokens: "list[str]" = []

    def drop(self) -> None:
        """Forget tokens that were presented before."""
        self._port.drop()
        self._buf, self._tokens = b"", []

    async def token(self, timeout_ms: int) -> "str | None":
        """The next token; None when none was presented in `timeout_ms`."""
        start = time.ticks_ms()
        while not self._tokens:
            left = timeout_ms - time.ticks_diff(time.ticks_ms(), start)
            if left <= 0:
                return None
            self._buf, self._tokens = lines(self._buf, await self._port.read(left))
        return self._tokens.pop(0)
