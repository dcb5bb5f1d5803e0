"""A directory in memory for targets that need files: a disk would be the slowest part by far."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 (a fresh directory in it)


@cache
def scratch() -> Path:
    """This process's directory; removed when it ends."""
    made = Path(tempfile.mkdtemp(prefix="huishou-fuzz-", dir=_MEMORY if _MEMORY.is_dir() else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def fresh(name: str) -> Path:
    """An empty directory in it."""
    path = scratch() / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path
