"""What the journal may let go, and when: planning is pure, dropping is small transactions between batches.

The rules:

R1  Rows go oldest first, when they are older than `keep_ms` or while the journal is larger than `keep_bytes`.
R2  Never a row or revision that a reader still needs, nor one that upkeep has not yet counted.
R3  Never the newest row, so that its number is not given again (J7); never one that waits behind a gap (J4).
R4  Nothing goes before `retention-near` was said for `notice_ms` of running time; a wrong clock or a slip in
    the settings costs nothing within it. Where dropping has become the rule (something went within a week),
    it is not said again. Only a disk that is nearly full needs no notice.
R5  What was dropped is counted, per day. Of what is below a log's floor, the number alone tells a duplicate.

Space is used again by SQLite, not given back: the file stays as large as it once was. (Giving it back would
move pages under every commit; `huishou journal backup` makes a compact copy.) So the size that counts is that
of the used pages.
"""

import sqlite3
from collections.abc import Mapping

from msgspec import Struct, field

DAY_MS = 86_400_000
NEAR = 0.9  # of a limit
REGULAR_MS = 7 * DAY_MS
LOW_DISK = 0.05  # of the disk free
ROWS = 500  # looked at in one transaction


class Limits(Struct, frozen=True):
    """What to keep; None: without end. `readers`: those that are configured, announced or not."""

    keep_ms: int | None = None
    keep_bytes: int | None = None
    notice_ms: int = DAY_MS
    quarantine_per_device: int = 1000
    readers: tuple[str, ...] = ()


class Situation(Struct, frozen=True):
    """How the journal stands. `oldest_*`: the oldest row that could go; `oldest_row` 0: there is none.

    `needs`: per reader the first row that must stay. `counted_row`: upkeep has counted the rows up to here.
    `noticed_ms`: for how long `retention-near` has been said.
    `dropped_ms`: when something was dropped last. `disk_free`: share of the disk.
    """

    now_ms: int
    oldest_row: int
    oldest_ms: int
    newest_row: int
    used_bytes: int
    disk_free: float
    needs: Mapping[str, int]
    counted_row: int
    noticed_ms: int
    dropped_ms: int | None


class Plan(Struct, frozen=True):
    """Drop rows below `below_row` that were received before `before_ms`, or until `free_bytes` are free.

    `near`, `blocked`: what to say, "" nothing.
    """

    below_row: int = 0
    before_ms: int = 0
    free_bytes: int = 0
    near: str = ""
    blocked: str = ""


def plan(limits: Limits, now: Situation) -> Plan:
    """What to drop and what to say (R1-R4). Pure."""
    if not now.oldest_row:
        return Plan()
    said = []
    over_ms = over_bytes = 0
    if limits.keep_ms is not None:
        age_ms = now.now_ms - now.oldest_ms
        over_ms = age_ms - limits.keep_ms
        if age_ms >= NEAR * limits.keep_ms:
            days = limits.keep_ms / DAY_MS
            said.append(f"the oldest rows are {age_ms / DAY_MS:.1f} days old, {days:g} are kept")
    if limits.keep_bytes is not None:
        over_bytes = now.used_bytes - limits.keep_bytes
        if now.used_bytes >= NEAR * limits.keep_bytes:
            gb = limits.keep_bytes / 1e9
            said.append(f"it holds {now.used_bytes / 1e9:.3f} GB, {gb:g} GB are kept")
    if not said:
        return Plan()
    regular = now.dropped_ms is not None and now.now_ms - now.dropped_ms < REGULAR_MS
    near = "" if regular else "; ".join(said)
    if over_ms <= 0 and over_bytes <= 0:
        return Plan(near=near)
    holding = {name: row for name, row in now.needs.items() if row <= now.oldest_row}
    if holding:
        names = ", ".join(
            f"{name} (from row {row} on)" if row else f"{name} (it never said how far it is)"
            for name, row in sorted(holding.items())
        )
        return Plan(near=near, blocked=f"{'; '.join(said)}, but still needed by {names}")
    crammed = over_bytes > 0 and now.disk_free < LOW_DISK
    if not regular and now.noticed_ms < limits.notice_ms and not crammed:
        return Plan(near=near)
    return Plan(
        below_row=min([now.newest_row, now.counted_row + 1, *now.needs.values()]),
        before_ms=now.now_ms - limits.keep_ms if limits.keep_ms is not None else 0,
        free_bytes=max(0, over_bytes),
        near=near,
    )


