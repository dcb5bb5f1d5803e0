"""Rows of the journal to a batch of lines. Pure."""

from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct, field

from gateway.contract import ContractError, decode_records, typed_records
from gateway.journal import Note, Outcome, Row
from gateway.writer.delivery import Convict
from gateway.writer.line import Encoder, LineError
from gateway.writer.store import RefusedLine

_PLAIN = Note(Outcome.ACCEPTED)


class Batch(Struct):
    """Lines of whole journal rows, of the rows up to `upto`.

    `starts[i]`: where the lines of `rows[i]` begin; `seqs`: the number of each line's record.
    """

    upto: int
    lines: list[str] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    refused: list[RefusedLine] = field(default_factory=list)
    damaged: list[Row] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)

    def refusal(self, convict: Convict, now_ms: int) -> RefusedLine:
        """A convicted line with its name."""
        row = self.rows[bisect_right(self.starts, convict.place) - 1]
        seq, line = self.seqs[convict.place], self.lines[convict.place].encode()
        return RefusedLine(now_ms, row.id, row.device, row.log, seq, line, convict.status, convict.words)


def take(rows: Sequence[Row], most: int, encoder: Encoder, now_ms: int, after: int = 0) -> Batch:
    """Make a batch of about `most` lines of the first of `rows` (at least one row), read behind row `after`.

    Quarantined records are not written, nor rows that are not sound. What cannot be decoded or expressed in
    line protocol is refused here.
    """
    batch = Batch(after)
    lines, seqs, by_type = batch.lines, batch.seqs, encoder.by_type
    for row in rows:
        if lines and len(lines) + row.last - row.first + 1 > most:
            break
        batch.upto = row.id
        if not row.sound():
            batch.damaged.append(row)
            continue
        batch.starts.append(len(lines))
        batch.rows.append(row)
        records = typed_records(row.body) if row.notes is None else None
        if records is None:
            _take_one_by_one(row, batch, encoder, now_ms)
            continue
        try:
            head = encoder.head(row.device)
            log = row.log
            made = [by_type[type(record)](head, log, record, record.t) for record in records]
        except LineError:
            _take_one_by_one(row, batch, encoder, now_ms)
            continue
        lines += made
        seqs += range(row.first, row.first + len(made))
    return batch


def _take_one_by_one(row: Row, batch: Batch, encoder: Encoder, now_ms: int) -> None:
    """A row with notes, with fields newer than this program, or with a record that cannot be a line."""

    def refuse(seq: int, raw: bytes, why: str) -> None:
        batch.refused.append(RefusedLine(now_ms, row.id, row.device, row.log, seq, raw, 0, why))

    notes = row.noted()
    try:
        items = decode_records(row.body).recs
    except ContractError as err:  # journaled by another version of this program, perhaps
        for one in row.records():
            refuse(one.seq, one.raw, str(err))
        return
    for seq, item in enumerate(items, start=row.first):
        note = notes.get(seq, _PLAIN)
        if note.outcome is Outcome.QUARANTINED:
            continue
        if item.record is None:
            refuse(seq, item.raw, f"{item.code}: {item.detail}")
            continue
        try:
            t_ms = item.record.t if note.t_ms is None else note.t_ms
            line = encoder.line(encoder.head(row.device), row.log, item.record, t_ms)
        except LineError as err:
            refuse(seq, item.raw, str(err))
            continue
        batch.lines.append(line)
        batch.seqs.append(seq)
