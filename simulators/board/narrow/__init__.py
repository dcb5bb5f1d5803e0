"""A 32-bit MicroPython as a chip's interpreter: words, small integers and heap blocks as on the ESP32-S3.

Beside the usual interpreter of 64 bits it is what memory is measured with, and what shows whether anything
rests on wide integers. `fetch.py` has it from Debian; this file starts it, with the stand-ins of
`simulators/board/vm` below the firmware as always.

Not in it: threads of the chip's SDK, Wi-Fi and TLS buffers (the SDK's own heap on the chip), 32-bit floats.
"""

from dataclasses import dataclass
from pathlib import Path

from simulators.board.firmware import VM, compiled, romfs
from simulators.board.interpreter import InterpreterError
from simulators.board.narrow.fetch import find

HEAP_B = 512 * 1024
"""Half of the usual interpreter's, whose words are twice as wide."""

# The shell starts the interpreter again after each simulated reset (status 0): a process a boot.
_AGAIN = 'while :; do "$@" || exit $?; done'


@dataclass(frozen=True, slots=True)
class Narrow:
    """How a chip of 32 bits starts (a `Launch` of `simulators.board.interpreter`).

    `in_place`: the firmware runs from a ROMFS image outside the heap, as from the chip's flash; else its
    `.mpy` are copied into the heap. `probe`: a Python file that is run at each boot, after the stand-ins and
    before the firmware.
    """

    in_place: bool = True
    heap_b: int = HEAP_B
    probe: Path | None = None

    def __call__(self, fd_in: int, fd_out: int, firmware: Path) -> tuple[list[str], dict[str, str]]:
        """Command and environment of the process. Raises InterpreterError when it was not fetched."""
        command = find()
        if command is None:
            raise InterpreterError(
                "No 32-bit MicroPython in the cache. `make narrow` fetches it (once, from Debian)."
            )
        folders, image, probe = [compiled(VM)], "", ""
        if self.in_place:
            image = str(romfs(firmware))
        else:
            folders.append(compiled(firmware))
        if self.probe is not None:
            folders.append(compiled(self.probe.parent))
            probe = self.probe.stem
        path = ":".join(map(str, (*folders, ".frozen")))
        start = [*command, "-X", f"heapsize={self.heap_b}", "-m", "_narrow", str(fd_in), str(fd_out)]
        return ["/bin/sh", "-c", _AGAIN, "sh", *start, image, probe], {"MICROPYPATH": path, "TZ": "UTC"}
