"""The journal as JSON lines, for scripts and strangers: every record's exact text, and what became of it.

The first line says what this is. Then one line a record, in the journal's order: `{"row", "received_ms",
"device", "log", "seq", "outcome", "codes", "t_ms", "text"}`. `text` is the record as the device sent it, byte
for byte, as a string (a JSON text may hold line ends); decode it to get the record. `outcome` and `codes` are
those in force now, a later judgement included; `t_ms` is the time that the gateway gave a record whose own
cannot be used, else null. A row whose check sum is wrong comes as one line with `"damaged"`. With `refused`,
what is kept in the quarantine alone follows, bytes in base64. The last line counts, and carries the SHA-256
of all the bytes before it: without it a file is not whole.
"""

import hashlib
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gateway.journal.backup import opened
from gateway.journal.errors import JournalError, explained
from gateway.journal.schema import FILE, MIGRATIONS
from gateway.journal.stored import Row

FORMAT = 1
SLICE = 1_000
_ROWS = """
SELECT b.id, b.received_ms, l.device, l.log, b.first, b.last, b.body, b.notes, b.crc, b.log_id
FROM bodies b JOIN logs l ON l.id = b.log_id
WHERE b.id > ? AND (? IS NULL OR l.device = ?) AND b.received_ms >= ? AND b.received_ms < ?
ORDER BY b.id LIMIT ?
"""
_REVISIONS = (
    "SELECT seq, outcome, codes, t_ms FROM revisions WHERE log_id = ? AND seq BETWEEN ? AND ? ORDER BY id"
)
_REFUSED = """
SELECT id, received_ms, device, channel, log, seq, code, detail, times, last_ms, size, body FROM quarantine
WHERE row IS NULL AND released_ms IS NULL AND overflow = 0
    AND id > ? AND (? IS NULL OR device = ?) AND received_ms >= ? AND received_ms < ?
ORDER BY id LIMIT ?
"""


class Selection(Struct, frozen=True):
    """What to export: of one device, received in `since_ms`..`until_ms` - 1 (ms since 1970 UTC)."""

    device: str | None = None
    since_ms: int = 0
    until_ms: int | None = None
    refused: bool = False


class Line(Struct):
    """One record. `text` is what the device sent."""

    row: int
    received_ms: int
    device: str
    log: str
    seq: int
    outcome: str
    codes: tuple[str, ...]
    t_ms: int | None
    text: str


class Exported(Struct):
    """What was exported so far; complete when the last line was taken."""

    records: int = 0
    refused: int = 0
    damaged_rows: int = 0
    sha256: str = ""


def lines(store: Path, selection: Selection, done: Exported) -> Iterator[bytes]:
    """The lines of an export, each with its end; counts in `done`. Raises JournalError.

    Read in slices: what comes in meanwhile is in it as well, and the writer is not disturbed.
    """
    file = store / FILE
    digest = hashlib.sha256()
    try:
        with opened(file) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != len(MIGRATIONS):
                raise JournalError(
                    f"{file}: has version {version}, this program reads {len(MIGRATIONS)}. "
                    "Start the gateway once: it brings the journal up to date."
                )
            for line in _all(db, selection, done):
                digest.update(line)
                yield line
    except sqlite3.Error as err:
        raise explained(f"{file}: cannot be exported", err) from err
    done.sha256 = digest.hexdigest()
    yield _line({"end": True, **msgspec.structs.asdict(done)})


def _all(db: sqlite3.Connection, selection: Selection, done: Exported) -> Iterator[bytes]:
    (epoch,) = db.execute("SELECT epoch FROM epochs ORDER BY id DESC LIMIT 1").fetchone()
    yield _line({"huishou_export": FORMAT, "epoch": epoch, **msgspec.structs.asdict(selection)})
    cursor = 0
    while rows := _slice(db, _ROWS, selection, cursor):
        revised = db.execute("SELECT EXISTS (SELECT 1 FROM revisions)").fetchone()[0]
        for *values, log_id in rows:
            row = Row(*values)
            if not row.sound():
                done.damaged_rows += 1
                yield _line({"damaged": "row-damaged", **_bytes(msgspec.structs.asdict(row))})
                continue
            later = _later(db, row, log_id) if revised else {}
            for one in row.records():
                outcome, codes, t_ms = later.get(one.seq, (one.outcome.value, one.codes, one.t_ms))
                text = one.raw.decode()  # JSON that was decoded as UTF-8 before it was journaled
                line = Line(row.id, row.received_ms, row.device, row.log, one.seq, outcome, codes, t_ms, text)
                done.records += 1
                yield _line(line)
        cursor = rows[-1][0]
    cursor = 0
    while selection.refused and (rows := _slice(db, _REFUSED, selection, cursor)):
        for id_, *values, body in rows:
            names = (
                "received_ms",
                "device",
                "channel",
                "log",
                "seq",
                "code",
                "detail",
                "times",
                "last_ms",
                "size",
            )
            done.refused += 1
            yield _line({"refused": id_, **dict(zip(names, values, strict=True)), **_bytes({"body": body})})
        cursor = rows[-1][0]


def _slice(db: sqlite3.Connection, query: str, selection: Selection, cursor: int) -> list[Any]:
    device = selection.device
    until_ms = 2**62 if selection.until_ms is None else selection.until_ms
    return db.execute(query, (cursor, device, device, selection.since_ms, until_ms, SLICE)).fetchall()


def _later(
    db: sqlite3.Connection, row: Row, log_id: int
) -> dict[int, tuple[str, tuple[str, ...], int | None]]:
    """The judgements in force of a row's records that were judged anew."""
    found = db.execute(_REVISIONS, (log_id, row.first, row.last))
    return {
        seq: (outcome, msgspec.json.decode(codes, type=tuple[str, ...]), t_ms)
        for seq, outcome, codes, t_ms in found
    }


def _bytes(fields: dict[str, Any]) -> dict[str, Any]:
    """Bytes as base64, under a name that says so."""
    encoded: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, bytes):
            encoded[f"{name}_base64"] = b64encode(value).decode()
        else:
            encoded[name] = value
    return encoded


def _line(content: Any) -> bytes:
    return msgspec.json.encode(content) + b"\n"
