"""The reading side of the journal: any process, any number of them, never in the writer's way.

A journal that does not exist yet reads as an empty one, so that the processes may start in any order.
"""

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.journal.model import Counters, JournalError, LogMark, Loss, Refusal, Reply, Row, StateRow
from gateway.journal.schema import MIGRATIONS
from gateway.journal.sqlite import FILE

BUSY_S = 10.0
_ROW = (
    "SELECT b.id, b.received_ms, l.device, l.log, b.first, b.last, b.body, b.notes"
    " FROM bodies b JOIN logs l ON l.id = b.log_id"
)
_REFUSAL = "SELECT id, received_ms, device, channel, log, seq, code, detail, body, size FROM quarantine"


class JournalReader:
    """Reads the journal of a store. May be shared by threads; each call is one short read transaction.

    Every method raises JournalError when the file is there and cannot be read.
    """

    def __init__(self, store: Path) -> None:
        self.path = store / FILE
        self._db: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def read(self, after: int, limit: int, device: str | None = None) -> list[Row]:
        """Up to `limit` rows behind the cursor `after` (0: from the start), in the journal's order."""
        return self._rows("b.id > ?", after, "ASC", limit, device)

    def read_back(self, before: int | None, limit: int, device: str | None = None) -> list[Row]:
        """Up to `limit` rows before the cursor (None: from the end), newest first."""
        return self._rows("b.id < ?", 2**62 if before is None else before, "DESC", limit, device)

    def end(self) -> int:
        """The cursor of the newest row; 0: there is none."""
        return int(self._one("SELECT coalesce(max(id), 0) FROM bodies") or 0)

    def oldest_ms(self, after: int) -> int | None:
        """When the first row behind the cursor was received (ms since 1970 UTC); None: there is none."""
        value = self._one("SELECT received_ms FROM bodies WHERE id > ? ORDER BY id LIMIT 1", (after,))
        return None if value is None else int(value)

    def data_version(self) -> int:
        """A number that changes when anything was committed since the last call (`PRAGMA data_version`)."""
        return int(self._one("PRAGMA data_version") or 0)

    def hwm(self, device: str, log: str) -> int | None:
        """Up to which number a log is known without a gap; None: nothing yet."""
        value = self._one("SELECT hwm FROM logs WHERE device = ? AND log = ? AND hwm >= 0", (device, log))
        return None if value is None else int(value)

    def logs(self) -> list[LogMark]:
        """How far each log is known."""
        rows = self._query("SELECT device, log, hwm, top FROM logs ORDER BY device, log")
        return [LogMark(*row) for row in rows]

    def losses(self, after: int = 0, limit: int = 1000) -> list[Loss]:
        """What devices declared as lost, oldest first."""
        rows = self._query(
            "SELECT l.device, l.log, x.first, x.last, x.declared_ms"
            " FROM losses x JOIN logs l ON l.id = x.log_id WHERE x.id > ? ORDER BY x.id LIMIT ?",
            (after, limit),
        )
        return [Loss(*row) for row in rows]

    def lost(self) -> int:
        """How many records devices declared as lost, in all."""
        return int(self._one("SELECT coalesce(sum(last - first + 1), 0) FROM losses") or 0)

    def quarantine(
        self, before: int | None = None, limit: int = 100, code: str | None = None, device: str | None = None
    ) -> list[Refusal]:
        """Refused records and messages, newest first.

        Those before the cursor `before` (None: from the end); of one code, of one device.
        """
        rows = self._query(
            f"{_REFUSAL} WHERE id < ? AND code = coalesce(?, code) AND device = coalesce(?, device)"
            " ORDER BY id DESC LIMIT ?",
            (2**62 if before is None else before, code, device, limit),
        )
        return [Refusal(*row) for row in rows]

    def quarantined(self, id_: int) -> Refusal | None:
        """One entry of the quarantine."""
        rows = self._query(f"{_REFUSAL} WHERE id = ?", (id_,))
        return Refusal(*rows[0]) if rows else None

    def states(self, device: str | None = None) -> list[StateRow]:
        """The latest `up/state` of each device, or of one."""
        rows = self._query(
            "SELECT device, received_ms, body FROM states WHERE device = coalesce(?, device) ORDER BY device",
            (device,),
        )
        return [StateRow(*row) for row in rows]

    def replies(self, after: int, limit: int) -> list[tuple[int, Reply]]:
        """Replies to commands behind a cursor, with their cursors."""
        rows = self._query(
            "SELECT id, received_ms, device, body FROM replies WHERE id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [(row[0], Reply(*row[1:])) for row in rows]

    def counters(self) -> Counters:
        """What arrived and what became of it since the journal was created, at one instant."""
        received, outcomes, messages = 0, {}, {}
        for name, key, value in self._query("SELECT name, key, value FROM counters"):
            if name == "received":
                received = value
            elif name == "outcome":
                outcome, _, code = key.partition("/")
                outcomes[outcome, code] = value
            elif name == "message":
                messages[key] = value
        return Counters(received, outcomes, messages)

    def _rows(self, where: str, cursor: int, order: str, limit: int, device: str | None) -> list[Row]:
        if device is None:
            query = f"{_ROW} WHERE {where} ORDER BY b.id {order} LIMIT ?"
            return [Row(*row) for row in self._query(query, (cursor, limit))]
        # Log by log, so that each query walks an index however long the device has been silent.
        query = f"{_ROW} WHERE b.log_id = ? AND {where} ORDER BY b.id {order} LIMIT ?"
        found: list[Row] = []
        for (log_id,) in self._query("SELECT id FROM logs WHERE device = ?", (device,)):
            found += [Row(*row) for row in self._query(query, (log_id, cursor, limit))]
        found.sort(key=lambda row: row.id, reverse=order == "DESC")
        return found[:limit]

    def _one(self, query: str, values: Iterable[Any] = ()) -> Any:
        rows = self._query(query, values)
        return rows[0][0] if rows else None

    def _query(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        with self._lock:
            try:
                db = self._open()
                return [] if db is None else db.execute(query, tuple(values)).fetchall()
            except sqlite3.Error as err:
                raise JournalError(
                    f"{self.path}: cannot be read: {err}. Check its permissions and the health of the disk."
                ) from err

    def _open(self) -> sqlite3.Connection | None:
        if self._db is not None:
            return self._db
        if not self.path.exists():
            return None
        # Not `mode=ro`: after a crash the first to open a WAL database must be able to recover it.
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        db.execute("PRAGMA query_only = ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version != len(MIGRATIONS):
            db.close()
            if version == 0:
                return None  # intake is about to make it
            raise JournalError(
                f"{self.path}: has version {version}, this program reads {len(MIGRATIONS)}. "
                "Stop all processes of the gateway, then start them from one installation."
            )
        self._db = db
        return db
