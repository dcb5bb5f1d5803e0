"""The append-only journal that everything downstream reads: what devices sent, exactly, once, and what
became of it.

`model` says what goes in and states the rules, `stored` what comes out; `sqlite` is the writing side (intake,
and `huishou journal replay`), `reader` the reading side (everyone else), `epochs` and `readers` how the two
agree on what may go. Nothing here decodes a record: that is `gateway.contract`'s.
"""

from gateway.journal.epochs import Epoch, Place
from gateway.journal.errors import (
    JournalCorruptError,
    JournalError,
    JournalFullError,
    JournalIOError,
    JournalLockedError,
)
from gateway.journal.model import (
    Appended,
    Arrival,
    Condition,
    Journal,
    Judged,
    Note,
    Outcome,
    Plain,
    Records,
    Refused,
    Reissued,
    Rejudged,
    Reply,
    Revised,
    StateReport,
    Upkeep,
)
from gateway.journal.reader import JournalReader
from gateway.journal.sqlite import SqliteJournal
from gateway.journal.stored import (
    Counters,
    Gap,
    LogMark,
    Loss,
    Refusal,
    Revision,
    Row,
    StateRow,
    Stored,
)

__all__ = [
    "Appended",
    "Arrival",
    "Condition",
    "Counters",
    "Epoch",
    "Gap",
    "Journal",
    "JournalCorruptError",
    "JournalError",
    "JournalFullError",
    "JournalIOError",
    "JournalLockedError",
    "JournalReader",
    "Judged",
    "LogMark",
    "Loss",
    "Note",
    "Outcome",
    "Place",
    "Plain",
    "Records",
    "Refusal",
    "Refused",
    "Reissued",
    "Rejudged",
    "Reply",
    "Revised",
    "Revision",
    "Row",
    "SqliteJournal",
    "StateReport",
    "StateRow",
    "Stored",
    "Upkeep",
]