class Dropped(Struct):
    """What one transaction dropped. `floors`: by the logs' ids, below it rows are gone."""

    rows: int = 0
    records: int = 0
    bytes: int = 0
    floors: dict[int, int] = field(default_factory=dict)


def drop_rows(db: sqlite3.Connection, what: Plan, after_row: int, now_ms: int) -> Dropped:
    """Drop some of what is planned, from behind `after_row` on; inside the caller's transaction."""
    rows = db.execute(
        "SELECT b.id, b.received_ms, b.log_id, b.first, b.last, length(b.body), l.hwm"
        " FROM bodies b JOIN logs l ON l.id = b.log_id WHERE b.id > ? AND b.id < ? ORDER BY b.id LIMIT ?",
        (after_row, what.below_row, ROWS),
    ).fetchall()
    done = Dropped()
    gone: list[tuple[int]] = []
    for id_, received_ms, log_id, first, last, size, hwm in rows:
        # A time in the future says that the clock was wrong then: such a row does not end the search.
        if what.before_ms <= received_ms <= now_ms and done.bytes >= what.free_bytes:
            break
        if last > hwm or (received_ms > now_ms and done.bytes >= what.free_bytes):
            continue
        gone.append((id_,))
        done.floors[log_id] = max(last + 1, done.floors.get(log_id, 0))
        done.rows += 1
        done.records += last - first + 1
        done.bytes += size
    db.executemany("DELETE FROM bodies WHERE id = ?", gone)
    db.executemany(
        "UPDATE logs SET floor = max(floor, ?) WHERE id = ?",
        [(floor, id_) for id_, floor in done.floors.items()],
    )
    count_drops(db, now_ms, {"rows": done.rows, "records": done.records, "bytes": done.bytes})
    return done


def drop_rest(db: sqlite3.Connection, before_ms: int, below_revision: int, now_ms: int) -> int:
    """Drop some of what is as old beside the rows: quarantine, losses, revisions, replies; the newest stay.

    Returns the number of copies among the dropped entries that stood in no row and were still refused: what
    is counted as quarantined and no longer kept anywhere. Inside the caller's transaction.
    """
    entries = db.execute(
        "SELECT id, row IS NULL AND released_ms IS NULL, times FROM quarantine"
        " WHERE last_ms < ? AND id < (SELECT max(id) FROM quarantine) ORDER BY last_ms LIMIT ?",
        (before_ms, ROWS),
    ).fetchall()
    losses = db.execute(
        "SELECT x.id FROM losses x JOIN logs l ON l.id = x.log_id"
        " WHERE x.declared_ms < ? AND x.last < l.floor AND x.id < (SELECT max(id) FROM losses)"
        " ORDER BY x.declared_ms LIMIT ?",
        (before_ms, ROWS),
    ).fetchall()
    revisions = db.execute(
        "SELECT id FROM (SELECT id, at_ms FROM revisions"
        " WHERE id < min(?, (SELECT max(id) FROM revisions)) ORDER BY id LIMIT ?) WHERE at_ms < ?",
        (below_revision, ROWS, before_ms),
    ).fetchall()
    replies = db.execute(
        "SELECT id FROM (SELECT id, received_ms FROM replies"
        " WHERE id < (SELECT max(id) FROM replies) ORDER BY id LIMIT ?) WHERE received_ms < ?",
        (ROWS, before_ms),
    ).fetchall()
    db.executemany("DELETE FROM quarantine WHERE id = ?", [(id_,) for id_, _, _ in entries])
    db.executemany("DELETE FROM losses WHERE id = ?", losses)
    db.executemany("DELETE FROM revisions WHERE id = ?", revisions)
    db.executemany("DELETE FROM replies WHERE id = ?", replies)
    counts = {
        "quarantine": len(entries),
        "losses": len(losses),
        "revisions": len(revisions),
        "replies": len(replies),
    }
    count_drops(db, now_ms, counts)
    return sum(times for _, loose, times in entries if loose)


def count_drops(db: sqlite3.Connection, now_ms: int, counts: Mapping[str, int]) -> None:
    """Add to the day's counts of what was dropped (R5)."""
    db.executemany(
        "INSERT INTO drops (day, what, count) VALUES (?, ?, ?)"
        " ON CONFLICT (day, what) DO UPDATE SET count = count + excluded.count",
        [(now_ms // DAY_MS, what, count) for what, count in counts.items() if count],
    )
