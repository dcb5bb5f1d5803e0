"""The marks, losses and counts of a journal as they follow from its rows: what a salvage puts right."""

import sqlite3
from collections import Counter
from contextlib import suppress

import msgspec

from gateway.journal.errors import FAILURES
from gateway.journal.model import Outcome
from gateway.journal.stored import Row

UNNAMED = "salvaged-{}"  # the device of rows whose log's name could not be read


class _Head(msgspec.Struct):
    log: str


def name_logs(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Names of logs whose own rows could not be read, from the index of names; their marks are not known."""
    with suppress(*FAILURES):
        names = source.execute(
            "SELECT id, device, log FROM logs INDEXED BY sqlite_autoindex_logs_1 ORDER BY device, log"
        ).fetchall()
        target.executemany(
            "INSERT OR IGNORE INTO logs (id, device, log, hwm, top) VALUES (?, ?, ?, -2, -1)", names
        )


def rebuild(db: sqlite3.Connection, now_ms: int) -> int:
    """Set each log's marks by its rows, and declare what is missing below them; how many records that is.

    A log whose mark is not known (its line could not be read) ends where its first unbroken run ends: what
    the device no longer holds above, it will declare.
    """
    _adopt_orphans(db)
    lost = 0
    for log_id, hwm, floor, began in db.execute("SELECT id, hwm, floor, began FROM logs").fetchall():
        spans = db.execute(
            "SELECT first, last FROM bodies WHERE log_id = ?1 UNION ALL"
            " SELECT first, last FROM losses WHERE log_id = ?1 ORDER BY first",
            (log_id,),
        ).fetchall()
        (top,) = db.execute(
            "SELECT coalesce(max(last), -1) FROM bodies WHERE log_id = ?", (log_id,)
        ).fetchone()
        lowest = spans[0][0] if spans else max(hwm, -1) + 1
        expected = max(floor, lowest if began is None else began)
        known = hwm >= -1
        for first, last in spans:
            if first > expected:
                if not known or first > hwm + 1:
                    break
                lost += _lose(db, log_id, expected, first - 1, now_ms)
            expected = max(expected, last + 1)
        if known and expected <= hwm:
            lost += _lose(db, log_id, expected, hwm, now_ms)
            expected = hwm + 1
        mark = max(hwm, expected - 1) if known else expected - 1
        db.execute(
            "UPDATE logs SET hwm = ?, top = ?, began = coalesce(began, ?) WHERE id = ?",
            (mark, top, lowest, log_id),
        )
    db.execute("DELETE FROM counters WHERE name = 'lost'")
    db.execute(
        "INSERT INTO counters (name, key, value)"
        " SELECT 'lost', cause, sum(last - first + 1) FROM losses GROUP BY cause"
    )
    return lost


def recount(db: sqlite3.Connection) -> None:
    """Make the counters anew, from what is stored: duplicates were counted and are gone."""
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    (plain,) = db.execute("SELECT sum(last - first + 1) FROM bodies WHERE notes IS NULL").fetchone()
    counts[f"{Outcome.ACCEPTED}/"] = plain or 0
    for values in db.execute(
        "SELECT id, received_ms, '', '', first, last, body, notes FROM bodies WHERE notes IS NOT NULL"
    ):
        row = Row(*values)
        noted = row.noted()
        counts[f"{Outcome.ACCEPTED}/"] += row.last - row.first + 1 - len(noted)
        counts.update(f"{note.outcome}/{note.codes[0] if note.codes else ''}" for note in noted.values())
        reasons.update(code for note in noted.values() for code in note.codes)
    for code, times in db.execute(
        "SELECT code, sum(times) FROM quarantine WHERE row IS NULL AND released_ms IS NULL GROUP BY code"
    ):
        counts[f"{Outcome.QUARANTINED}/{code}"] += times
        reasons[code] += times
    db.execute("DELETE FROM counters WHERE name IN ('received', 'outcome', 'code')")
    db.executemany("INSERT INTO counters (name, key, value) VALUES ('outcome', ?, ?)", counts.items())
    db.executemany("INSERT INTO counters (name, key, value) VALUES ('code', ?, ?)", reasons.items())
    db.execute("INSERT INTO counters (name, key, value) VALUES ('received', '', ?)", (counts.total(),))


def _adopt_orphans(db: sqlite3.Connection) -> None:
    """Rows whose log could not be read at all keep their bytes, under a name that says so."""
    for log_id, body in db.execute(
        "SELECT log_id, body FROM bodies WHERE log_id NOT IN (SELECT id FROM logs) GROUP BY log_id"
    ).fetchall():
        try:
            log = msgspec.json.decode(body, type=_Head).log
        except msgspec.DecodeError:
            log = "00000000"
        db.execute(
            "INSERT INTO logs (id, device, log, hwm, top) VALUES (?, ?, ?, -2, -1)",
            (log_id, UNNAMED.format(log_id), log),
        )


def _lose(db: sqlite3.Connection, log_id: int, first: int, last: int, now_ms: int) -> int:
    db.execute(
        "INSERT INTO losses (log_id, first, last, declared_ms, cause) VALUES (?, ?, ?, ?, 'damage')",
        (log_id, first, last, now_ms),
    )
    return last - first + 1
