"""What a journal holds and how it grows, in numbers for people and scripts. Reads only."""

import shutil
from pathlib import Path
from typing import Any

from gateway.journal import readers
from gateway.journal.backup import opened, read_cover
from gateway.journal.reader import JournalReader
from gateway.journal.retention import DAY_MS, Limits
from gateway.journal.schema import FILE

LATELY_MS = 7 * DAY_MS  # growth is told by this much of the past
GAPS_TOLD = 20


def stat(store: Path, limits: Limits, now_ms: int) -> dict[str, Any]:
    """All of it, JSON-ready; times in ms since 1970 UTC. `limits`: what retention keeps, and for whom.

    Raises JournalError when the journal cannot be read, sqlite3.Error likewise.
    """
    file = store / FILE
    with JournalReader(store) as reader:
        epochs = reader.epochs()
        counters, lost = reader.counters(), reader.lost()
        gaps, marks = reader.gaps(GAPS_TOLD + 1), reader.logs()
        dropped = reader.dropped()
        cover = read_cover(file)
        needs = readers.needs(store, epochs, limits.readers, now_ms)
        announced = readers.announced(store)
        facts: dict[str, Any] = {
            "file": str(file),
            "bytes": {name: _size(file, name) for name in ("", "-wal")},
            "epoch": {"id": epochs[-1].id, "cause": epochs[-1].cause, "began_ms": epochs[-1].began_ms},
            "epochs": len(epochs),
            "rows": cover.rows,
            "records": cover.records,
            "newest_row": cover.newest_row,
            "first_ms": cover.first_ms,
            "last_ms": cover.last_ms,
            "devices": cover.devices,
            "logs": len(marks),
            "logs_waiting": sum(mark.hwm < mark.top for mark in marks),
            "gaps": [
                {"device": g.device, "log": g.log, "first": g.first, "last": g.last, "since_ms": g.since_ms}
                for g in gaps[:GAPS_TOLD]
            ],
            "more_gaps": len(gaps) > GAPS_TOLD,
            "lost": lost,
            "received": counters.received,
            "outcomes": _outcomes(counters.outcomes),
            "readers": {
                name: {
                    "needs_from_row": row,
                    "behind_rows": max(0, cover.newest_row - max(row, 1) + 1),
                    "said_ms": announced[name].at_ms if name in announced else None,
                }
                for name, (row, _) in needs.items()
            },
            "dropped": {what: sum(day.get(what, 0) for day in dropped.values()) for what in _kinds(dropped)},
        }
    with opened(file) as db:
        facts |= _losses_and_quarantine(db) | _growth(db, file, cover.rows, now_ms)
    return facts | {"retention": forecast(limits, facts, now_ms)}


def forecast(limits: Limits, facts: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """When each limit is reached if all goes on as lately: `days` from now, 0: it is; None: never. Pure."""
    growth = facts["bytes_per_day"]
    by_size = by_age = None
    if limits.keep_bytes is not None and growth:
        by_size = max(0.0, round((limits.keep_bytes - facts["bytes_used"]) / growth, 1))
    if limits.keep_ms is not None and facts["first_ms"] is not None:
        by_age = max(0.0, round((facts["first_ms"] + limits.keep_ms - now_ms) / DAY_MS, 1))
    return {
        "keep_days": None if limits.keep_ms is None else limits.keep_ms / DAY_MS,
        "keep_bytes": limits.keep_bytes,
        "days_to_age": by_age,
        "days_to_size": by_size,
        "days_to_full_disk": round(facts["disk_free"] / growth, 1) if growth else None,
    }


def _size(file: Path, suffix: str) -> int:
    try:
        return file.with_name(file.name + suffix).stat().st_size
    except FileNotFoundError:
        return 0


def _kinds(dropped: dict[int, dict[str, int]]) -> list[str]:
    return sorted({what for day in dropped.values() for what in day})


def _outcomes(outcomes: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Counts by outcome and code; the code "" is "no code"."""
    found: dict[str, dict[str, int]] = {}
    for (outcome, code), count in sorted(outcomes.items()):
        found.setdefault(outcome, {})[code] = count
    return found


def _losses_and_quarantine(db: Any) -> dict[str, Any]:
    causes = db.execute("SELECT cause, sum(last - first + 1) FROM losses GROUP BY cause ORDER BY cause")
    kept = db.execute(
        "SELECT code, count(*), sum(times) FROM quarantine WHERE released_ms IS NULL"
        " GROUP BY code ORDER BY code"
    )
    return {
        "losses": dict(causes.fetchall()),
        "quarantine": {code: {"entries": entries, "copies": copies} for code, entries, copies in kept},
    }


def _growth(db: Any, file: Path, rows: int, now_ms: int) -> dict[str, Any]:
    """Bytes in use, and how many come in a day, by the last week (or as long as there is anything)."""
    pages, free, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in _PAGES)
    used = (pages - free) * size
    growth = None
    if rows:
        begin = _first_row_since(db, now_ms - LATELY_MS)
        lately, since_ms = db.execute(
            "SELECT count(*), min(received_ms) FROM (SELECT received_ms FROM bodies WHERE id >= ?)", (begin,)
        ).fetchone()
        days = max(now_ms - since_ms, 1) / DAY_MS if lately else LATELY_MS / DAY_MS
        growth = round(lately * (used / rows) / max(days, 1 / 24))  # of an hour at least, or it tells nothing
    return {
        "bytes_used": used,
        "bytes_free_in_file": free * size,
        "bytes_per_day": growth,
        "disk_free": shutil.disk_usage(file.parent).free,
    }


_PAGES = ("page_count", "freelist_count", "page_size")


def _first_row_since(db: Any, since_ms: int) -> int:
    """The first row received at or after a time: rows are in the order of arrival, so halves will find it."""
    low, high = db.execute("SELECT min(id), max(id) + 1 FROM bodies").fetchone()
    while low < high:
        middle = (low + high) // 2
        found = db.execute(
            "SELECT id, received_ms FROM bodies WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if found is None or found[1] >= since_ms:
            high = middle
        else:
            low = found[0] + 1
    return int(low)
