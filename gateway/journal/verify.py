"""Whether a journal file is what it should be: SQLite's own check, then the rules of `gateway.journal.model`.

Reads only. Works on the journal of a running gateway, on a stopped one and on a backup; rows are read in
slices, so that no long transaction keeps the WAL from being folded in (SQLite's own check is one, though: on
a live journal of many gigabytes verify a backup instead). Files of earlier versions are checked by what they
have.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from gateway.journal import beside, bodies
from gateway.journal.audit import META_GONE
from gateway.journal.errors import JournalCorruptError, JournalError, explained
from gateway.journal.model import Outcome
from gateway.journal.schema import MIGRATIONS
from gateway.journal.stored import Row

Progress = Callable[[str, int, int], None]  # what is being done, so many of, so many

SLICE = 1_000
MAX_KEPT = 1_000  # findings that are kept; all are counted
BUSY_S = 30.0


class Finding(Struct, frozen=True):
    """One thing that is wrong: its code (words in `gateway.codes`), where, what was expected and found."""

    code: str
    where: str
    detail: str


class Report(Struct):
    """`counts`: findings by code, `findings` the first of them; what was looked at."""

    file: str
    version: int
    rows: int = 0
    records: int = 0
    logs: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, code: str, where: str, detail: str) -> None:
        """Note something that is wrong."""
        self.counts[code] = self.counts.get(code, 0) + 1
        if len(self.findings) < MAX_KEPT:
            self.findings.append(Finding(code, where, detail))


def verify(file: Path, from_row: int = 0, progress: Progress = lambda *_: None) -> Report:
    """Check a journal file; rows from `from_row` on (what concerns all rows is then left out).

    Raises JournalError when it cannot be opened at all or is of a later version.
    """
    try:
        uri = f"{file.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as db:
            db.execute("PRAGMA query_only = ON")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if not 0 < version <= len(MIGRATIONS):
                raise JournalError(
                    f"{file}: has version {version}, this program knows 1 to {len(MIGRATIONS)}. "
                    "Is it a journal? Of a later gateway? Then verify it with that one."
                )
            report = Report(str(file), version)
            try:
                _check(db, report, from_row, progress)
            except sqlite3.Error as err:
                error = explained(f"{file}: cannot be verified", err)
                if not isinstance(error, JournalCorruptError):
                    raise error from err
                report.add("file-damaged", str(file), str(err))
            except (TypeError, ValueError, OverflowError) as err:  # what a damaged page may hold
                report.add("file-damaged", str(file), f"a value cannot be what it is: {err}")
            return report
    except sqlite3.Error as err:
        raise explained(f"{file}: cannot be verified", err) from err


def _check(db: sqlite3.Connection, report: Report, from_row: int, progress: Progress) -> None:
    progress("checking the file", 0, 1)
    for (words,) in db.execute("PRAGMA integrity_check(100)"):
        if words != "ok":
            report.add("file-damaged", "", words)
    for table, rowid, parent, _ in db.execute("PRAGMA foreign_key_check"):
        report.add("orphan-row", f"{table} {rowid}", f"names a row of {parent} that is not there")
    if words := beside.problem(db):
        report.add("file-damaged", "commands.db in it", words)
    rows = _Rows(from_row)
    while _check_rows(db, report, rows, progress) == SLICE:
        pass  # each slice is a transaction of its own
    if from_row > 0:
        return
    progress("checking the marks", 0, 1)
    db.execute("BEGIN")  # what came in meanwhile, and all that must fit it, at one instant
    while _check_rows(db, report, rows, progress):
        pass
    _check_logs(db, report, rows.late)
    _check_counters(db, report)
    db.execute("COMMIT")


class _Rows(Struct):
    """How far the rows were looked at, and which of them came late, as (log, first)."""

    next_row: int
    late: set[tuple[int, int]] = field(default_factory=set)


def _check_rows(db: sqlite3.Connection, report: Report, found: _Rows, progress: Progress) -> int:
    """The next rows, each by itself (J1): its check sum, and that it holds just what it says it holds.

    Returns how many they were.
    """
    crc = "b.crc" if report.version >= 3 else "NULL"
    query = (
        f"SELECT b.id, b.received_ms, l.device, l.log, b.first, b.last, b.body, b.notes, {crc}, b.log_id"  # noqa: S608
        " FROM bodies b LEFT JOIN logs l ON l.id = b.log_id WHERE b.id >= ? ORDER BY b.id LIMIT ?"
    )
    (end,) = db.execute("SELECT coalesce(max(id), 0) FROM bodies").fetchone()
    rows = db.execute(query, (found.next_row, SLICE)).fetchall()
    for *values, log_id in rows:
        row = Row(*values)
        report.rows += 1
        report.records += row.last - row.first + 1
        if not row.sound():
            report.add("row-damaged", _where(row), f"check sum {row.crc} does not fit its content")
        elif words := _content(row):
            report.add("row-content", _where(row), words)
        elif row.notes is not None and b"seq-late" in row.notes:
            found.late.add((log_id, row.first))
        found.next_row = row.id + 1
    progress("checking rows", min(found.next_row, end), end)
    return len(rows)


class _Number(Struct):
    seq: Any = None


class _Numbers(Struct):
    recs: list[_Number]


_NUMBERS = msgspec.json.Decoder(_Numbers)
_NUMBER = msgspec.json.Decoder(_Number)


def _content(row: Row) -> str:
    """What is wrong with a row's body and notes; "" when nothing is."""
    try:
        found = [one.seq for one in _numbers(row.body)]
        notes = row.noted()
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        return f"cannot be decoded: {err}"
    expected = row.last - row.first + 1
    if len(found) != expected or expected < 1:
        return f"holds {len(found)} records, {row.first} to {row.last} were expected"
    for offset, number in enumerate(found):
        seq = row.first + offset
        note = notes.get(seq)
        if number != seq and (note is None or note.outcome is not Outcome.QUARANTINED):
            return f"has {number!r} in the place of {seq}"  # a refused one may be named by its place alone
    if outside := [seq for seq in notes if not row.first <= seq <= row.last]:
        return f"notes {outside} are of no record of it"
    return ""


