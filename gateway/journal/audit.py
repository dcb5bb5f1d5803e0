"""The journal counts itself: what was newly stored against what the counters say was (J5).

    accepted + flagged + quarantined = records in rows + copies that are kept in the quarantine alone

Both sides are taken at one instant, and only their growth since the last instant is compared: the rows in
between are counted a few thousand at a time, so that a journal of any size costs the same. What retention
drops was counted before (R2).
"""

import sqlite3

from msgspec import Struct

SLICE = 4000  # rows counted at a time
META_ROW, META_JUDGED, META_LOOSE, META_WRONG = "audit_row", "audit_judged", "audit_loose", "audit_wrong"
META_GONE = "loose_gone"  # copies that retention dropped from the quarantine


class Instant(Struct, frozen=True):
    """`judged`: the counters' sum; `loose`: copies that stand in no row, kept or dropped since."""

    row: int
    judged: int
    loose: int


class Audit:
    """Goes through the journal once, behind its end. `wrong`: records by which the counters are off."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        meta = dict(db.execute("SELECT name, value FROM meta").fetchall())
        self.checked = Instant(meta.get(META_ROW, -1), meta.get(META_JUDGED, 0), meta.get(META_LOOSE, 0))
        self.wrong: int = meta.get(META_WRONG, 0)
        self._target: Instant | None = None
        self._row = 0
        self._records = 0

    @property
    def counted_row(self) -> int:
        """Rows up to here have been counted."""
        return max(0, self.checked.row)

    def begin(self) -> None:
        """Take the instant to check up to; the first one ever is where counting begins."""
        instant = self._instant()
        if self.checked.row < 0:
            self._save(instant, 0)
        elif self._target is None:
            self._target, self._row, self._records = instant, self.checked.row, 0

    def step(self) -> bool:
        """Count some rows; False: there is nothing to count just now."""
        if self._target is None:
            return False
        count, last, records = self._db.execute(
            "SELECT count(*), coalesce(max(id), 0), coalesce(sum(last - first + 1), 0) FROM"
            " (SELECT id, first, last FROM bodies WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)",
            (self._row, self._target.row, SLICE),
        ).fetchone()
        self._records += records
        self._row = last
        if count == SLICE:
            return True
        stored = self._records + self._target.loose - self.checked.loose
        counted = self._target.judged - self.checked.judged
        self._save(self._target, self.wrong + counted - stored)
        self._target = None
        return False

    def _instant(self) -> Instant:
        self._db.execute("BEGIN")
        try:
            (row,) = self._db.execute("SELECT coalesce(max(id), 0) FROM bodies").fetchone()
            (judged,) = self._db.execute(
                "SELECT coalesce(sum(value), 0) FROM counters"
                " WHERE name = 'outcome' AND key NOT LIKE 'duplicate/%'"
            ).fetchone()
            (loose,) = self._db.execute(
                "SELECT coalesce(sum(times), 0) FROM quarantine WHERE row IS NULL AND released_ms IS NULL"
            ).fetchone()
            gone = self._db.execute("SELECT value FROM meta WHERE name = ?", (META_GONE,)).fetchone()
        finally:
            self._db.execute("COMMIT")
        return Instant(row, judged, loose + (gone[0] if gone else 0))

    def _save(self, checked: Instant, wrong: int) -> None:
        values = {
            META_ROW: checked.row,
            META_JUDGED: checked.judged,
            META_LOOSE: checked.loose,
            META_WRONG: wrong,
        }
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", values.items())
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.checked, self.wrong = checked, wrong
