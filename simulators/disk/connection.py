"""An SQLite connection to a simulated disk that behaves as one of the standard library's sqlite3 does.

As far as a program uses it that leaves transactions to SQL (`isolation_level=None`). Errors are sqlite3's,
with their `sqlite_errorcode` and `sqlite_errorname`.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import apsw

from simulators.disk.disk import Disk


class Connection:
    """Opens `path` (a path, or a `file:` URI with `uri`) on a disk."""

    def __init__(
        self,
        disk: Disk,
        path: str | Path,
        *,
        timeout: float = 5.0,
        uri: bool = False,
        **_sqlite3_only: Any,
    ) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        with _translated():
            self._db = apsw.Connection(
                str(path), flags=flags | (apsw.SQLITE_OPEN_URI if uri else 0), vfs=disk.vfs
            )
            self._db.set_busy_timeout(int(timeout * 1000))

    def execute(self, sql: str, values: Iterable[Any] = ()) -> "Cursor":
        """Run one statement."""
        return self.cursor().execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Iterable[Any]]) -> "Cursor":
        """Run one statement for each row of values."""
        return self.cursor().executemany(sql, rows)

    def executescript(self, sql: str) -> "Cursor":
        """Run several statements."""
        return self.cursor().execute(sql, ())

    def cursor(self) -> "Cursor":
        """A cursor of its own."""
        return Cursor(self._db)

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    @property
    def total_changes(self) -> int:
        return self._db.total_changes()

    def commit(self) -> None:
        if self.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        with suppress(apsw.Error):  # sqlite3 does not tell either when the last checkpoint failed
            self._db.close(force=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, tb: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()


class Cursor:
    """Runs statements and hands out rows, as tuples."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._cursor = db.cursor()
        self.rowcount = -1
        self.lastrowid: int | None = None

    def execute(self, sql: str, values: Iterable[Any] = ()) -> "Cursor":
        before = self._db.total_changes()
        with _translated():
            self._cursor.execute(sql, tuple(values))
        self._after(before)
        return self

    def executemany(self, sql: str, rows: Iterable[Iterable[Any]]) -> "Cursor":
        before = self._db.total_changes()
        with _translated():
            self._cursor.executemany(sql, (tuple(row) for row in rows))
        self._after(before)
        return self

    def fetchone(self) -> Any:
        with _translated():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with _translated():
            return self._cursor.fetchall()

    def __iter__(self) -> Iterator[Any]:
        while (row := self.fetchone()) is not None:
            yield row

    def close(self) -> None:
        self._cursor.close(force=True)

    def _after(self, changes_before: int) -> None:
        self.rowcount = self._db.total_changes() - changes_before
        self.lastrowid = self._db.last_insert_rowid()


@contextmanager
def _translated() -> Iterator[None]:
    """apsw's errors as sqlite3's."""
    try:
        yield
    except apsw.Error as err:
        kind: type[sqlite3.Error] = sqlite3.OperationalError
        if isinstance(err, apsw.ConstraintError):
            kind = sqlite3.IntegrityError
        elif isinstance(err, apsw.CorruptError | apsw.NotADBError):
            kind = sqlite3.DatabaseError
        told = kind(str(err))
        code: int = getattr(err, "extendedresult", -1)  # what apsw itself finds has no code of SQLite's
        told.sqlite_errorcode = code
        told.sqlite_errorname = str(
            apsw.mapping_result_codes.get(code)
            or apsw.mapping_extended_result_codes.get(code)
            or "SQLITE_ERROR"
        )
        raise told from err
