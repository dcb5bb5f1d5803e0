"""AT commands without I/O: bytes in become answers and unsolicited lines, a command becomes bytes.

Follows ITU-T V.250 and 3GPP TS 27.007. Echo stays on (ATE1): an AT answer does not say to which command it
belongs, but the echo does. Whatever comes before the echo of the present command is a late answer to an
earlier one, or unsolicited, and is never taken for the answer. A modem in data mode gives no echo either.
"""

MAX_LINE = 160  # longer lines are noise: no answer that is asked for here has as many characters
MAX_LINES = 8  # of one answer
MAX_NEWS = 8  # unsolicited lines that nobody has fetched: the oldest go

_RESULTS = ("OK", "ERROR")
_CALL_RESULTS = ("NO CARRIER", "BUSY", "NO ANSWER", "NO DIALTONE")
_ERRORS = ("+CME ERROR:", "+CMS ERROR:")


class At:
    """One line to one modem. `start` a command, `feed` what arrives until `done`, then see `result`, `lines`.

    `result`: the final result code as the modem said it (`OK`, `CONNECT …`, `+CME ERROR: 10`).
    `lines`: the answer's lines that begin with the wanted prefix, without it.
    `news`: unsolicited lines, oldest first; whoever reads them clears them.
    `noise`: bytes and lines that were no text, counted up to 65,535.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._skipping = False  # within a line that is too long
        self._command = ""
        self._prefix = ""
        self._echoed = False
        self.done = True
        self.result = ""
        self.lines: "list[str]" = []
        self.news: "list[str]" = []
        self.noise = 0

    def start(self, command: str, prefix: str = "", blind: bool = False) -> bytes:
        """The bytes of a command. An unfinished one before it is given up.

        `prefix`: of the answer's lines that are wanted ("+CSQ"). `blind`: its answer counts without an echo
        (for ATE1 alone, which may find echo off).
        """
        self._command, self._prefix, self._echoed = command, prefix + ":", blind
        self.done, self.result, self.lines = False, "", []
        return command.encode() + b"\r"

    def give_up(self) -> None:
        """The command's time is over: what still comes for it is unsolicited."""
        self._command = ""
        self.done = True

    def feed(self, data: bytes) -> bytes:
        """Take bytes. Returns what follows CONNECT: it belongs to the data connection, no longer to us."""
        for at in range(len(data)):
            byte = data[at]
            if byte in (10, 13):
                line, self._line, self._skipping = bytes(self._line).decode(), bytearray(), False
                if line and self._take(line):
                    self.result = "CONNECT"
                    rest = data[at + 1 :]
                    return rest[1:] if rest[:1] == b"\n" else rest
            elif not 32 <= byte < 127:
                self._bad()
                self._line = bytearray()  # what stood before it is noise too
            elif not self._skipping:
                self._line.append(byte)
                if len(self._line) > MAX_LINE:
                    self._skipping = True
                    self._line = bytearray()
                    self._bad()
        return b""

    def _bad(self) -> None:
        self.noise = min(self.noise + 1, 0xFFFF)

    def _take(self, line: str) -> bool:
        """A line came; whether it ends the dialogue, since the data connection begins."""
        if self.done or not self._answers(line):
            self.news.append(line)
            if len(self.news) > MAX_NEWS:
                self.news.pop(0)
            return False
        return self.done and line.startswith("CONNECT")

    def _answers(self, line: str) -> bool:
        """Whether a line is part of the present command's answer; takes it in."""
        if not self._echoed:
            # Noise may be glued to the front of an echo, so only its end is looked at.
            self._echoed = line.endswith(self._command)
            return self._echoed
        dialled = self._command.startswith("ATD")
        if line in _RESULTS or line[:11] in _ERRORS:
            self.done, self.result = True, line
        elif dialled and (line in _CALL_RESULTS or line == "CONNECT" or line.startswith("CONNECT ")):
            self.done, self.result = True, line
        elif len(self._prefix) > 1 and line.startswith(self._prefix):
            if len(self.lines) < MAX_LINES:
                self.lines.append(line[len(self._prefix) :].strip())
        else:
            return line.endswith(self._command)  # a second echo, of a modem that was asked twice
        return True
