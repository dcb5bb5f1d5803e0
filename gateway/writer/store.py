"""writer.db: how far the writer has come, and what the database refused. Written by the writer alone."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.journal.schema import migrate

FILE = "writer.db"
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE progress (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        cursor INTEGER NOT NULL,          -- the last journal row that is wholly in the database
        lines INTEGER NOT NULL,           -- written since the start of time
        refused INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress VALUES (1, 0, 0, 0);
    CREATE TABLE refused (
        id INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        row INTEGER NOT NULL,             -- in the journal
        device TEXT NOT NULL,
        log TEXT NOT NULL,
        seq INTEGER NOT NULL,
        line BLOB NOT NULL,
        status INTEGER NOT NULL,          -- HTTP status; 0: refused by the writer itself
        words TEXT NOT NULL               -- the server's
    ) STRICT;
    """,
)


class RefusedLine(Struct, frozen=True):
    """A record that the database does not take; the journal keeps it."""

    at_ms: int
    row: int
    device: str
    log: str
    seq: int
    line: bytes
    status: int
    words: str


class Progress(Struct, frozen=True):
    """`cursor`: the last journal row that is wholly in the database; counts since the store was created."""

    cursor: int
    lines: int
    refused: int


class WriterStore:
    """The writing side. One per store (the caller holds the lock)."""

    def __init__(self, store: Path) -> None:
        store.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(store / FILE, timeout=10, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        # A lost tail only means that the same lines are written again, to the same effect.
        self._db.execute("PRAGMA synchronous = NORMAL")
        migrate(self._db, MIGRATIONS)

    def progress(self) -> Progress:
        """How far it has come."""
        return Progress(*self._db.execute("SELECT cursor, lines, refused FROM progress").fetchone())

    def advance(self, cursor: int, lines: int, refused: Sequence[RefusedLine]) -> None:
        """Everything up to `cursor` is in the database, `lines` of it newly so, but for the refused."""
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            self._db.executemany(
                "INSERT INTO refused (at_ms, row, device, log, seq, line, status, words)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(r.at_ms, r.row, r.device, r.log, r.seq, r.line, r.status, r.words) for r in refused],
            )
            self._db.execute(
                "UPDATE progress SET cursor = ?, lines = lines + ?, refused = refused + ?",
                (cursor, lines, len(refused)),
            )

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def read_progress(store: Path) -> Progress:
    """What another process may know of the writer; zeroes before it first ran."""
    rows = _query(store, "SELECT cursor, lines, refused FROM progress")
    return Progress(*rows[0]) if rows else Progress(0, 0, 0)


def read_refused(store: Path, limit: int = 100) -> list[RefusedLine]:
    """What the database refused, newest first."""
    rows = _query(
        store,
        "SELECT at_ms, row, device, log, seq, line, status, words FROM refused ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [RefusedLine(*row) for row in rows]


def _query(store: Path, query: str, values: tuple[int, ...] = ()) -> list[Any]:
    path = store / FILE
    if not path.exists():
        return []
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=10, isolation_level=None)
    try:
        db.execute("PRAGMA query_only = ON")
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            return []
        return db.execute(query, values).fetchall()
    finally:
        db.close()
