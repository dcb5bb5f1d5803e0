"""Card reader, QR reader, RFID reader or keypad: one token a line, ASCII. CR, LF or ETX end it, STX begins it
anew.

A token comes in one go. What stops before its line has ended is a half token: it is thrown away, so that it
cannot make a new token together with what comes next.
"""

import time

from edge.drivers.serial import Serial

MAX_TOKEN = 64
_STX, _ETX = b"\x02", b"\x03"
GAP_MS = 200  # silence within a line: at 9600 baud a character takes 1 ms, 64 of them 67 ms


def lines(buf: bytes, data: bytes) -> "tuple[bytes, list[str], int]":
    """(rest, tokens, noise) of what came before and what came now. A line that is no token (long, not
    printable ASCII) is noise on the wire: it is left out and counted.
    """
    parts = (buf + data).replace(b"\r", b"\n").replace(_ETX, b"\n").split(b"\n")
    rest, tokens, noise = parts.pop(), [], 0
    for part in parts:
        begin = part.rfind(_STX)
        if begin > 0:
            noise += 1  # what came before had not ended
        line = part[begin + 1 :].strip()
        if len(line) > MAX_TOKEN or (line and not (min(line) >= 0x20 and max(line) < 0x7F)):
            noise += 1
        elif line:
            tokens.append(line.decode())
    return rest[-2 * MAX_TOKEN :], tokens, noise


class Reader:
    """`gap_ms`: silence that makes a line a half one (a keypad that sends each key as it is pressed:
    seconds).
    """

    def __init__(self, port: Serial, gap_ms: int = GAP_MS) -> None:
        self._port = port
        self._gap_ms = gap_ms
        self._buf = b""
        self._tokens: "list[str]" = []
        self.noise = 0  # lines and pieces that were no token, since `drop`

    def drop(self) -> None:
        """Forget what was presented before."""
        self._port.drop()
        self._buf, self._tokens, self.noise = b"", [], 0

    async def token(self, timeout_ms: int) -> "str | None":
        """The next token; None when none was presented in `timeout_ms`."""
        start = time.ticks_ms()
        while not self._tokens:
            left = timeout_ms - time.ticks_diff(time.ticks_ms(), start)
            data = await self._port.read(min(left, self._gap_ms) if self._buf else left) if left > 0 else b""
            if self._buf and not data:
                self._buf = b""
                self.noise += 1
            if left <= 0:
                return None
            if not data:
                continue
            self._buf, self._tokens, noise = lines(self._buf, data)
            self.noise += noise
        return self._tokens.pop(0)
