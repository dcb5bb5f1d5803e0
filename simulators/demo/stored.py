"""Reads the second ledger from where it is: the gateway's journal."""

from collections.abc import Iterator
from pathlib import Path

from gateway.journal import JournalReader, Outcome
from simulators.demo.ledgers import Journaled
from simulators.demo.points import Name

_ROWS = 500


def journal(store: Path) -> Iterator[Journaled]:
    """Every record in the journal of a store, in its order."""
    cursor = 0
    with JournalReader(store) as reader:
        while rows := reader.read(cursor, _ROWS):
            for row in rows:
                for record in row.records():
                    refused = ",".join(record.codes) if record.outcome is Outcome.QUARANTINED else None
                    name = Name(row.device, row.log, record.seq)
                    yield Journaled(name, record.raw, record.t_ms, refused)
            cursor = rows[-1].id
