"""A copy of commands.db of some time ago is put in force: nothing of it may happen a second time.

Since the copy was made its commands may have been carried out, answered and asked anew, and devices may have
been given newer settings. So what had not ended ends now as `unknown` (`restored`), which only the device's
own word can still replace; revisions of settings go on far above the known ones; and a known revision is
sent to nobody but a device that says it has an older one.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.commands.model import RESTORED
from gateway.commands.store import RESTORED_MS, REV_FLOOR

REVISIONS = 1_000  # more than anybody can have set between a backup and its restore


def stand_down(file: Path, now_ms: int) -> int:
    """Do this in a copy, before it gets its place; how many commands had not ended. Raises sqlite3.Error."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        ended = db.execute(
            "UPDATE commands SET state = ?, code = ?, ended = 1 WHERE ended = 0",
            (RESTORED.state.value, RESTORED.code),
        ).rowcount
        (newest,) = db.execute("SELECT coalesce(max(rev), 0) FROM desired").fetchone()
        db.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [(RESTORED_MS, str(now_ms)), (REV_FLOOR, str(newest + REVISIONS))],
        )
        db.execute("COMMIT")
    return ended
