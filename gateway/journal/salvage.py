"""When the journal's file is damaged: what can be read goes into a new file, the rest is declared lost.

The damaged file is set aside under a dated name and never touched again; the new one has the same row
numbers, a new epoch, and only rows whose check sums hold. What is missing below a log's mark was
acknowledged, so no device holds it any more: a loss with the cause `damage`. What is missing above comes
again by itself.

The new file is built beside the old one and takes its place in steps that a restart carries on with
(`finish`), so being killed at any moment costs only the time.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.journal import epochs, marks
from gateway.journal.bodies import checksum
from gateway.journal.errors import FAILURES, JournalFullError
from gateway.journal.schema import FILE, MIGRATIONS, migrate

BUILDING = "journal.salvage.tmp"  # unfinished: worthless
SUSPECT = "journal.suspect"  # made by a reader that met damage: what it needs, no append may touch
SET_ASIDE = "journal-corrupt-*.db"
BUILT = "journal.salvaged.db"  # finished: takes the journal's place
CHUNK = 1024  # row numbers read at a time; halved where that fails
PROBES = 200_000  # failed reads in one table before what is left of it is given up

# Without `meta`: upkeep begins anew. Those with an `id` are read by ranges of it, the others from both ends.
BY_ID = ("epochs", "logs", "losses", "quarantine", "replies", "revisions")
BY_KEY = ("states", "counters", "drops")

Connect = Callable[..., Any]
Progress = Callable[[str], None]


class Salvaged(Struct):
    """What came of it. `unsound`: rows whose check sum did not hold; `lost`: records declared as lost."""

    set_aside: str = ""
    rows: int = 0
    unsound: int = 0
    lost: int = 0
    unreadable: tuple[str, ...] = ()  # tables of which something could not be read


def salvage(store: Path, now_ms: int, connect: Connect, progress: Progress) -> Salvaged:
    """Make a sound journal of a damaged one, and put it in its place.

    The caller has closed its own connections; readers of other processes notice the new file by themselves.
    Raises JournalError, sqlite3.Error, OSError: nothing has changed then, and it may be tried again.
    """
    old = store / FILE
    size = sum(file.stat().st_size for file in (old, _wal(old)) if file.exists())
    free = shutil.disk_usage(store).free
    if free < size:
        raise JournalFullError(
            f"{old} is damaged; to salvage it takes {size / 1e6:.0f} MB, {free / 1e6:.0f} MB are free. "
            "Make room on the disk; nothing else is needed."
        )
    new = store / BUILDING
    for file in (new, _wal(new), new.with_name(new.name + "-journal")):
        file.unlink(missing_ok=True)
    source = connect(old, timeout=1.0, isolation_level=None, check_same_thread=False)
    try:
        target = connect(new, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            done = _copy(source, target, now_ms, progress)
        finally:
            target.close()
    finally:
        source.close()
    _sync(new)
    new.replace(store / BUILT)
    done.set_aside = finish(store)
    return done


def finish(store: Path) -> str:
    """Put a salvaged journal in place, where one is ready; to be called before the journal is opened.

    Returns the name under which the damaged one was set aside; "": there was nothing to do.
    """
    built, journal = store / BUILT, store / FILE
    if not built.exists():
        return ""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(built.stat().st_mtime))
    aside = store / f"journal-corrupt-{stamp}.db"
    # The log first, then the file: a log beside the new file would be taken for its own.
    if _wal(journal).exists():
        _wal(journal).replace(_wal(aside))
    journal.with_name(journal.name + "-shm").unlink(missing_ok=True)
    if journal.exists() and not aside.exists():
        aside.hardlink_to(journal)  # there is a journal at every moment
    _sync(store)
    built.replace(journal)
    (store / SUSPECT).unlink(missing_ok=True)
    _sync(store)
    return aside.name


def _copy(
    source: sqlite3.Connection, target: sqlite3.Connection, now_ms: int, progress: Progress
) -> Salvaged:
    done = Salvaged()
    unreadable: list[str] = []
    version = _version(source)
    target.execute("PRAGMA journal_mode = DELETE")
    target.execute("PRAGMA synchronous = OFF")  # it is worth nothing before it is whole; then it is synced
    migrate(target, MIGRATIONS[:version])
    target.execute("BEGIN")
    for table in (*BY_ID, *BY_KEY):
        columns = _columns(target, table)
        if not columns:
            continue  # not in that version
        progress(f"salvaging {table}")
        target.execute(f"DELETE FROM {table}")  # noqa: S608 # the first epoch
        reading = _Reading(source, table, columns)
        for rows in reading.by_id() if table in BY_ID else reading.by_key():
            _insert(target, table, columns, rows)
        if reading.failed:
            unreadable.append(table)
    if "logs" in unreadable:
        marks.name_logs(source, target)
    columns = _columns(target, "bodies")
    reading = _Reading(source, "bodies", columns)
    for rows in reading.by_id():
        sound = [row for row in rows if _sound(columns, row)]
        done.unsound += len(rows) - len(sound)
        done.rows += len(sound)
        _insert(target, "bodies", columns, sound)
        progress(f"salvaging rows: {done.rows}")
    if reading.failed:
        unreadable.append("bodies")
    target.execute("COMMIT")
    migrate(target)
    target.execute("BEGIN")
    progress("salvaging: rebuilding the marks")
    done.lost = marks.rebuild(target, now_ms)
    if {"counters", "quarantine"} & set(unreadable):
        marks.recount(target)
    epochs.begin(target, now_ms, "damage")
    target.execute("COMMIT")
    done.unreadable = tuple(unreadable)
    return done


class _Reading:
    """Reads what can be read of one table. `failed`: something could not be."""

    def __init__(self, db: sqlite3.Connection, table: str, columns: list[str]) -> None:
        self.failed = False
        self._db = db
        self._table = table
        self._select = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 # names of our own schema
        self._probes = 0

    def by_id(self) -> Iterator[list[Any]]:
        """By ranges of `id`, halved where a read fails, so that only what is damaged is left out."""
        start, top = 1, self._top()
        while start <= top and self._probes < PROBES:
            yield from self._range(start, min(start + CHUNK - 1, top))
            start += CHUNK

    def by_key(self) -> Iterator[list[Any]]:
        """From both ends as far as that goes."""
        for order in ("ASC", "DESC"):
            rows = []
            try:
                for row in self._db.execute(f"{self._select} ORDER BY 1 {order}"):
                    rows.append(row)  # noqa: PERF402 # what came before an error is kept
            except FAILURES:
                self.failed = True
            yield rows
            if not self.failed:
                return

    def _range(self, first: int, last: int) -> Iterator[list[Any]]:
        where = "id = ?1" if first == last else "id BETWEEN ?1 AND ?2"
        values = (first,) if first == last else (first, last)
        try:
            rows = self._db.execute(f"{self._select} WHERE {where} ORDER BY id", values).fetchall()
        except FAILURES:
            self.failed = True
            self._probes += 1
            if first < last and self._probes < PROBES:
                middle = (first + last) // 2
                yield from self._range(first, middle)
                yield from self._range(middle + 1, last)
        else:
            if rows:
                yield rows

    def _top(self) -> int:
        """The greatest id: of the table, else of an index of it, else what its size allows."""
        for hint in ("", " INDEXED BY bodies_span") if self._table == "bodies" else ("",):
            try:
                (top,) = self._db.execute(f"SELECT max(id) FROM {self._table}{hint}").fetchone()  # noqa: S608
                return int(top or 0)
            except FAILURES:
                self.failed = True
        try:
            (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        except FAILURES:
            return 0
        return int(pages) * 64


def _insert(db: sqlite3.Connection, table: str, columns: list[str], rows: list[Any]) -> None:
    places = ", ".join("?" * len(columns))
    db.executemany(
        f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608
        rows,
    )


def _sound(columns: list[str], row: Any) -> bool:
    values = dict(zip(columns, row, strict=True))
    crc = values.get("crc")
    return crc is None or crc == checksum(values["first"], values["body"], values["notes"])


def _version(db: sqlite3.Connection) -> int:
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except FAILURES:
        return len(MIGRATIONS)
    return version if 0 < version <= len(MIGRATIONS) else len(MIGRATIONS)


def _columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})").fetchall()]


def _wal(file: Path) -> Path:
    return file.with_name(file.name + "-wal")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
