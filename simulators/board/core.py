"""One processor core for a unit's two processes: what they say to each other costs 8 us instead of 80."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_core() -> Iterator[int | None]:
    """Keep the calling thread, and processes it starts, on a core that no other run has taken.

    Yields its number; None (and no restriction) where there is only one core or all are taken.
    """
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        for core in sorted(cores):
            path = Path(tempfile.gettempdir()) / f"huishou-core-{os.getuid()}-{core}.lock"
            with path.open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                os.sched_setaffinity(0, {core})
                try:
                    yield core
                finally:
                    os.sched_setaffinity(0, cores)
                return
    yield None
