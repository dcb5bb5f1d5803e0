"""Small files that other processes read: whether one has changed, and how to replace one whole."""

import os
import time
from pathlib import Path

Stamp = tuple[int, int, int]
RACY_S = 0.1  # a file this young may be written again without its time or size changing


def stamp(file: Path) -> Stamp | None:
    """What changes when a file does: modification time in ns, size, inode.

    None while that cannot be told: the file is not there, or so young that its time tells nothing yet.
    """
    try:
        stat = file.stat()
    except OSError:
        return None
    if abs(time.time_ns() - stat.st_mtime_ns) < RACY_S * 1e9:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def replace(file: Path, content: bytes) -> None:
    """Replace a file whole, so that no reader ever sees half of it. Raises OSError.

    Not synced: for files that may be lost with the power (a state, not a record).
    """
    part = file.with_name(f".{file.name}.{os.getpid()}")
    part.write_bytes(content)
    part.replace(file)
