"""state.db: the projection on disk. Disposable: a missing, old or broken file is made again from the journal.

One writer (the projector's thread) and readers (request handlers, each with a connection of its own).
Everything in it is bounded: samples by age, recent records by number.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from gateway.logs import WARNING, Event
from gateway.web.projection.model import DeviceState

_BROKEN = Event(
    "projection-broken",
    "{file} is made anew from the journal: {why}",
    level=WARNING,
    doc="The page's own database was damaged or of another version; it is disposable.",
)

FORMAT = 4  # raise when the schema or the meaning of a column changes: the file is then made anew
BUCKET_MS = 15 * 60_000  # tallies by quarter of an hour: every time zone's midnight falls on one
KEEP_RECENT = 100_000  # readings and positions in the list of what came in
KEEP_EVENTS = 200_000  # all other records in it: a busy truck must not push out a bin's last week
KEEP_MS = {  # samples for charts and sums, by the record's own time
    "reading": 8 * 86_400_000,
    "deposit": 8 * 86_400_000,
    "collect": 8 * 86_400_000,
    "weigh": 8 * 86_400_000,
    "position": 86_400_000,
}
KEEP_TALLIES_MS = 40 * 86_400_000

_EVENT = "kind IS NOT 'position' AND kind IS NOT 'reading'"
"""Something happened. An index serves a query only when this stands in both in the same words."""
_ODD = "outcome IS NOT 'accepted'"

SCHEMA = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE device (device TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE sample (
    device TEXT NOT NULL, kind TEXT NOT NULL, t INTEGER NOT NULL, seq INTEGER NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (device, kind, t, seq)
) WITHOUT ROWID;
CREATE INDEX sample_by_time ON sample (kind, t);
CREATE TABLE recent (
    pos INTEGER PRIMARY KEY, received_ms INTEGER NOT NULL, device TEXT NOT NULL, log TEXT NOT NULL,
    seq INTEGER, t INTEGER, kind TEXT, outcome TEXT NOT NULL, codes TEXT NOT NULL, record BLOB NOT NULL
);
CREATE INDEX recent_by_device ON recent (device, pos);
CREATE INDEX recent_by_number ON recent (device, log, seq);
CREATE INDEX recent_by_kind ON recent (kind, pos) WHERE {_EVENT};
CREATE INDEX recent_by_outcome ON recent (outcome, pos) WHERE {_ODD};
CREATE INDEX recent_events ON recent (pos) WHERE {_EVENT};
CREATE INDEX recent_device_events ON recent (device, pos) WHERE {_EVENT};
CREATE TABLE tally (bucket_ms INTEGER NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,
    PRIMARY KEY (bucket_ms, name)) WITHOUT ROWID;
"""


class Recent(msgspec.Struct, frozen=True):
    """A record as it came in: what, when, and what the gateway decided. `record` is its exact text."""

    pos: int
    received_ms: int
    device: str
    log: str
    seq: int | None
    t: int | None
    kind: str | None
    outcome: str
    codes: tuple[str, ...]
    record: bytes


class Sample(msgspec.Struct, frozen=True):
    """A record kept for charts and sums, at the time it speaks of."""

    device: str
    kind: str
    t: int
    seq: int
    record: bytes


