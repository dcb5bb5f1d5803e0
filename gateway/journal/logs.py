"""The marks of each log as the writer knows them, and what is lost of a log. In the caller's transaction."""

import sqlite3
from collections.abc import Mapping

from gateway.journal.tally import Tally

MAX_CACHED = 100_000


class Log:
    """One log between batches; see the columns of `logs` in `gateway.journal.schema`."""

    __slots__ = ("floor", "hwm", "id", "set_back_at", "set_back_by", "top")

    def __init__(
        self,
        id_: int,
        hwm: int,
        top: int = -1,
        floor: int = 0,
        set_back_at: int | None = None,
        set_back_by: str | None = None,
    ) -> None:
        self.id = id_
        self.hwm = hwm
        self.top = top
        self.floor = floor
        self.set_back_at = set_back_at
        self.set_back_by = set_back_by


class Logs:
    """All logs, read when first asked for. `forget` when the transaction failed or another program wrote."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._logs: dict[tuple[str, str], Log] = {}
        self.moved: set[Log] = set()  # whose marks are ahead of the table's

    def find(self, device: str, log: str) -> Log | None:
        """A log that is known."""
        found = self._logs.get((device, log))
        if found is None:
            row = self._db.execute(
                "SELECT id, hwm, top, floor, set_back_at, set_back_by FROM logs WHERE device = ? AND log = ?",
                (device, log),
            ).fetchone()
            if row is None:
                return None
            found = self._logs[device, log] = Log(*row)
        return found

    def add(self, device: str, log: str, hwm: int) -> Log:
        """A new log, with a mark to begin at (J6)."""
        cursor = self._db.execute(
            "INSERT INTO logs (device, log, hwm, top, began) VALUES (?, ?, ?, -1, ?)",
            (device, log, hwm, hwm + 1),
        )
        new = self._logs[device, log] = Log(int(cursor.lastrowid or 0), hwm)
        return new

    def join(self, log: Log) -> None:
        """Move the mark over rows that were waiting behind a gap (J4)."""
        while log.hwm < log.top:
            row = self._db.execute(
                "SELECT last FROM bodies WHERE log_id = ? AND first = ?", (log.id, log.hwm + 1)
            ).fetchone()
            if row is None:
                return
            (log.hwm,) = row
            self.moved.add(log)

    def save(self) -> None:
        """Write the marks that moved."""
        self._db.executemany(
            "UPDATE logs SET hwm = ?, top = ? WHERE id = ?",
            [(log.hwm, log.top, log.id) for log in self.moved],
        )
        self.moved.clear()
        if len(self._logs) > MAX_CACHED:
            self._logs.clear()

    def raise_floors(self, floors: Mapping[int, int]) -> None:
        """Retention dropped rows: by the logs' ids, below which number."""
        for log in self._logs.values():
            log.floor = max(log.floor, floors.get(log.id, 0))

    def forget(self) -> None:
        """Read everything anew when it is asked for."""
        self._logs.clear()
        self.moved.clear()

    def declare(self, log: Log, first: int, now_ms: int, tally: Tally) -> None:
        """The device no longer holds what is below `first`: what is missing there is lost (J3).

        Right above a mark that a restore or a salvage put back, it is lost by that.
        """
        if first - 1 <= log.hwm:
            return
        cause = (log.set_back_by or "device") if log.hwm == log.set_back_at else "device"
        spans = self._db.execute(
            "SELECT first, last FROM bodies WHERE log_id = ? AND first BETWEEN ? AND ? ORDER BY first",
            (log.id, log.hwm + 1, first - 1),
        ).fetchall()
        spans.append((first, first - 1))  # empty: ends the search at `first`
        missing_from = log.hwm + 1
        for span_first, span_last in spans:
            if span_first > missing_from:
                self._lose(log.id, missing_from, span_first - 1, now_ms, cause)
                tally.lost(cause, span_first - missing_from)
            missing_from = max(missing_from, span_last + 1)
        log.hwm = max(missing_from, first) - 1
        self.moved.add(log)
        self.join(log)

    def is_lost(self, log: Log, seq: int) -> bool:
        """Whether a number stands among the losses."""
        row = self._db.execute(
            "SELECT 1 FROM losses WHERE log_id = ? AND first <= ? AND last >= ? LIMIT 1", (log.id, seq, seq)
        ).fetchone()
        return row is not None

    def found_again(self, log: Log, first: int, last: int, tally: Tally) -> None:
        """Records that came after all are no longer lost: their part of the loss is closed (J3)."""
        losses = self._db.execute(
            "SELECT id, first, last, declared_ms, cause FROM losses"
            " WHERE log_id = ? AND first <= ? AND last >= ?",
            (log.id, last, first),
        ).fetchall()
        for id_, lost_first, lost_last, declared_ms, cause in losses:
            self._db.execute("DELETE FROM losses WHERE id = ?", (id_,))
            if lost_first < first:
                self._lose(log.id, lost_first, first - 1, declared_ms, cause)
            if lost_last > last:
                self._lose(log.id, last + 1, lost_last, declared_ms, cause)
            tally.lost(cause, max(first, lost_first) - min(last, lost_last) - 1)

    def _lose(self, log_id: int, first: int, last: int, declared_ms: int, cause: str) -> None:
        self._db.execute(
            "INSERT INTO losses (log_id, first, last, declared_ms, cause) VALUES (?, ?, ?, ?, ?)",
            (log_id, first, last, declared_ms, cause),
        )
