"""What the journal does for itself between batches: drops what may go, counts itself, says what is wrong.

Driven by the writer's thread through `SqliteJournal.maintain`; each call does a short piece. The clock comes
from the caller.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.journal import retention
from gateway.journal.audit import META_GONE, Audit
from gateway.journal.epochs import read_epochs
from gateway.journal.errors import JournalError
from gateway.journal.logs import Logs
from gateway.journal.model import Condition, Upkeep
from gateway.journal.readers import needs
from gateway.journal.retention import DAY_MS, Limits, Plan, Situation, plan
from gateway.journal.salvage import SET_ASIDE

LOOK_MS = 1_000  # how often the situation is taken anew
AUDIT_MS = 60_000
REST_MS = 600_000
RECHECK_MS = 3_600_000  # rows that were passed over (behind a gap, from the future) are looked at again
STEP_MS = 60_000  # a longer pause than this counts as this much notice: the clock may have jumped
SAVE_NOTICE_MS = 300_000
META_NOTICED = "noticed_ms"


class Upkeeper:
    """State of upkeep over all calls. `done` is what the last call said."""

    def __init__(self, store: Path) -> None:
        self.done = Upkeep([], {})
        self._store = store
        self._since: dict[str, int] = {}
        self._looked_ms = self._audited_ms = self._rested_ms = self._rechecked_ms = -(2**62)
        self._plan = Plan()
        self._passed = 0  # rows up to here are gone, wait behind a gap, or are of the future
        self._noticed_ms: int | None = None  # None: not yet read
        self._saved_ms = 0
        self._below_revision = 0

    def work(self, db: sqlite3.Connection, logs: Logs, audit: Audit, limits: Limits, now_ms: int) -> Upkeep:
        """A short piece of work. Raises sqlite3.Error; nothing is half done then."""
        if now_ms - self._audited_ms >= AUDIT_MS or now_ms < self._audited_ms:
            self._audited_ms = now_ms
            audit.begin()
        audit.step()
        if now_ms - self._looked_ms >= LOOK_MS or now_ms < self._looked_ms:
            said, facts = self._look(db, audit, limits, now_ms)
            self.done = Upkeep(self._conditions(said, now_ms), facts)
            self._looked_ms = now_ms
        if self._plan.below_row:
            self._drop(db, logs, limits, now_ms)
        return self.done

    def failed(self, err: JournalError, now_ms: int) -> Upkeep:
        """Upkeep could not be done; what was known of the journal is kept."""
        said = {one.code: one.detail for one in self.done.conditions if not one.code.startswith("journal-")}
        said |= {err.code: str(err)} | self._set_aside()
        self.done = Upkeep(self._conditions(said, now_ms), self.done.facts)
        return self.done

    def _look(
        self, db: sqlite3.Connection, audit: Audit, limits: Limits, now_ms: int
    ) -> tuple[dict[str, str], dict[str, Any]]:
        now = self._situation(db, audit, limits, now_ms)
        self._plan = plan(limits, now)
        self._notice(db, now_ms)
        said = self._set_aside()
        if self._plan.near:
            said["retention-near"] = f"{self._plan.near}; what is older will be dropped"
        if self._plan.blocked:
            said["retention-blocked"] = self._plan.blocked
        if audit.wrong:
            said["sum-wrong"] = (
                f"the counters are off by {audit.wrong:+d} records against what is stored;"
                " run `huishou journal verify`"
            )
        rows = db.execute(
            "SELECT device, sum(times) FROM quarantine INDEXED BY quarantine_overflow"
            " WHERE overflow = 1 AND last_ms >= ? GROUP BY device",
            (now_ms - DAY_MS,),
        ).fetchall()
        if rows:
            worst = max(rows, key=lambda row: int(row[1]))
            said["quarantine-overflow"] = (
                f"{len(rows)} devices; most from {worst[0] or 'unknown'}: {worst[1]} counted, not kept"
            )
        today = db.execute("SELECT what, count FROM drops WHERE day = ?", (now_ms // DAY_MS,)).fetchall()
        facts = {
            "newest_row": now.newest_row,
            "oldest_row": now.oldest_row,
            "oldest_ms": now.oldest_ms,
            "used_bytes": now.used_bytes,
            "keep_bytes": limits.keep_bytes,
            "keep_days": None if limits.keep_ms is None else limits.keep_ms / DAY_MS,
            "noticed_ms": now.noticed_ms,
            "needs": dict(now.needs),
            "counted_row": now.counted_row,
            "dropped_today": dict(today),
        }
        return said, facts

    def _situation(self, db: sqlite3.Connection, audit: Audit, limits: Limits, now_ms: int) -> Situation:
        if now_ms - self._rechecked_ms >= RECHECK_MS or now_ms < self._rechecked_ms:
            self._rechecked_ms, self._passed = now_ms, 0
        (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM bodies").fetchone()
        oldest = db.execute(
            "SELECT b.id, b.received_ms FROM bodies b JOIN logs l ON l.id = b.log_id"
            " WHERE b.id > ? AND b.id < ? AND b.last <= l.hwm AND b.received_ms <= ? ORDER BY b.id LIMIT 1",
            (self._passed, newest, now_ms),
        ).fetchone()
        oldest_row, oldest_ms = oldest or (0, 0)
        if oldest_row:
            self._passed = oldest_row - 1
        held = needs(self._store, read_epochs(db), limits.readers, now_ms)
        self._below_revision = min((revision for _, revision in held.values()), default=2**62)
        used = _pragma(db, "page_count") - _pragma(db, "freelist_count")
        disk = shutil.disk_usage(self._store)
        (day,) = db.execute("SELECT max(day) FROM drops WHERE what = 'rows'").fetchone()
        if self._noticed_ms is None:
            noticed = db.execute("SELECT value FROM meta WHERE name = ?", (META_NOTICED,)).fetchone()
            self._noticed_ms = self._saved_ms = int(noticed[0]) if noticed else 0
        return Situation(
            now_ms,
            oldest_row,
            oldest_ms,
            newest,
            used * _pragma(db, "page_size"),
            disk.free / disk.total,
            {name: row for name, (row, _) in held.items()},
            audit.counted_row,
            self._noticed_ms,
            None if day is None else (day + 1) * DAY_MS - 1,
        )

    def _notice(self, db: sqlite3.Connection, now_ms: int) -> None:
        """Count for how long `retention-near` has been said; a jump of the clock is not running time."""
        noticed_ms = self._noticed_ms or 0
        if self._plan.near:
            noticed_ms += min(max(0, now_ms - self._looked_ms), STEP_MS)
        else:
            noticed_ms = 0
        self._noticed_ms = noticed_ms
        if abs(noticed_ms - self._saved_ms) >= SAVE_NOTICE_MS or (self._saved_ms and not noticed_ms):
            with _transaction(db):
                db.execute(
                    "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (META_NOTICED, noticed_ms)
                )
            self._saved_ms = noticed_ms

    def _drop(self, db: sqlite3.Connection, logs: Logs, limits: Limits, now_ms: int) -> None:
        with _transaction(db):
            dropped = retention.drop_rows(db, self._plan, self._passed, now_ms)
        logs.raise_floors(dropped.floors)
        if not dropped.rows:
            self._plan = Plan()  # until the next look
        elif self._plan.free_bytes:
            self._plan = plan_less(self._plan, dropped.bytes)
        if limits.keep_ms is not None and now_ms - self._rested_ms >= REST_MS:
            self._rested_ms = now_ms
            with _transaction(db):
                gone = retention.drop_rest(db, now_ms - limits.keep_ms, self._below_revision, now_ms)
                db.execute(
                    "INSERT INTO meta (name, value) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                    (META_GONE, gone),
                )

    def _set_aside(self) -> dict[str, str]:
        files = sorted(file.name for file in self._store.glob(SET_ASIDE))
        if not files:
            return {}
        return {
            "journal-corrupt": f"set aside: {', '.join(files)}; remove them when they have been looked at"
        }

    def _conditions(self, said: dict[str, str], now_ms: int) -> list[Condition]:
        self._since = {code: self._since.get(code, now_ms) for code in said}
        return [Condition(code, detail, self._since[code]) for code, detail in sorted(said.items())]


def plan_less(plan: Plan, freed: int) -> Plan:
    """The plan after so many bytes were freed; nothing when that was all of it."""
    left = plan.free_bytes - freed
    return Plan(plan.below_row, plan.before_ms, left, plan.near, plan.blocked) if left > 0 else Plan()


def _pragma(db: sqlite3.Connection, name: str) -> int:
    (value,) = db.execute(f"PRAGMA {name}").fetchone()
    return int(value)


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
