"""The reading side of the journal: any process, any number of them, never in the writer's way.

A journal that does not exist yet reads as an empty one, so that the processes may start in any order.
"""

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from operator import lt
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from msgspec.structs import replace

from gateway.journal import epochs, gaps
from gateway.journal.epochs import Epoch, Place
from gateway.journal.errors import FAILURES, JournalCorruptError, JournalError, explained
from gateway.journal.model import Outcome, Reply
from gateway.journal.salvage import SUSPECT
from gateway.journal.schema import FILE, MIGRATIONS
from gateway.journal.sqlite import BUSY_S
from gateway.journal.stored import Counters, Gap, LogMark, Loss, Refusal, Revision, Row, StateRow, Stored

_ROW = (
    "SELECT b.id, b.received_ms, l.device, l.log, b.first, b.last, b.body, b.notes, b.crc"
    " FROM bodies b JOIN logs l ON l.id = b.log_id"
)
_OF_LOG = "b.log_id = (SELECT id FROM logs WHERE device = ? AND log = ?)"
_REFUSAL = (
    "SELECT id, received_ms, device, channel, log, seq, code, detail, body, size, row, times, last_ms,"
    " overflow, released_ms, released_as FROM quarantine"
)


class JournalReader:
    """Reads the journal of a store. May be shared by threads; each call is one short read transaction.

    Every method raises JournalError when the file is there and cannot be read; the cursor is the caller's and
    stays. A file that was put in place of the open one (restored, salvaged) is noticed and opened.
    """

    def __init__(self, store: Path) -> None:
        self.path = store / FILE
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # device and inode of what is open
        self._opened = 0
        self._damaged = 0  # times that damage was met in this file
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
            self._close()

    def epoch(self) -> Epoch | None:
        """The present epoch; None: the journal does not exist yet."""
        known = self.epochs()
        return known[-1] if known else None

    def epochs(self) -> list[Epoch]:
        """The journal's epochs, the present one last."""
        return [Epoch(*row) for row in self._query(epochs.QUERY)]

    def resume(self, epoch: str | None, row: int, revision: int = 0) -> Place | None:
        """Where a reader that was at (epoch, row, revision) goes on; None: there is no journal yet."""
        known = self.epochs()
        return epochs.resume(known, epoch, row, revision) if known else None

    def read(self, after: int, limit: int, device: str | None = None) -> list[Row]:
        """Up to `limit` rows behind the cursor `after` (0: from the start), in the journal's order."""
        rows = self._rows("b.id > ?", after, "ASC", limit, device)
        ids = [after, *(row.id for row in rows)]
        if not all(map(lt, ids, ids[1:])):  # a cursor that goes back would never end
            with self._lock:
                raise self._failed(
                    JournalCorruptError(
                        f"{self.path}: rows are not in the order of their numbers. "
                        "Check the disk's health; see docs/journal.md."
                    )
                )
        return rows

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
        version = int(self._one("PRAGMA data_version") or 0)
        return version + (self._opened << 32)  # another file, or the same one opened anew, is news too

    def hwm(self, device: str, log: str) -> int | None:
        """Up to which number a log is known without a gap; None: nothing yet."""
        value = self._one("SELECT hwm FROM logs WHERE device = ? AND log = ? AND hwm >= 0", (device, log))
        return None if value is None else int(value)

    def logs(self) -> list[LogMark]:
        """How far each log is known."""
        rows = self._query("SELECT device, log, hwm, top FROM logs ORDER BY device, log")
        return [LogMark(*row) for row in rows]

    def row_at(self, device: str, log: str, seq: int) -> Row | None:
        """The row that a record stands in; None: it is not (or no longer) in the journal."""
        query = f"{_ROW} WHERE {_OF_LOG} AND b.first <= ? ORDER BY b.first DESC LIMIT 1"
        rows = self._query(query, (device, log, seq))
        found = Row(*rows[0]) if rows else None
        return found if found is not None and found.last >= seq else None

    def before(self, device: str, log: str, seq: int, count: int) -> list[Stored]:
        """The records numbered `seq - count`..`seq - 1` of a log, as far as they are stored, in order.

        With the judgement in force. Rows that are not sound are left out.
        """
        query = f"{_ROW} WHERE {_OF_LOG} AND b.first < ? ORDER BY b.first DESC LIMIT ?"
        rows = self._query(query, (device, log, seq, count))  # a row holds one record or more
        wanted = [row for row in (Row(*one) for one in rows) if row.last >= seq - count and row.sound()]
        revised = {
            number: (Outcome(outcome), msgspec.json.decode(codes, type=tuple[str, ...]), t_ms)
            for number, outcome, codes, t_ms in self._query(
                "SELECT seq, outcome, codes, t_ms FROM revisions WHERE log_id ="
                " (SELECT id FROM logs WHERE device = ? AND log = ?) AND seq >= ? AND seq < ? ORDER BY id",
                (device, log, seq - count, seq),
            )
        }
        found = [record for row in reversed(wanted) for record in row.records()]
        return [
            Stored(record.seq, record.raw, *revised[record.seq]) if record.seq in revised else record
            for record in found
            if seq - count <= record.seq < seq
        ]

    def gaps(self, limit: int = 1000) -> list[Gap]:
        """What is missing between records that are here; the marks of their logs wait before it (J4)."""
        return gaps.find(self._query, limit)

    def losses(self, after: int = 0, limit: int = 1000) -> list[Loss]:
        """What is lost for good, oldest first."""
        rows = self._query(
            "SELECT l.device, l.log, x.first, x.last, x.declared_ms, x.cause"
            " FROM losses x JOIN logs l ON l.id = x.log_id WHERE x.id > ? ORDER BY x.id LIMIT ?",
            (after, limit),
        )
        return [Loss(*row) for row in rows]

    def lost(self) -> int:
        """How many records are lost, in all; those that came after all are no longer among them."""
        return int(self._one("SELECT coalesce(sum(value), 0) FROM counters WHERE name = 'lost'") or 0)

    def lost_since(self, since_ms: int) -> int:
        """How many records were declared lost since then (ms since 1970 UTC) and did not come after all."""
        query = "SELECT coalesce(sum(last - first + 1), 0) FROM losses WHERE declared_ms >= ?"
        return int(self._one(query, (since_ms,)) or 0)

    def revisions(self, after: int, limit: int) -> list[Revision]:
        """Later judgements of stored records behind a cursor (0: from the start), in their order."""
        rows = self._query(
            "SELECT r.id, r.at_ms, r.row, l.device, l.log, r.seq, r.raw, r.outcome, r.codes,"
            " r.detail, r.t_ms, r.basis FROM revisions r JOIN logs l ON l.id = r.log_id"
            " WHERE r.id > ? ORDER BY r.id LIMIT ?",
            (after, limit),
        )
        return [_revision(row) for row in rows]

    def revision_end(self) -> int:
        """The cursor of the newest revision; 0: there is none."""
        return int(self._one("SELECT coalesce(max(id), 0) FROM revisions") or 0)

    def dropped(self) -> dict[int, dict[str, int]]:
        """What retention dropped: per day (days since 1970-01-01 UTC) counts of rows, records, bytes, ..."""
        found: dict[int, dict[str, int]] = {}
        for day, what, count in self._query("SELECT day, what, count FROM drops ORDER BY day, what"):
            found.setdefault(day, {})[what] = count
        return found

    def quarantine(
        self, before: int | None = None, limit: int = 100, code: str | None = None, device: str | None = None
    ) -> list[Refusal]:
        """Refused records and messages, newest first.

        Those before the cursor `before` (None: from the end); of one code, of one device.
        """
        wheres: list[str] = ["id < ?"]
        values: list[Any] = [2**62 if before is None else before]
        for column, value in (("code", code), ("device", device)):
            if value is not None:
                wheres.append(f"{column} = ?")
                values.append(value)
        rows = self._query(
            f"{_REFUSAL} WHERE {' AND '.join(wheres)} ORDER BY id DESC LIMIT ?", (*values, limit)
        )
        return [_refusal(row) for row in rows]

    def quarantined(self, id_: int) -> Refusal | None:
        """One entry of the quarantine."""
        rows = self._query(f"{_REFUSAL} WHERE id = ?", (id_,))
        return _refusal(rows[0]) if rows else None

    def states(self, device: str | None = None, since_ms: int = 0) -> list[StateRow]:
        """The latest `up/state` of each device, or of one, if it came at `since_ms` (since 1970) or later;
        the oldest first."""
        of, values = ("", ()) if device is None else (" AND device = ?", (device,))
        rows = self._query(
            f"SELECT device, received_ms, body FROM states WHERE received_ms >= ?{of}"  # noqa: S608
            " ORDER BY received_ms, device",
            (since_ms, *values),
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
        received, outcomes, codes, messages = 0, {}, {}, {}
        for name, key, value in self._query("SELECT name, key, value FROM counters"):
            if name == "received":
                received = value
            elif name == "outcome":
                outcome, _, code = key.partition("/")
                outcomes[outcome, code] = value
            elif name == "code":
                codes[key] = value
            elif name == "message":
                messages[key] = value
        return Counters(received, outcomes, codes, messages)

    def _rows(self, where: str, cursor: int, order: str, limit: int, device: str | None) -> list[Row]:
        if device is None:
            query = f"{_ROW} WHERE {where} ORDER BY b.id {order} LIMIT ?"
            return [Row(*row) for row in self._query(query, (cursor, limit))]
        # Log by log, out of `bodies_span` alone: some 50 ms for each million rows of the log itself.
        ids = f"SELECT b.id FROM bodies b WHERE b.log_id = ? AND {where} ORDER BY b.id {order} LIMIT ?"  # noqa: S608
        query = f"{_ROW} WHERE b.id IN ({ids})"
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
            except FAILURES as err:
                raise self._failed(err) from err

    def _failed(self, err: Exception) -> JournalError:
        """The error to raise; what failed may be this connection's view alone: the next call opens anew."""
        self._close()
        error = err if isinstance(err, JournalError) else explained(f"{self.path}: cannot be read", err)
        self._damaged += isinstance(error, JournalCorruptError)
        if self._damaged > 1:
            # The writer may never touch what is damaged here: tell it, so that it salvages.
            with suppress(OSError):
                self.path.with_name(SUSPECT).touch()
        return error

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection | None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._close()
            return None
        file = (stat.st_dev, stat.st_ino)
        if self._db is not None and file == self._file:
            return self._db
        self._close()
        if file != self._file:
            self._file, self._damaged = file, 0
        # Not `mode=ro`: after a crash the first to open a WAL database must be able to recover it.
        db = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            db.execute("PRAGMA query_only = ON")
            (version,) = db.execute("PRAGMA user_version").fetchone()
        except BaseException:
            db.close()
            raise
        if version != len(MIGRATIONS):
            db.close()
            if version == 0:
                return None  # intake is about to make it
            raise JournalError(
                f"{self.path}: has version {version}, this program reads {len(MIGRATIONS)}. "
                "Stop all processes of the gateway, then start them from one installation."
            )
        self._db = db
        self._opened += 1
        return db


def _refusal(row: Sequence[Any]) -> Refusal:
    refusal = Refusal(*row)
    return replace(refusal, overflow=bool(refusal.overflow))


def _revision(row: Sequence[Any]) -> Revision:
    codes = msgspec.json.decode(row[8], type=tuple[str, ...])
    return replace(Revision(*row), outcome=Outcome(row[7]), codes=codes)
