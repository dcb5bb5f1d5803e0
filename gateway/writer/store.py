"""writer.db: how far each sink has come, and what its database refused. Written by the sinks' threads, each
its own rows, and by `huishou gateway refused --retry`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gateway.journal.schema import migrate
from gateway.writer.plan import Plan, Span

FILE = "writer.db"
FIRST = "influxdb"  # the sink of the section [influxdb]
MAX_REFUSED = 100_000  # lines kept of one sink; beyond, the oldest go (all are counted, the journal has them)
BUSY_S = 10.0
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
    """
    CREATE TABLE sinks (
        name TEXT PRIMARY KEY,
        epoch TEXT NOT NULL,              -- of the journal that the row numbers are of; '': not known yet
        live INTEGER NOT NULL,            -- all rows up to here are written, but for those of the backlog
        backlog TEXT NOT NULL,            -- JSON [[after, upto], …]: see gateway.writer.plan
        revision INTEGER NOT NULL,        -- the last revision that is written
        lines INTEGER NOT NULL,           -- written since the start of time
        refused INTEGER NOT NULL,
        proof TEXT                        -- a line that was taken
    ) STRICT, WITHOUT ROWID;
    INSERT INTO sinks SELECT 'influxdb', '', cursor, '[]', 0, lines, refused, NULL FROM progress;
    DROP TABLE progress;
    ALTER TABLE refused ADD COLUMN sink TEXT NOT NULL DEFAULT 'influxdb';
    ALTER TABLE refused ADD COLUMN retry INTEGER NOT NULL DEFAULT 0;  -- 1: to be written again
    DELETE FROM refused WHERE id NOT IN (SELECT max(id) FROM refused GROUP BY device, log, seq);
    CREATE UNIQUE INDEX refused_record ON refused (sink, device, log, seq);
    CREATE INDEX refused_sink ON refused (sink, retry, id);
    """,
)
_REFUSED = "SELECT at_ms, row, device, log, seq, line, status, words, sink, retry FROM refused"


class RefusedLine(Struct, frozen=True, array_like=True):
    """A record that a database does not take; the journal keeps it. `status` 0: refused by the writer itself.

    `line`: as it was sent; the record's own text where no line could be made of it.
    """

    at_ms: int
    row: int
    device: str
    log: str
    seq: int
    line: bytes
    status: int
    words: str
    sink: str = FIRST
    retry: bool = False


class Progress(Struct, frozen=True):
    """How far a sink is. `lines`, `refused`: since the store was created; `proof`: a line that was taken."""

    plan: Plan = Plan()
    revision: int = 0
    lines: int = 0
    refused: int = 0
    proof: str | None = None

    @property
    def cursor(self) -> int:
        """Everything up to this journal row is in the database."""
        return self.plan.done


class WriterStore:
    """One sink's side of the file. Each thread has its own."""

    def __init__(self, store: Path, sink: str = FIRST) -> None:
        store.mkdir(parents=True, exist_ok=True)
        self.sink = sink
        self._db = sqlite3.connect(
            store / FILE, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        # A lost tail only means that the same lines are written again, to the same effect.
        self._db.execute("PRAGMA synchronous = NORMAL")
        migrate(self._db, MIGRATIONS)
        self._db.execute(
            "INSERT OR IGNORE INTO sinks VALUES (?, '', 0, '[]', 0, 0, 0, NULL)",
            (sink,),
        )

    def progress(self) -> Progress:
        """How far it has come."""
        return _progress(self._db.execute(f"{_PROGRESS} WHERE name = ?", (self.sink,)).fetchone()[1:])

    def save(self, progress: Progress, refused: Sequence[RefusedLine] = (), done: Sequence[int] = ()) -> None:
        """Keep the progress, in one transaction with what was refused.

        `done`: ids of refused lines that were tried again; those still refused are among `refused`.
        """
        plan = progress.plan
        with self._transaction():
            self._db.executemany("DELETE FROM refused WHERE id = ?", [(id_,) for id_ in done])
            self._db.executemany(
                "INSERT OR REPLACE INTO refused (at_ms, row, device, log, seq, line, status, words, sink)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (r.at_ms, r.row, r.device, r.log, r.seq, r.line, r.status, r.words, self.sink)
                    for r in refused
                ],
            )
            if refused:
                self._db.execute(
                    "DELETE FROM refused WHERE sink = ? AND id <= (SELECT id FROM refused WHERE sink = ?"
                    " ORDER BY id DESC LIMIT 1 OFFSET ?)",
                    (self.sink, self.sink, MAX_REFUSED),
                )
            self._db.execute(
                "UPDATE sinks SET epoch = ?, live = ?, backlog = ?, revision = ?, lines = ?, refused = ?,"
                " proof = ? WHERE name = ?",
                (
                    plan.epoch,
                    plan.live,
                    msgspec.json.encode(plan.backlog).decode(),
                    progress.revision,
                    progress.lines,
                    progress.refused,
                    progress.proof,
                    self.sink,
                ),
            )

    def to_retry(self, limit: int) -> list[tuple[int, RefusedLine]]:
        """Refused lines that an operator wants to be written again, with their ids, oldest first."""
        query = f"SELECT id, {_REFUSED[7:]} WHERE sink = ? AND retry = 1 ORDER BY id LIMIT ?"
        return [(row[0], _refused(row[1:])) for row in self._db.execute(query, (self.sink, limit))]

    def refused(self) -> tuple[int, RefusedLine | None]:
        """How many refused lines are kept, and the newest of them."""
        (count,) = self._db.execute("SELECT count(*) FROM refused WHERE sink = ?", (self.sink,)).fetchone()
        newest = self._db.execute(
            f"{_REFUSED} WHERE sink = ? ORDER BY id DESC LIMIT 1", (self.sink,)
        ).fetchone()
        return count, _refused(newest) if newest else None

    def data_version(self) -> int:
        """A number that changes when somebody else has committed to the file."""
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


