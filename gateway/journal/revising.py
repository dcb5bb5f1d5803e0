"""Later judgements of what was refused or flagged, after a change of rules or devices (J5). In the caller's
transaction.

A stored record keeps its row and first judgement; a revision is added and the counters move with it. A
message or record that stood in no row and decodes now is withdrawn and comes in anew.
"""

import sqlite3

import msgspec

from gateway.journal import bodies
from gateway.journal.logs import Logs
from gateway.journal.model import Note, Outcome, Reissued, Rejudged
from gateway.journal.quarantine import Entry, Quarantine
from gateway.journal.stored import Row
from gateway.journal.tally import Tally

WITHDRAWN = "withdrawn"


def rejudge(
    db: sqlite3.Connection,
    logs: Logs,
    quarantine: Quarantine,
    change: Rejudged,
    tally: Tally,
    now_ms: int,
    basis: str,
) -> bool:
    """Put a later judgement in force; False: it is in force already, or the record is not in the journal."""
    judged = change.judged
    log = logs.find(change.device, change.log)
    if log is None or judged.seq is None:
        return False
    found = db.execute(
        "SELECT id, received_ms, first, last, body, notes, crc FROM bodies"
        " WHERE log_id = ? AND first <= ? ORDER BY first DESC LIMIT 1",
        (log.id, judged.seq),
    ).fetchone()
    if found is None or found[3] < judged.seq:
        return False
    row = Row(found[0], found[1], change.device, change.log, *found[2:])
    if not row.sound():
        return False
    present = _present(db, log.id, row, judged.seq)
    if (judged.outcome, judged.codes, judged.t_ms) == (present.outcome, present.codes, present.t_ms):
        return False
    raw = bodies.split(row.body)[judged.seq - row.first]
    codes = msgspec.json.encode(judged.codes).decode()
    db.execute(
        "INSERT INTO revisions (at_ms, row, log_id, seq, raw, outcome, codes, detail, t_ms, basis)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            now_ms,
            row.id,
            log.id,
            judged.seq,
            raw,
            str(judged.outcome),
            codes,
            judged.detail,
            judged.t_ms,
            basis,
        ),
    )
    tally.outcome(present.outcome, present.codes, -1)
    tally.outcome(judged.outcome, judged.codes)
    for (entry,) in db.execute(
        "SELECT id FROM quarantine"
        " WHERE device = ? AND log = ? AND seq = ? AND row = ? AND released_ms IS NULL",
        (change.device, change.log, judged.seq, row.id),
    ).fetchall():
        quarantine.release(entry, now_ms, str(judged.outcome))
    if judged.outcome is Outcome.QUARANTINED:
        quarantine.add(
            Entry(
                row.received_ms,
                change.device,
                "up/records",
                change.log,
                judged.seq,
                judged.codes[0],
                judged.detail,
                raw,
                len(raw),
                row.id,
            ),
            0,  # it stands in a row: no bound applies
        )
    return True


def withdraw(
    db: sqlite3.Connection, quarantine: Quarantine, change: Reissued, tally: Tally, now_ms: int
) -> bool:
    """Take an entry and its copies back, so that it may come in anew; False: it is not there to be taken."""
    found = db.execute(
        "SELECT code, times FROM quarantine"
        " WHERE id = ? AND row IS NULL AND released_ms IS NULL AND overflow = 0",
        (change.entry,),
    ).fetchone()
    if found is None:
        return False
    code, times = found
    tally.appended.received -= times
    tally.outcome(Outcome.QUARANTINED, (code,), -times)
    quarantine.release(change.entry, now_ms, WITHDRAWN)
    return True


def _present(db: sqlite3.Connection, log_id: int, row: Row, seq: int) -> Note:
    """The judgement in force."""
    revised = db.execute(
        "SELECT outcome, codes, t_ms FROM revisions WHERE log_id = ? AND seq = ? ORDER BY id DESC LIMIT 1",
        (log_id, seq),
    ).fetchone()
    if revised is None:
        return row.noted().get(seq, Note(Outcome.ACCEPTED))
    codes = msgspec.json.decode(revised[1], type=tuple[str, ...])
    return Note(Outcome(revised[0]), codes, revised[2])
