"""The embedded journal: one SQLite file, one writer, one fsync per batch.

WAL with `synchronous=FULL`: when `append` returns, the batch survives a power cut. The rules J1–J6 are in
`gateway.journal.model`.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from gateway.journal import bodies
from gateway.journal.model import (
    Appended,
    Arrival,
    JournalError,
    Judged,
    Note,
    Outcome,
    Records,
    Refused,
    Reply,
    StateReport,
    encode_notes,
)
from gateway.journal.schema import migrate

FILE = "journal.db"
BUSY_S = 10.0  # readers hold no lock against a WAL writer; only a checkpoint or a foreign tool can
MAX_LOGS_CACHED = 100_000


class _Log:
    """What the writer remembers of one log between batches."""

    __slots__ = ("hwm", "id", "top")

    def __init__(self, id_: int, hwm: int, top: int) -> None:
        self.id = id_
        self.hwm = hwm
        self.top = top


class _Span(NamedTuple):
    """The record texts of one stored row, by number."""

    first: int
    texts: list[bytes]

    def __contains__(self, seq: object) -> bool:
        return isinstance(seq, int) and self.first <= seq < self.first + len(self.texts)

    def text(self, seq: int) -> bytes:
        return self.texts[seq - self.first]


class SqliteJournal:
    """The writing side. One per store at a time (the caller holds the lock); one thread at a time."""

    def __init__(self, store: Path) -> None:
        self.path = store / FILE
        try:
            store.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA journal_size_limit = 67108864")
            migrate(self._db)
        except (OSError, sqlite3.Error, ValueError) as err:
            raise JournalError(
                f"{self.path}: cannot be opened: {err}. Check the path, its permissions and the free space."
            ) from err
        self._logs: dict[tuple[str, str], _Log] = {}
        self._moved: set[_Log] = set()  # whose marks are ahead of the table's

    def append(self, batch: Sequence[Arrival]) -> Appended:
        """Store a batch durably, all or nothing.

        Raises JournalError when the disk or the database refuses.
        """
        done = Appended()
        messages: Counter[str] = Counter()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for arrival in batch:
                match arrival:
                    case Records():
                        messages["up/records"] += 1
                        self._records(arrival, done)
                    case Refused():
                        messages[arrival.channel] += 1
                        self._refused(arrival, done)
                    case StateReport():
                        messages["up/state"] += 1
                        self._state(arrival, done)
                    case Reply():
                        messages["up/replies"] += 1
                        self._db.execute(
                            "INSERT INTO replies (received_ms, device, body) VALUES (?, ?, ?)",
                            (arrival.received_ms, arrival.device, arrival.body),
                        )
            self._save_logs()
            self._count(done, messages)
            self._db.execute("COMMIT")
        except BaseException as err:
            self._logs.clear()  # they were changed ahead of the commit
            self._moved.clear()
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(err, sqlite3.Error):
                raise JournalError(
                    f"{self.path}: {len(batch)} messages not stored: {err}. They stay unacknowledged; "
                    "check the free space and the health of the disk."
                ) from err
            raise
        return done

    def hwm(self, device: str, log: str) -> int | None:
        """Up to which number a log is known without a gap; None: nothing yet."""
        found = self._log(device, log)
        return None if found is None or found.hwm < 0 else found.hwm

    def close(self) -> None:
        """Close the file; the WAL is folded in."""
        self._db.close()

    def _records(self, message: Records, done: Appended) -> None:
        log = self._log(message.device, message.log)
        if log is None:
            log = self._new_log(message.device, message.log, message.first - 1)  # J6
        else:
            self._declare(log, message.first, message.received_ms)
        fresh: dict[int, tuple[int, Judged]] = {}  # seq → place in the message, judgement
        texts = bodies.Texts(message.body)
        row = _Span(0, [])  # the stored row that was looked into last
        done.received += len(
            message.records
        )  # as it came in; each outcome is counted where it is decided (J5)
        for place, judged in enumerate(message.records):
            seq = judged.seq
            if seq is None:
                self._quarantine(message, texts[place], judged, done)
                continue
            first_copy = texts[fresh[seq][0]] if seq in fresh else None
            if first_copy is None and seq <= log.top:
                row = row if seq in row else self._row_at(log, seq)
                first_copy = row.text(seq) if seq in row else None
            if first_copy is None:
                fresh[seq] = (place, judged)
            elif texts[place] == first_copy:  # J2
                _outcome(done, Outcome.DUPLICATE, "")
            else:
                detail = "differs from the first copy of this number"
                conflict = Judged(seq, Outcome.QUARANTINED, ("seq-conflict",), detail)
                self._quarantine(message, texts[place], conflict, done)
        if fresh:
            self._store(message, log, fresh, texts, done)
        if log.hwm >= message.first:
            done.acks[message.device, message.log] = log.hwm

    def _store(
        self,
        message: Records,
        log: _Log,
        fresh: dict[int, tuple[int, Judged]],
        texts: bodies.Texts,
        done: Appended,
    ) -> None:
        """Write the records that are new as rows of unbroken runs (J1), and move the marks."""
        verbatim = len(fresh) == len(message.records) and _unbroken(list(fresh))
        for run in _runs(sorted(fresh)):
            body = message.body
            if not verbatim:
                parts = (texts[fresh[seq][0]] for seq in run)
                body = bodies.compose(message.log, message.first, message.sent_ms, parts)
            notes: dict[int, Note] = {}
            for seq in run:
                place, judged = fresh[seq]
                judged = self._place(log, judged, seq, run[0])
                if judged.outcome is Outcome.QUARANTINED:
                    self._quarantine(message, texts[place], judged, done)
                else:
                    _outcome(done, judged.outcome, judged.codes[0] if judged.codes else "")
                if judged.outcome is not Outcome.ACCEPTED:
                    notes[seq] = Note(judged.outcome, judged.codes, judged.t_ms)
            self._db.execute(
                "INSERT INTO bodies (received_ms, log_id, first, last, body, notes)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (message.received_ms, log.id, run[0], run[-1], body, encode_notes(notes)),
            )
            self._moved.add(log)
            log.top = max(log.top, run[-1])
            if run[0] <= log.hwm + 1 <= run[-1]:
                log.hwm = run[-1]
                self._join(log)

    def _place(self, log: _Log, judged: Judged, seq: int, run_first: int) -> Judged:
        """Add what the record's place in its log says of it (J3, J4)."""
        if seq <= log.hwm:
            code = "seq-late"
        elif seq == run_first and seq > max(log.top, log.hwm) + 1:
            code = "seq-gap"
        else:
            return judged
        outcome = Outcome.FLAGGED if judged.outcome is Outcome.ACCEPTED else judged.outcome
        return Judged(seq, outcome, (*judged.codes, code), judged.detail, judged.t_ms)

    def _join(self, log: _Log) -> None:
        """Move the mark over rows that were waiting behind a gap (J4)."""
        while log.hwm < log.top:
            row = self._db.execute(
                "SELECT last FROM bodies WHERE log_id = ? AND first = ?", (log.id, log.hwm + 1)
            ).fetchone()
            if row is None:
                return
            (log.hwm,) = row

    def _declare(self, log: _Log, first: int, now_ms: int) -> None:
        """The device no longer holds what is below `first`: what is missing there is lost (J3)."""
        if first - 1 <= log.hwm:
            return
        spans = self._db.execute(
            "SELECT first, last FROM bodies WHERE log_id = ? AND first BETWEEN ? AND ? ORDER BY first",
            (log.id, log.hwm + 1, first - 1),
        ).fetchall()
        spans.append((first, first - 1))  # empty: ends the search at `first`
        missing_from = log.hwm + 1
        for span_first, span_last in spans:
            if span_first > missing_from:
                self._db.execute(
                    "INSERT INTO losses (log_id, first, last, declared_ms) VALUES (?, ?, ?, ?)",
                    (log.id, missing_from, span_first - 1, now_ms),
                )
            missing_from = max(missing_from, span_last + 1)
        log.hwm = max(missing_from, first) - 1
        self._moved.add(log)
        self._join(log)

    def _row_at(self, log: _Log, seq: int) -> _Span:
        """The row that may hold `seq`: J1 makes it the only candidate."""
        row = self._db.execute(
            "SELECT first, body FROM bodies WHERE log_id = ? AND first <= ? ORDER BY first DESC LIMIT 1",
            (log.id, seq),
        ).fetchone()
        return _Span(row[0], bodies.split(row[1])) if row else _Span(0, [])

    def _refused(self, message: Refused, done: Appended) -> None:
        done.received += 1
        _outcome(done, Outcome.QUARANTINED, message.code)
        self._db.execute(
            "INSERT INTO quarantine (received_ms, device, channel, code, detail, body, size)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                message.received_ms,
                message.device,
                message.channel,
                message.code,
                message.detail,
                message.body,
                message.size,
            ),
        )

    def _quarantine(self, message: Records, text: bytes, judged: Judged, done: Appended) -> None:
        _outcome(done, Outcome.QUARANTINED, judged.codes[0])
        self._db.execute(
            "INSERT INTO quarantine (received_ms, device, channel, log, seq, code, detail, body, size)"
            " VALUES (?, ?, 'up/records', ?, ?, ?, ?, ?, ?)",
            (
                message.received_ms,
                message.device,
                message.log,
                judged.seq,
                judged.codes[0],
                judged.detail,
                text,
                len(text),
            ),
        )

    def _state(self, report: StateReport, done: Appended) -> None:
        # A retained state comes again with every subscription: only a new one is news.
        self._db.execute(
            "INSERT INTO states (device, received_ms, body) VALUES (?, ?, ?) ON CONFLICT (device) DO UPDATE"
            " SET received_ms = excluded.received_ms, body = excluded.body WHERE body != excluded.body",
            (report.device, report.received_ms, report.body),
        )
        if report.log is None:
            return
        log = self._log(report.device, report.log)
        if log is None:
            return
        if report.first is not None:
            self._declare(log, report.first, report.received_ms)
        if log.hwm >= (report.first or 0):
            done.acks[report.device, report.log] = log.hwm

    def _log(self, device: str, log: str) -> _Log | None:
        found = self._logs.get((device, log))
        if found is None:
            row = self._db.execute(
                "SELECT id, hwm, top FROM logs WHERE device = ? AND log = ?", (device, log)
            ).fetchone()
            if row is None:
                return None
            found = self._logs[device, log] = _Log(*row)
        return found

    def _new_log(self, device: str, log: str, hwm: int) -> _Log:
        cursor = self._db.execute(
            "INSERT INTO logs (device, log, hwm, top) VALUES (?, ?, ?, -1)", (device, log, hwm)
        )
        new = self._logs[device, log] = _Log(int(cursor.lastrowid or 0), hwm, -1)
        return new

    def _save_logs(self) -> None:
        self._db.executemany(
            "UPDATE logs SET hwm = ?, top = ? WHERE id = ?",
            [(log.hwm, log.top, log.id) for log in self._moved],
        )
        self._moved.clear()
        if len(self._logs) > MAX_LOGS_CACHED:
            self._logs.clear()

    def _count(self, done: Appended, messages: Counter[str]) -> None:
        deltas = [("received", "", done.received)]
        deltas += [("outcome", f"{outcome}/{code}", n) for (outcome, code), n in done.outcomes.items()]
        deltas += [("message", channel, n) for channel, n in messages.items()]
        self._db.executemany(
            "INSERT INTO counters (name, key, value) VALUES (?, ?, ?)"
            " ON CONFLICT (name, key) DO UPDATE SET value = value + excluded.value",
            [delta for delta in deltas if delta[2]],
        )


def _outcome(done: Appended, outcome: Outcome, code: str) -> None:
    done.outcomes[outcome, code] = done.outcomes.get((outcome, code), 0) + 1


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    """Ascending numbers cut into unbroken runs."""
    start = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[index - 1] + 1:
            yield numbers[start:index]
            start = index


def _unbroken(numbers: list[int]) -> bool:
    return all(b == a + 1 for a, b in pairwise(numbers))
