"""A unit's console on a serial port (USB, or a pseudo-terminal of a simulated one)."""

import time
from types import TracebackType
from typing import Any, Self

import serial

from gateway.crew.line import Answer, Lines, Refusal, parse_line

BAUD = 115_200  # USB serial ignores it; a UART console uses it
LOOK_S = 0.1
QUIET_S = 0.2  # a line that says nothing for this long holds no late answer
DRAIN_S = 2.0
WRITE_S = 2.0


class ConsoleError(Exception):
    """The console cannot be used, or did not answer. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Console:
    """An open console. Every wait has a deadline."""

    def __init__(self, port: str) -> None:
        """Open it. Raises ConsoleError `no-port`."""
        self.port = port
        try:
            self._serial = serial.Serial(port, BAUD, timeout=LOOK_S, write_timeout=WRITE_S, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as err:
            raise ConsoleError("no-port", f"{port}: {err}") from err
        self._lines = Lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._serial.close()

    def ask(self, command: str, timeout_s: float, tries: int = 1) -> Any:
        """The answer to one command.

        `tries`: how often to ask within the time (a unit that wakes may miss the first).

        Raises ConsoleError: `silent`, `port-lost`, or the unit's own code.
        """
        ends = time.monotonic() + timeout_s
        for left in range(tries, 0, -1):
            share_s = (ends - time.monotonic()) / left
            found = self._exchange(command, time.monotonic() + share_s)
            if isinstance(found, Answer):
                return found.value
            if isinstance(found, Refusal):
                raise ConsoleError(found.code, found.message or found.code)
        raise ConsoleError("silent", f"{self.port}: no answer to `{command}` within {timeout_s:g} s")

    def _exchange(self, command: str, ends: float) -> Answer | Refusal | None:
        try:
            self._drain()
            self._serial.write(command.encode() + b"\r\n")
            while time.monotonic() < ends:
                for line in self._lines.feed(self._read()):
                    found = parse_line(line)
                    if found is not None:
                        return found
        except serial.SerialTimeoutException:
            return None  # nobody takes what we write: as silent as no answer
        except (serial.SerialException, OSError) as err:
            raise ConsoleError("port-lost", f"{self.port}: {err}") from err
        return None

    def _drain(self) -> None:
        """Let a late answer to an earlier command pass: it must not be taken for this one's."""
        ends = quiet = time.monotonic()
        ends += DRAIN_S
        quiet += QUIET_S
        while time.monotonic() < min(ends, quiet):
            if self._read():
                quiet = time.monotonic() + QUIET_S
        self._lines.clear()

    def _read(self) -> bytes:
        data: bytes = self._serial.read(max(1, self._serial.in_waiting))
        return data
