"""The append-only journal that everything downstream reads: what devices sent, exactly, once, and what
became of it.

`model` says what goes in and out and states the rules; `sqlite` is the writing side (intake alone),
`reader` the reading side (everyone else). Nothing here decodes a record: that is `gateway.contract`'s.
"""

from gateway.journal.model import (
    Appended,
    Arrival,
    Counters,
    Journal,
    JournalError,
    Judged,
    LogMark,
    Loss,
    Note,
    Outcome,
    Records,
    Refusal,
    Refused,
    Reply,
    Row,
    StateReport,
    StateRow,
    Stored,
)
from gateway.journal.reader import JournalReader
from gateway.journal.sqlite import SqliteJournal

__all__ = [
    "Appended",
    "Arrival",
    "Counters",
    "Journal",
    "JournalError",
    "JournalReader",
    "Judged",
    "LogMark",
    "Loss",
    "Note",
    "Outcome",
    "Records",
    "Refusal",
    "Refused",
    "Reply",
    "Row",
    "SqliteJournal",
    "StateReport",
    "StateRow",
    "Stored",
]
