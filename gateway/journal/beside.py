"""commands.db in a backup of the journal: what was asked of devices goes with what they answered.

A backup is one file that is whole or not there, so commands.db travels inside of it: one value of a table
that a journal in use does not have.
"""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from zlib import crc32

from gateway.commands.reader import BUSY_S, FILE

_CREATE = "CREATE TABLE beside (name TEXT PRIMARY KEY, content BLOB NOT NULL, crc INTEGER NOT NULL) STRICT"
_IS_THERE = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'beside'"
_CONTENT = "SELECT content, crc FROM beside WHERE name = ?"
_SIDE = ("", "-wal", "-shm", "-journal")


def put_in(store: Path, backup: Path) -> int | None:
    """Put a store's commands.db, as it stands at this instant, into a copy of its journal.

    How many commands it holds; None: nothing was ever asked. Raises sqlite3.Error, OSError.
    """
    source = store / FILE
    if not source.exists():
        return None
    part = backup.with_name(f"{backup.name}.commands")
    try:
        make_private(part)
        _copy(source, part)
        number = _count(part)
        content = part.read_bytes()
    finally:
        remove(part)
    with closing(sqlite3.connect(backup, isolation_level=None)) as db:
        db.execute(_CREATE)
        db.execute("INSERT INTO beside VALUES (?, ?, ?)", (FILE, content, crc32(content)))
    return number


def problem(db: sqlite3.Connection) -> str:
    """What is wrong with the commands.db in a backup; "": nothing, or it has none. Raises sqlite3.Error."""
    if not db.execute(_IS_THERE).fetchone()[0]:
        return ""
    for content, crc in db.execute(_CONTENT, (FILE,)):
        if crc32(content) != crc:
            return f"check sum {crc} does not fit its content"
        with closing(sqlite3.connect(":memory:")) as found:
            found.deserialize(content)
            (words,) = found.execute("PRAGMA integrity_check(1)").fetchone()
        if words != "ok":
            return str(words)
    return ""


def has(db: sqlite3.Connection) -> bool:
    """Whether a backup holds a commands.db. Raises sqlite3.Error."""
    return bool(db.execute(_IS_THERE).fetchone()[0] and db.execute(_CONTENT, (FILE,)).fetchone())


def take_out(db: sqlite3.Connection, file: Path) -> None:
    """Write the commands.db of a backup to `file`, which only this user may read. Raises sqlite3.Error,
    OSError.
    """
    make_private(file)
    file.write_bytes(db.execute(_CONTENT, (FILE,)).fetchone()[0])


def drop(db: sqlite3.Connection) -> None:
    """Take it out of a copy that becomes a journal, with every byte: settings hold passwords."""
    db.execute("PRAGMA secure_delete = ON")
    db.execute("DROP TABLE IF EXISTS beside")


def readable(store: Path) -> bool:
    """Whether a store has a commands.db that is sound."""
    try:
        return (store / FILE).exists() and _count(store / FILE) >= 0
    except sqlite3.Error:
        return False


def make_private(file: Path) -> None:
    """An empty file that only this user may read."""
    remove(file)
    os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def remove(file: Path) -> None:
    """A database file and what lies beside it, as far as it is there."""
    for suffix in _SIDE:
        with suppress(FileNotFoundError):
            file.with_name(file.name + suffix).unlink()


def _copy(source: Path, target: Path) -> None:
    uri = f"{source.absolute().as_uri()}?mode=rw"  # the first after a crash must be able to recover it
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as db,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, which can be deserialised


def _count(file: Path) -> int:
    """How many commands it holds. Raises sqlite3.Error when it is not sound."""
    uri = f"{file.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as db:
        (words,) = db.execute("PRAGMA integrity_check(1)").fetchone()
        if words != "ok":
            raise sqlite3.DatabaseError(words)
        db.execute("SELECT count(*) FROM desired").fetchone()
        return int(db.execute("SELECT count(*) FROM commands").fetchone()[0])