class StateStore:
    """The writer's side. `open` makes the file anew when it cannot be used as it is."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def open(cls, file: Path) -> "StateStore":
        """Open or make state.db. Raises sqlite3.Error when the place cannot be written to."""
        try:
            return cls(_connect(file))
        except sqlite3.DatabaseError as err:
            _BROKEN(file=str(file), why=str(err))
            delete(file)
            return cls(_connect(file))

    def close(self) -> None:
        self._db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what a batch of the journal changes, and the cursor that says so."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def meta(self, name: str) -> int:
        row = self._db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def set_meta(self, name: str, value: int) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def states(self) -> dict[str, DeviceState]:
        rows = self._db.execute("SELECT state FROM device")
        decoder = msgspec.json.Decoder(DeviceState)
        return {state.device: state for state in (decoder.decode(row[0]) for row in rows)}

    def save_states(self, states: Iterable[DeviceState]) -> None:
        encoder = msgspec.json.Encoder()
        rows = [(state.device, encoder.encode(state)) for state in states]
        self._db.executemany("INSERT OR REPLACE INTO device VALUES (?, ?)", rows)

    def add_samples(self, samples: Iterable[Sample]) -> None:
        rows = [(s.device, s.kind, s.t, s.seq, s.record) for s in samples]
        self._db.executemany("INSERT OR IGNORE INTO sample VALUES (?, ?, ?, ?, ?)", rows)

    def add_recent(self, records: Iterable[Recent]) -> None:
        rows = [(*msgspec.structs.astuple(r)[:-2], " ".join(r.codes), r.record) for r in records]
        self._db.executemany("INSERT INTO recent VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def find_recent(self, device: str, log: str, seq: int) -> Recent | None:
        """The list entry of a record; None: it is not (or no longer) in the list."""
        row = self._db.execute(
            "SELECT * FROM recent WHERE device = ? AND log = ? AND seq = ? ORDER BY pos LIMIT 1",
            (device, log, seq),
        ).fetchone()
        return _recent(row) if row else None

    def rejudge(self, records: Iterable[Recent]) -> None:
        """Entries of the list that were judged anew."""
        rows = [(r.outcome, " ".join(r.codes), r.t, r.pos) for r in records]
        self._db.executemany("UPDATE recent SET outcome = ?, codes = ?, t = ? WHERE pos = ?", rows)

    def remove_samples(self, samples: Iterable[Sample]) -> None:
        rows = [(s.device, s.kind, s.t, s.seq) for s in samples]
        self._db.executemany("DELETE FROM sample WHERE device = ? AND kind = ? AND t = ? AND seq = ?", rows)

    def add_tally(self, bucket_ms: int, name: str, value: int) -> None:
        self._db.execute(
            "INSERT INTO tally VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
            (bucket_ms, name, value),
        )

    def prune(self, now_ms: int) -> None:
        """Drop what is over the bounds."""
        for kind, keep_ms in KEEP_MS.items():
            self._db.execute("DELETE FROM sample WHERE kind = ? AND t < ?", (kind, now_ms - keep_ms))
        self._db.execute("DELETE FROM tally WHERE bucket_ms < ?", (now_ms - KEEP_TALLIES_MS,))
        for where, keep in (
            ("kind IN ('position', 'reading')", KEEP_RECENT),
            (_EVENT, KEEP_EVENTS),
        ):
            last = f"SELECT pos FROM recent WHERE {where} ORDER BY pos DESC LIMIT 1 OFFSET ?"  # noqa: S608
            self._db.execute(f"DELETE FROM recent WHERE {where} AND pos <= ({last})", (keep,))  # noqa: S608


class StateReader:
    """The readers' side: one short read-only connection per call, safe from any thread."""

    def __init__(self, file: Path) -> None:
        self._uri = f"{file.absolute().as_uri()}?mode=ro"

    def recent(
        self,
        *,
        device: str | None = None,
        kind: str | None = None,
        outcome: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Recent]:
        """What came in, the newest first; `before` is the `pos` to go on below."""
        wanted = {"device = ?": device, "kind = ?": kind, "outcome = ?": outcome, "pos < ?": before}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        # What is rare has an index of its own; what is common is soon met on the way back.
        rare = [_EVENT] if kind not in (None, "position", "reading") else []
        rare += [_ODD] if outcome not in (None, "accepted") else []
        clauses = [*given, *rare]
        where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
        sql = f"SELECT * FROM recent {where} ORDER BY pos DESC LIMIT ?"  # noqa: S608 - clauses are the literals above
        return [_recent(row) for row in self._rows(sql, (*given.values(), limit))]

    def events(self, limit: int, device: str | None = None) -> list[Recent]:
        """The newest records in which something happened: all but what every device says all the time."""
        of = "" if device is None else "device = ? AND "
        sql = f"SELECT * FROM recent WHERE {of}{_EVENT} ORDER BY pos DESC LIMIT ?"  # noqa: S608 - literals
        return [_recent(row) for row in self._rows(sql, (limit,) if device is None else (device, limit))]

    def samples(self, device: str, kind: str, since_ms: int, limit: int = 20_000) -> list[Sample]:
        """One device's samples of a kind, in the order of their time; the newest `limit` of them."""
        sql = (
            "SELECT * FROM sample WHERE device = ? AND kind = ? AND t >= ? ORDER BY t DESC, seq DESC LIMIT ?"
        )
        return [Sample(*row) for row in self._rows(sql, (device, kind, since_ms, limit))][::-1]

    def deposits_since(self, since_ms: int) -> dict[str, tuple[int, int]]:
        """(number, grams) of deposits by device."""
        sql = (
            "SELECT device, count(*), sum(json_extract(CAST(record AS TEXT), '$.net_g')) FROM sample"
            " WHERE kind = 'deposit' AND t >= ? GROUP BY device"
        )
        return {row[0]: (row[1], row[2] or 0) for row in self._rows(sql, (since_ms,))}

    def tallies(self, since_ms: int) -> dict[str, int]:
        """Sums of all tallies since a time (rounded down to its bucket)."""
        sql = "SELECT name, sum(value) FROM tally WHERE bucket_ms >= ? GROUP BY name"
        return dict(self._rows(sql, (since_ms - since_ms % BUCKET_MS,)))

    def _rows(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self._uri, uri=True, timeout=5)) as db:
            return db.execute(sql, parameters).fetchall()


def _recent(row: Any) -> Recent:
    pos, received_ms, device, log_, seq, t, kind, outcome, codes, record = row
    return Recent(pos, received_ms, device, log_, seq, t, kind, outcome, tuple(codes.split()), record)


def delete(file: Path) -> None:
    """Remove the projection with its side files."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _connect(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=5)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")  # a lost tail is read from the journal again
        db.execute("PRAGMA wal_autocheckpoint = 4000")  # pages that many batches touch are copied once
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and version != FORMAT:
            raise sqlite3.DatabaseError(  # noqa: TRY301 - as for any file that is no database
                f"format {version}, not {FORMAT}"
            )
        if not tables:
            db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {FORMAT}; COMMIT;")
    except BaseException:
        db.close()
        raise
    return db
