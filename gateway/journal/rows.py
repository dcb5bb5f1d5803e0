"""From `up/records` messages to rows of the journal (J1-J4, J6). Inside the caller's transaction."""

import sqlite3
from collections.abc import Iterator
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from gateway.journal import bodies
from gateway.journal.bodies import checksum
from gateway.journal.logs import Log, Logs
from gateway.journal.model import Judged, Note, Outcome, Plain, Records, encode_notes
from gateway.journal.quarantine import Entry, Quarantine
from gateway.journal.tally import Tally

_INSERT = (
    "INSERT INTO bodies (received_ms, log_id, first, last, body, notes, crc) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_LOG_ID = itemgetter(1)
_CONFLICT = "differs from the first copy of this number"


class _Span(NamedTuple):
    """One stored row: its first number, its body, the texts of its records."""

    first: int
    last: int
    body: bytes
    texts: bodies.Texts

    def __contains__(self, seq: object) -> bool:
        return isinstance(seq, int) and self.first <= seq <= self.last

    def text(self, seq: int) -> bytes:
        return self.texts[seq - self.first]


_NO_ROW = _Span(0, -1, b"", bodies.Texts(b""))


class Rows:
    """Stores messages. Rows of the usual kind are gathered and written together: `flush` at the end."""

    def __init__(self, db: sqlite3.Connection, logs: Logs, quarantine: Quarantine) -> None:
        self._db = db
        self._logs = logs
        self._quarantine = quarantine
        self._gathered: list[tuple[int, int, int, int, bytes, None, int]] = []

    def forget(self) -> None:
        """The transaction failed: what was gathered is not to be written."""
        self._gathered.clear()

    def flush(self) -> None:
        """Write what was gathered; before anything looks at the table."""
        if self._gathered:
            self._gathered.sort(key=_LOG_ID)  # log by log: each page of the index is met once
            self._db.executemany(_INSERT, self._gathered)
            self._gathered.clear()

    def add(self, message: Records, tally: Tally, per_device: int) -> None:
        """Store what is new of a message; count and quarantine the rest."""
        records = message.records
        log = self._logs.find(message.device, message.log)
        if log is None:
            log = self._logs.add(message.device, message.log, message.first - 1)  # J6
        elif message.first - 1 > log.hwm:
            self.flush()
            self._logs.declare(log, message.first, message.received_ms, tally)
        tally.appended.received += len(records)  # as it came in; outcomes where they are decided (J5)
        if type(records) is Plain and records.seq == log.hwm + 1 > log.top and records.size:
            # The usual message, all of it new and next: one row, no look at its records.
            last = log.hwm + records.size
            body = message.body
            self._gathered.append(
                (
                    message.received_ms,
                    log.id,
                    records.seq,
                    last,
                    body,
                    None,
                    checksum(records.seq, body, None),
                )
            )
            log.hwm = log.top = last
            self._logs.moved.add(log)
            tally.plain += records.size
        else:
            self.flush()
            self._sort(message, log, tally, per_device)
        if log.hwm >= message.first:
            tally.appended.acks[message.device, message.log] = log.hwm

    def _sort(self, message: Records, log: Log, tally: Tally, per_device: int) -> None:
        """Record by record: what is new, what is a copy, what contradicts, what cannot be placed."""
        fresh: dict[int, tuple[int, Judged]] = {}  # seq → place in the message, judgement
        texts = bodies.Texts(message.body)
        row = _NO_ROW  # the stored row that was looked into last
        for place, judged in enumerate(message.records):
            seq = judged.seq
            if seq is None:
                self._refuse(message, texts[place], judged, None, tally, per_device)
                continue
            first_copy = texts[fresh[seq][0]] if seq in fresh else None
            if first_copy is None and seq <= log.top:
                row = row if seq in row else self._row_at(log, seq)
                if seq in row:
                    if row.body == message.body and not fresh:  # the same message once more
                        tally.outcome(Outcome.DUPLICATE, (), len(message.records) - place)
                        return
                    first_copy = row.text(seq)
            if first_copy is None:
                if seq < log.floor and not self._logs.is_lost(log, seq):
                    tally.outcome(Outcome.DUPLICATE)  # its row was dropped (J2)
                else:
                    fresh[seq] = (place, judged)
            elif texts[place] == first_copy:  # J2
                tally.outcome(Outcome.DUPLICATE)
            else:
                conflict = Judged(seq, Outcome.QUARANTINED, ("seq-conflict",), _CONFLICT)
                self._refuse(message, texts[place], conflict, None, tally, per_device)
        if fresh:
            self._store(message, log, fresh, texts, tally, per_device)

    def _store(
        self,
        message: Records,
        log: Log,
        fresh: dict[int, tuple[int, Judged]],
        texts: bodies.Texts,
        tally: Tally,
        per_device: int,
    ) -> None:
        """Write the records that are new as rows of unbroken runs (J1), and move the marks."""
        verbatim = len(fresh) == len(message.records) and _unbroken(list(fresh))
        for run in _runs(sorted(fresh)):
            body = message.body
            if not verbatim:
                parts = (texts[fresh[seq][0]] for seq in run)
                body = bodies.compose(message.log, message.first, message.sent_ms, parts)
            notes: dict[int, Note] = {}
            refused: list[tuple[int, Judged]] = []
            for seq in run:
                place, judged = fresh[seq]
                judged = _place(log, judged, seq, run[0])
                if judged.outcome is Outcome.QUARANTINED:
                    refused.append((place, judged))
                else:
                    tally.outcome(judged.outcome, judged.codes)
                if judged.outcome is not Outcome.ACCEPTED:
                    notes[seq] = Note(judged.outcome, judged.codes, judged.t_ms)
            encoded = encode_notes(notes)
            values = (message.received_ms, log.id, run[0], run[-1], body, encoded)
            cursor = self._db.execute(_INSERT, (*values, checksum(run[0], body, encoded)))
            for place, judged in refused:
                self._refuse(message, texts[place], judged, cursor.lastrowid, tally, per_device)
            if run[0] <= log.hwm:
                self._logs.found_again(log, run[0], run[-1], tally)
            self._logs.moved.add(log)
            log.top = max(log.top, run[-1])
            if run[0] <= log.hwm + 1 <= run[-1]:
                log.hwm = run[-1]
                self._logs.join(log)

    def _refuse(
        self, message: Records, text: bytes, judged: Judged, row: int | None, tally: Tally, per_device: int
    ) -> None:
        tally.outcome(Outcome.QUARANTINED, judged.codes)
        entry = Entry(
            message.received_ms,
            message.device,
            "up/records",
            message.log,
            judged.seq,
            judged.codes[0],
            judged.detail,
            text,
            len(text),
            row,
        )
        self._quarantine.add(entry, per_device)

    def _row_at(self, log: Log, seq: int) -> _Span:
        """The row that may hold `seq`: J1 makes it the only candidate."""
        row = self._db.execute(
            "SELECT first, last, body FROM bodies"
            " WHERE log_id = ? AND first <= ? ORDER BY first DESC LIMIT 1",
            (log.id, seq),
        ).fetchone()
        return _Span(row[0], row[1], row[2], bodies.Texts(row[2])) if row else _NO_ROW


def _place(log: Log, judged: Judged, seq: int, run_first: int) -> Judged:
    """Add what the record's place in its log says of it (J3, J4)."""
    if seq <= log.hwm:
        code = "seq-late"
    elif seq == run_first and seq > max(log.top, log.hwm) + 1:
        code = "seq-gap"
    else:
        return judged
    outcome = Outcome.FLAGGED if judged.outcome is Outcome.ACCEPTED else judged.outcome
    return Judged(seq, outcome, (*judged.codes, code), judged.detail, judged.t_ms)


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    """Ascending numbers cut into unbroken runs."""
    start = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[index - 1] + 1:
            yield numbers[start:index]
            start = index


def _unbroken(numbers: list[int]) -> bool:
    return all(b == a + 1 for a, b in pairwise(numbers))