_PROGRESS = "SELECT name, epoch, live, backlog, revision, lines, refused, proof FROM sinks"


def _progress(row: tuple[Any, ...]) -> Progress:
    epoch, live, backlog, revision, lines, refused, proof = row
    spans = tuple(Span(*span) for span in msgspec.json.decode(backlog, type=list[tuple[int, int]]))
    return Progress(Plan(epoch, live, spans), revision, lines, refused, proof)


def _refused(row: tuple[Any, ...]) -> RefusedLine:
    return msgspec.convert(row, RefusedLine, strict=False)


def read_all_progress(store: Path) -> dict[str, Progress]:
    """What another process may know of each sink that ever ran."""
    return {row[0]: _progress(row[1:]) for row in _query(store, _PROGRESS)}


def read_progress(store: Path, sink: str = FIRST) -> Progress:
    """What another process may know of a sink; zeroes before it first ran."""
    return read_all_progress(store).get(sink, Progress())


def read_refused(store: Path, limit: int = 100, sink: str | None = None) -> list[RefusedLine]:
    """What the databases refused, newest first; of one sink, or of all."""
    query = f"{_REFUSED} WHERE sink = coalesce(?, sink) ORDER BY id DESC LIMIT ?"
    return [_refused(row) for row in _query(store, query, (sink, limit))]


def count_refused(store: Path) -> dict[tuple[str, int, str], tuple[int, bool]]:
    """How many refused lines are kept by (sink, status, words), and whether any of them is to be retried."""
    query = "SELECT sink, status, words, count(*), max(retry) FROM refused GROUP BY sink, status, words"
    return {(row[0], row[1], row[2]): (row[3], bool(row[4])) for row in _query(store, query)}


def retry_refused(store: Path, sink: str | None = None) -> int:
    """Ask the writer to write refused lines again; how many. It does so within seconds, when it runs."""
    done = _query(
        store, "UPDATE refused SET retry = 1 WHERE sink = coalesce(?, sink) RETURNING id", (sink,), write=True
    )
    return len(done)


def forget_refused(store: Path, sink: str | None = None) -> int:
    """Drop refused lines from the list; how many. The journal keeps the records."""
    query = "DELETE FROM refused WHERE sink = coalesce(?, sink) RETURNING id"
    return len(_query(store, query, (sink,), write=True))


def _query(store: Path, query: str, values: tuple[Any, ...] = (), *, write: bool = False) -> list[Any]:
    path = store / FILE
    if not path.exists():
        return []
    uri = f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        if not write:
            db.execute("PRAGMA query_only = ON")
        if db.execute("PRAGMA user_version").fetchone()[0] != len(MIGRATIONS):
            return []  # the writer is about to bring it up to date
        return db.execute(query, values).fetchall()
    finally:
        db.close()
