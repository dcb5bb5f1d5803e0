"""commands.db in the store: every command and every revision of settings, and what became of it.

Written by whoever asks (`huishou device`) and by intake, which sends and joins replies. WAL with
`synchronous=FULL`: what was asked for is on disk before anybody is told that it was.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.commands.errors import AskError
from gateway.commands.model import Standing
from gateway.commands.reader import BUSY_S, SELECT, Asked, CommandReader, Wanted, asked

KEEP = 10_000  # ended commands; the oldest go
MAX_OPEN = 64  # of one device
RESTORED_MS, REV_FLOOR = "restored_ms", "rev_floor"  # of `meta`: see gateway.commands.standdown

_SCHEMA = """
CREATE TABLE IF NOT EXISTS commands (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    device TEXT NOT NULL,
    name TEXT NOT NULL,
    args TEXT NOT NULL,               -- JSON
    who TEXT NOT NULL,                -- who asked for it
    issued_ms INTEGER NOT NULL,       -- ms since 1970 UTC, as all times here
    exp_ms INTEGER NOT NULL,
    body BLOB NOT NULL,               -- signed, as it is sent
    retain INTEGER NOT NULL,          -- 1: kept by the broker until it has ended; 2: taken back
    copies INTEGER NOT NULL DEFAULT 0,
    sent_ms INTEGER,
    state TEXT NOT NULL DEFAULT 'waiting',
    code TEXT NOT NULL DEFAULT '',
    ended INTEGER NOT NULL DEFAULT 0,
    result TEXT,                      -- JSON
    heard_ms INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS commands_open ON commands (device) WHERE ended = 0;
CREATE TABLE IF NOT EXISTS desired (
    device TEXT NOT NULL,
    rev INTEGER NOT NULL,
    config TEXT NOT NULL,             -- JSON
    who TEXT NOT NULL,
    issued_ms INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (device, rev)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""


def new_id(now_ms: int) -> str:
    """An id that sorts by time and that nobody else draws."""
    return f"{now_ms:011x}{secrets.token_hex(4)}"


class CommandStore(CommandReader):
    """commands.db of a store. Methods raise sqlite3.Error when the disk or the file does not do its part."""

    def __init__(self, store: Path) -> None:
        super().__init__(store)
        store.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():  # settings hold passwords
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        self._db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _rows(self, sql: str, values: Iterable[Any]) -> list[Any]:
        return self._db.execute(sql, tuple(values)).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    # Commands

    def ask(
        self,
        id_: str,
        device: str,
        name: str,
        args: Mapping[str, Any],
        who: str,
        issued_ms: int,
        exp_ms: int,
        body: bytes,
        *,
        retain: bool,
    ) -> None:
        """Keep a command to be sent. Raises AskError `too-many` when the device has too many open."""
        with self.transaction():
            (count,) = self._db.execute(
                "SELECT count(*) FROM commands WHERE device = ? AND ended = 0 AND state != 'unknown'",
                (device,),
            ).fetchone()
            if count >= MAX_OPEN:
                raise AskError("too-many", f"{device} has {count} open commands: wait for them.")
            self._db.execute(
                "INSERT INTO commands (id, device, name, args, who, issued_ms, exp_ms, body, retain)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (id_, device, name, json.dumps(args), who, issued_ms, exp_ms, body, int(retain)),
            )
            self._db.execute(
                "DELETE FROM commands WHERE ended = 1 AND number <= (SELECT max(number) FROM commands) - ?",
                (KEEP,),
            )

    def open(self, after_ms: int = 0) -> list[Asked]:
        """Those that have not ended, oldest first, and those that the broker still keeps. `after_ms`: only
        those that expire after it."""
        rows = self._db.execute(
            f"{SELECT} WHERE (ended = 0 AND exp_ms > ?) OR (ended = 1 AND retain = 1) ORDER BY number",
            (after_ms,),
        )
        return [asked(row) for row in rows]

    def sent(self, id_: str, now_ms: int) -> None:
        """A copy goes out."""
        self._db.execute(
            "UPDATE commands SET copies = copies + 1, sent_ms = ?,"
            " state = CASE state WHEN 'waiting' THEN 'sent' ELSE state END WHERE id = ?",
            (now_ms, id_),
        )

    def stands(
        self, id_: str, standing: Standing, heard_ms: int | None = None, result: object = None
    ) -> None:
        """Another state. `heard_ms`: by a reply that came then."""
        self._db.execute(
            "UPDATE commands SET state = ?, code = ?, ended = ?, heard_ms = coalesce(?, heard_ms),"
            " result = coalesce(?, result) WHERE id = ?",
            (
                standing.state.value,
                standing.code,
                int(standing.ended),
                heard_ms,
                None if result is None else json.dumps(result, ensure_ascii=False),
                id_,
            ),
        )

    def taken_back(self, id_: str) -> None:
        """The broker no longer keeps it."""
        self._db.execute("UPDATE commands SET retain = 2 WHERE id = ?", (id_,))

    # Settings

    def desire(self, wanted: Wanted) -> None:
        """Keep a revision to be sent. Raises AskError `revision-taken` when somebody was faster."""
        try:
            self._db.execute(
                "INSERT INTO desired (device, rev, config, who, issued_ms, body) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    wanted.device,
                    wanted.rev,
                    json.dumps(wanted.config, ensure_ascii=False),
                    wanted.who,
                    wanted.issued_ms,
                    wanted.body,
                ),
            )
        except sqlite3.IntegrityError:
            raise AskError(
                "revision-taken",
                f"Revision {wanted.rev} of {wanted.device} was made meanwhile.",
            ) from None

    def restored(self) -> tuple[int, int]:
        """When this was put in force from a backup, in ms since 1970 (0: never was), and the revision of
        settings above which new ones are made."""
        found = self._meta()
        return int(found.get(RESTORED_MS, 0)), int(found.get(REV_FLOOR, 0))

    # Where the joining is

    def cursor(self) -> tuple[str, int]:
        """(epoch of the journal, number of the last reply that was joined)."""
        found = self._meta()
        return found.get("epoch", ""), int(found.get("reply", 0))

    def _meta(self) -> dict[str, str]:
        return dict(self._db.execute("SELECT name, value FROM meta").fetchall())

    def joined(self, epoch: str, reply: int) -> None:
        """All replies up to this one are joined."""
        self._db.executemany(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            [("epoch", epoch), ("reply", str(reply))],
        )
