"""What stands in commands.db, for whoever only looks: the page, `huishou device commands`."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.commands.model import Standing, Word

FILE = "commands.db"
BUSY_S = 5.0
SELECT = (
    "SELECT id, device, name, args, who, issued_ms, exp_ms, body, retain, copies, sent_ms, state, code,"
    " ended, result, heard_ms FROM commands"
)
Mark = tuple[str, str, str, str]


class Asked(Struct, frozen=True):
    """A command as it stands."""

    id: str
    device: str
    name: str
    args: dict[str, Any]
    who: str
    issued_ms: int
    exp_ms: int
    body: bytes
    retain: int
    copies: int
    sent_ms: int | None
    state: str
    code: str
    ended: bool
    result: dict[str, Any] | None
    heard_ms: int | None

    @property
    def standing(self) -> Standing:
        return Standing(Word(self.state), self.code, self.ended)


class Wanted(Struct, frozen=True):
    """A revision of a device's settings."""

    device: str
    rev: int
    config: dict[str, Any]
    who: str
    issued_ms: int
    body: bytes


class CommandReader:
    """Reads commands.db of a store: a short connection of its own each call, so from any thread.

    A store in which nothing was ever asked reads as an empty one. Methods raise sqlite3.Error when the file
    is there and cannot be read.
    """

    def __init__(self, store: Path) -> None:
        self.path = store / FILE

    def command(self, id_: str) -> Asked | None:
        """One command."""
        rows = self._rows(f"{SELECT} WHERE id = ?", (id_,))
        return asked(rows[0]) if rows else None

    def commands(self, device: str | None = None, limit: int = 50) -> list[Asked]:
        """The latest commands, of one device or of all, newest first."""
        of = "" if device is None else " WHERE device = ?"
        values = (limit,) if device is None else (device, limit)
        return [asked(row) for row in self._rows(f"{SELECT}{of} ORDER BY number DESC LIMIT ?", values)]

    def desired(self, device: str | None = None) -> list[Wanted]:
        """The newest revision of each device, or of one."""
        rows = self._rows(
            "SELECT device, rev, config, who, issued_ms, body FROM desired d"
            " WHERE device = coalesce(?, device)"
            " AND rev = (SELECT max(rev) FROM desired WHERE device = d.device) ORDER BY device",
            (device,),
        )
        return [Wanted(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows]

    def marks(self, limit: int) -> set[Mark]:
        """How the newest `limit` commands stand, and the newest revisions; the device comes first in each.
        What is in only one of two looks has changed between them.
        """
        commands = self._rows(
            "SELECT device, id, state, code FROM commands ORDER BY number DESC LIMIT ?", (limit,)
        )
        revisions = self._rows("SELECT device, 'rev', max(rev), '' FROM desired GROUP BY device", ())
        return {(row[0], row[1], str(row[2]), row[3]) for row in [*commands, *revisions]}

    def touched(self) -> tuple[int, ...]:
        """Other numbers after each commit: time and size of the file and of its WAL, without opening them."""
        found: list[int] = []
        for file in (self.path, self.path.with_name(f"{FILE}-wal")):
            with suppress(OSError):
                facts = file.stat()
                found += (facts.st_mtime_ns, facts.st_size)
        return tuple(found)

    def _rows(self, sql: str, values: Iterable[Any]) -> list[Any]:
        if not self.path.exists():
            return []
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as db:
            return db.execute(sql, tuple(values)).fetchall()


def asked(row: tuple[Any, ...]) -> Asked:
    """A row of SELECT."""
    found = list(row)
    found[3], found[13] = json.loads(row[3]), bool(row[13])
    found[14] = None if row[14] is None else json.loads(row[14])
    return Asked(*found)