def _numbers(body: bytes) -> list[_Number]:
    try:
        return _NUMBERS.decode(body).recs
    except msgspec.ValidationError:  # a record that is no object: kept, refused
        return [_number(text) for text in bodies.split(body)]


def _number(text: bytes) -> _Number:
    try:
        return _NUMBER.decode(text)
    except msgspec.ValidationError:
        return _Number()


def _check_logs(db: sqlite3.Connection, report: Report, late: set[tuple[int, int]]) -> None:
    """Rows of a log do not overlap (J1), and its mark covers an unbroken run and no less (J3, J4)."""
    known = "floor, began" if report.version >= 3 else "0, NULL"
    marks = db.execute(f"SELECT id, device, log, hwm, top, {known} FROM logs")  # noqa: S608
    logs = {log_id: _Log(f"{device} {log}", *numbers) for log_id, device, log, *numbers in marks}
    report.logs = len(logs)
    spans = db.execute(
        "SELECT log_id, first, last, 1 FROM bodies UNION ALL SELECT log_id, first, last, 0 FROM losses"
        " ORDER BY 1, 2, 3"
    )
    for log_id, first, last, held in spans:
        if log := logs.get(log_id):
            log.take(first, last, bool(held), (log_id, first) in late, report)
    for log in logs.values():
        log.judge(report)


class _Log:
    """One log's spans, in the order of their first numbers, against what its marks say."""

    def __init__(self, where: str, hwm: int, top: int, floor: int, began: int | None) -> None:
        self._where, self._hwm, self._top, self._floor = where, hwm, top, floor
        # Below it nothing is owed: it was dropped, or from before the log was known (J6).
        self._begin = max(floor, began) if began is not None else floor or None
        self._run_to = -1 if self._begin is None else self._begin - 1  # stored or lost, without a hole
        self._broken = False
        self._stored_to = -1

    def take(self, first: int, last: int, held: bool, late: bool, report: Report) -> None:
        """One more span; `held`: a row, else a loss."""
        if held and first <= self._stored_to:
            report.add("rows-overlap", self._where, f"{first} to {last} begins before {self._stored_to + 1}")
        if held:
            self._stored_to = max(self._stored_to, last)
        if late and self._begin in (None, first):
            self._begin = None  # what came late tells nothing of where the log began
        elif self._begin is None:
            self._begin, self._run_to = first, last
        elif first > self._run_to + 1:
            self._broken = True
        elif not self._broken:
            self._run_to = max(self._run_to, last)

    def judge(self, report: Report) -> None:
        """All spans were taken."""
        hwm, top = self._hwm, self._top
        # A mark whose beginning is not known may wait in front of everything that is stored (J4).
        waits = self._begin is None or hwm < self._begin - 1
        if not waits and hwm != self._run_to:
            words = f"is at {hwm}; what is stored or lost is unbroken up to {self._run_to}"
            report.add("mark-wrong", self._where, words)
        if self._stored_to > top or (self._stored_to < top and top >= self._floor):
            words = f"says that {top} is stored; the greatest stored number is {self._stored_to}"
            report.add("mark-wrong", self._where, words)


def _check_counters(db: sqlite3.Connection, report: Report) -> None:
    """What was received is what became of it (J5), and what was kept is there."""
    (records,) = db.execute("SELECT coalesce(sum(last - first + 1), 0) FROM bodies").fetchone()
    counts: dict[tuple[str, str], int] = {}
    for name, key, value in db.execute("SELECT name, key, value FROM counters"):
        name_key = (name, key.partition("/")[0])
        counts[name_key] = counts.get(name_key, 0) + value
    received = counts.get(("received", ""), 0)
    outcomes = {outcome: counts.get(("outcome", outcome.value), 0) for outcome in Outcome}
    if received != sum(outcomes.values()):
        words = " + ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        report.add("sum-wrong", "counters", f"{received} received, but {words}")
    if report.version < 3:
        return
    if db.execute("SELECT EXISTS (SELECT 1 FROM epochs WHERE cause = 'damage')").fetchone()[0]:
        return  # what salvage could not read stays counted
    (dropped,) = db.execute("SELECT coalesce(sum(count), 0) FROM drops WHERE what = 'records'").fetchone()
    (loose,) = db.execute(
        "SELECT (SELECT coalesce(sum(times), 0) FROM quarantine WHERE row IS NULL AND released_ms IS NULL)"
        " + (SELECT coalesce(sum(value), 0) FROM meta WHERE name = ?)",
        (META_GONE,),
    ).fetchone()
    judged = sum(outcomes.values()) - outcomes[Outcome.DUPLICATE]
    if judged != records + loose + dropped:
        report.add(
            "sum-wrong",
            "rows",
            f"{judged} records were judged new; {records} stand in rows, {loose} in the quarantine alone,"
            f" {dropped} were dropped",
        )


def _where(row: Row) -> str:
    return f"row {row.id} ({row.device} {row.log} {row.first}..{row.last})"
