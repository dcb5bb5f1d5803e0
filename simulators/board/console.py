"""A unit's serial console on a pseudo-terminal: what a crew's laptop plugs into.

Opening the terminal is plugging in, closing it is pulling the plug: `connected` tells, and the board's
service pin follows. While nobody is connected, what the unit prints goes to its log only, as on a chip with
no USB host.
"""

import os
import select
import tty
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Console:
    """Both ends of the unit's line: the pseudo-terminal (`path`) and the interpreter's standard input and
    output."""

    path: str
    master: int
    chip_stdin: int  # the interpreter's ends
    chip_stdout: int
    to_chip: int
    from_chip: int
    link: Path | None = None
    connected: bool = False

    @classmethod
    def open(cls, link: Path | None = None) -> "Console":
        """Make the terminal; with `link`, a symbolic link to it (an old link there is replaced)."""
        master, slave = os.openpty()
        tty.setraw(slave)
        path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(master, False)
        chip_stdin, to_chip = os.pipe()
        from_chip, chip_stdout = os.pipe()
        os.set_blocking(chip_stdin, False)  # a read of the firmware's takes what there is, as on the chip
        os.set_blocking(to_chip, False)
        os.set_blocking(from_chip, False)
        if link is not None:
            if link.is_symlink():
                link.unlink()
            link.symlink_to(path)
        return cls(path, master, chip_stdin, chip_stdout, to_chip, from_chip, link)

    def look(self) -> bool:
        """Whether a program has the terminal open now."""
        poll = select.poll()
        poll.register(self.master, 0)
        self.connected = not poll.poll(0)
        return self.connected

    def from_crew(self) -> bytes:
        """What the crew's program sent."""
        with suppress(BlockingIOError, OSError):
            return os.read(self.master, 4096)
        return b""

    def to_crew(self, data: bytes) -> None:
        """What the unit printed; lost when nobody reads."""
        if self.connected:
            with suppress(BlockingIOError, OSError):
                os.write(self.master, data)

    def type(self, data: bytes) -> None:
        """Put bytes on the unit's receive line; beyond what its buffer holds they are lost."""
        with suppress(BlockingIOError):
            os.write(self.to_chip, data)

    def printed(self) -> bytes:
        """What the unit printed since the last look."""
        with suppress(BlockingIOError):
            return os.read(self.from_chip, 65536)
        return b""

    def close(self) -> None:
        """Take the terminal away."""
        if self.link is not None and self.link.is_symlink():
            self.link.unlink()
        for fd in (self.master, self.chip_stdin, self.chip_stdout, self.to_chip, self.from_chip):
            os.close(fd)
