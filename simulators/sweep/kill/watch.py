"""Whether all works again, seen from outside: at the fleet's end of intake, at InfluxDB's of the writer.

Intake works again when a record that was made after the mishap has been freed by `down/ack`: so it was
received, journaled and acknowledged. The writer works again when InfluxDB has been asked to write more.
"""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

_STEP_S = 0.02
_POINTS_STEP_S = 0.1


class Tail:
    """Follows a fleet's ledger."""

    def __init__(self, ledger: Path) -> None:
        self._path = ledger
        self._offset = 0
        self._rest = b""
        self._born: dict[tuple[bytes, bytes], int] = {}  # first record made since `mark`, by device and log
        self._freed: dict[tuple[bytes, bytes], int] = {}  # how far each log was ever freed

        self._freed_at = time.monotonic()

    def freed_up_to(self, device: str, log: str) -> int:
        """The greatest number of a log that was freed; -1: none."""
        return self._freed.get((device.encode(), log.encode()), -1)

    def wait_quiet(self, quiet_s: float, deadline_s: float) -> None:
        """Return when nothing has been freed for `quiet_s`, or at the deadline."""

        def quiet() -> bool:
            self.read()
            return time.monotonic() - self._freed_at >= quiet_s

        _seconds_until(quiet, deadline_s, _STEP_S)

    def mark(self) -> None:
        """From now on: what is made now, and whether it is freed."""
        self.read()
        self._born.clear()

    def read(self) -> bool:
        """Take in what was written since; whether a record made since `mark` was freed."""
        answered = False
        for line in self._lines():
            what, device, log, seq, _ = line.split(b"\t", 4)
            if what in (b"R", b"B"):
                self._born.setdefault((device, log), int(seq))
            elif what == b"F":
                name = (device, log)
                self._freed[name] = max(int(seq), self._freed.get(name, -1))
                self._freed_at = time.monotonic()
                answered |= name in self._born and int(seq) >= self._born[name]
        return answered

    def _lines(self) -> list[bytes]:
        with contextlib.suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(self._offset)
            text = self._rest + file.read()
            self._offset = file.tell()
            *lines, self._rest = text.split(b"\n")
            return lines
        return []


def wait_answered(tail: Tail, deadline_s: float) -> float | None:
    """Seconds until a record made since `tail.mark()` was freed; None: not within the deadline."""
    return _seconds_until(tail.read, deadline_s, _STEP_S)


def wait_written(points: Callable[[], int], before: int, deadline_s: float) -> float | None:
    """Seconds until InfluxDB has been asked to write more than `before` points; None: not in time."""

    def more() -> bool:
        with contextlib.suppress(OSError):
            return points() > before
        return False

    return _seconds_until(more, deadline_s, _POINTS_STEP_S)


def _seconds_until(done: Callable[[], bool], deadline_s: float, step_s: float) -> float | None:
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > deadline_s:
            return None
        time.sleep(step_s)
    return time.monotonic() - began
