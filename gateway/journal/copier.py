"""Copies the journal's log (WAL) back into the database beside the commits, so that no commit waits for it.

A copy takes some 20 ms of a core and two syncs, and would otherwise come with every third commit of a busy
second. It is SQLite's own passive checkpoint on a connection of its own: it waits for nobody and holds nobody
up. It never empties the log by itself: the next commit begins at the log's start when all of it was copied,
which is why passes follow each other while commits came in between. Should this thread fall behind or fail,
the committing connection copies for itself as before, only more seldom.
"""

import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

COPY_AFTER = 500  # messages since the last copy; each changes a page at least
REST_S = 0.1  # between passes: pages that many commits touch are copied once
RETRY_S = 1.0
CLOSE_S = 1.0  # then it hangs in the disk, and ends with the process
FALLBACK_PAGES = 16_000  # of the log, at which the commit copies after all: the log's limit of 64 MiB


class Copier:
    """Of one open journal; closed before its committing connection, which thus stays the last one."""

    def __init__(self, path: Path) -> None:
        """Raises sqlite3.Error."""
        self._db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA synchronous = FULL")
        self._due = 0  # messages since the last pass began
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copy", daemon=True)
        self._thread.start()

    def committed(self, messages: int) -> None:
        """So many messages were committed."""
        self._due += messages
        if self._due >= COPY_AFTER:
            self._wake.set()

    def close(self) -> None:
        """Finish the pass that goes on, and let go of the file."""
        self._ended.set()
        self._wake.set()
        self._thread.join(CLOSE_S)
        if not self._thread.is_alive():
            self._db.close()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            clean = False
            while not (clean or self._ended.is_set()):
                rest_s = RETRY_S
                with suppress(sqlite3.Error):  # whoever commits meets it too, and says so
                    clean = self._pass()
                    rest_s = REST_S
                if not clean:
                    self._ended.wait(rest_s)
            if self._ended.is_set():
                return

    def _pass(self) -> bool:
        """Copy what is in the log; whether that is all of it."""
        self._due = 0
        _, pages, copied = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        return bool(pages == copied) and not self._due
