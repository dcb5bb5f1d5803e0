"""What goes into the journal, what comes out of it, and what it promises. No I/O.

Rules of the journal, each tied to its number where it is enforced:

J1  A row holds the records `first`..`last` of one log, all of them, in order; rows of a log never overlap.
J2  A record's first copy stands for ever, byte for byte. An equal copy is a duplicate; another one is a
    `seq-conflict`: quarantined, and the first stands.
J3  The high-water mark of a log covers an unbroken run. It passes a gap only up to what the device declares
as lost (`first` - 1); the loss is written down. J4  Records after a gap are kept where they are (`seq-gap`
on the first of them) and joined when the gap fills. J5  received = accepted + flagged + quarantined +
duplicate, counted in the transaction that stores. J6  A new log's mark starts below the first record that
the device still holds, whatever its number.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec
from msgspec import Struct, field

from gateway.journal import bodies


class Outcome(StrEnum):
    """What became of a record that arrived."""

    ACCEPTED = "accepted"
    FLAGGED = "flagged"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"


class Note(Struct, frozen=True, omit_defaults=True):
    """What is to be known of one stored record that was not plainly accepted.

    `t_ms`: the time that the gateway gave it, where its own cannot be used (ms since 1970 UTC).
    """

    outcome: Outcome
    codes: tuple[str, ...] = ()
    t_ms: int | None = None


class Judged(Struct, frozen=True, gc=False):
    """One record of a message, as decoding and checks found it; `seq` None: its number cannot be read."""

    seq: int | None
    outcome: Outcome = Outcome.ACCEPTED
    codes: tuple[str, ...] = ()
    detail: str = ""
    t_ms: int | None = None


class Records(Struct, frozen=True):
    """An `up/records` message: `records[i]` is the judgement on the i-th of `body`'s records.

    `first`: the oldest record that the device still holds.
    """

    received_ms: int
    device: str
    log: str
    first: int
    sent_ms: int
    body: bytes
    records: Sequence[Judged]


class Refused(Struct, frozen=True):
    """A message of which nothing can be used.

    Counts as one record. `size`: bytes before `body` was cut to fit.
    """

    received_ms: int
    device: str
    channel: str
    code: str
    detail: str
    body: bytes
    size: int


class StateReport(Struct, frozen=True):
    """An `up/state` message. `log` and `first`: as it says, None where it does not."""

    received_ms: int
    device: str
    body: bytes
    log: str | None = None
    first: int | None = None


class Reply(Struct, frozen=True):
    """An `up/replies` message."""

    received_ms: int
    device: str
    body: bytes


Arrival = Records | Refused | StateReport | Reply


class Appended(Struct):
    """What a committed batch did. `acks`: per (device, log) touched, all up to here is durable."""

    acks: dict[tuple[str, str], int] = field(default_factory=dict)
    received: int = 0
    outcomes: dict[tuple[Outcome, str], int] = field(default_factory=dict)


class Stored(Struct, frozen=True):
    """One record as it stands in the journal. `raw` is its JSON text as the device sent it."""

    seq: int
    raw: bytes
    outcome: Outcome
    codes: tuple[str, ...]
    t_ms: int | None


_NOTES = msgspec.json.Decoder(dict[int, Note])
_PLAIN = Note(Outcome.ACCEPTED)


def encode_notes(notes: dict[int, Note]) -> bytes | None:
    """Notes by seq as they stand in a row; None when there is nothing to note."""
    return msgspec.json.encode(notes) if notes else None


class Row(Struct, frozen=True):
    """One row of the journal.

    It holds the records `first`..`last` of a log. `id` is its place: the readers' cursor.
    """

    id: int
    received_ms: int
    device: str
    log: str
    first: int
    last: int
    body: bytes
    notes: bytes | None

    def noted(self) -> dict[int, Note]:
        """What is noted of single records, by number; those not among them were plainly accepted."""
        return _NOTES.decode(self.notes) if self.notes else {}

    def records(self) -> Iterator[Stored]:
        """Its records in order, quarantined ones among them."""
        notes = self.noted()
        for offset, raw in enumerate(bodies.split(self.body)):
            note = notes.get(self.first + offset, _PLAIN)
            yield Stored(self.first + offset, raw, note.outcome, note.codes, note.t_ms)


class Refusal(Struct, frozen=True):
    """One entry of the quarantine.

    A record, or a whole message (`seq` None), with the reason and its bytes.
    """

    id: int
    received_ms: int
    device: str
    channel: str
    log: str | None
    seq: int | None
    code: str
    detail: str
    body: bytes
    size: int


class Loss(Struct, frozen=True):
    """Records `first`..`last` that a device declared as lost before the gateway had them."""

    device: str
    log: str
    first: int
    last: int
    declared_ms: int


class LogMark(Struct, frozen=True):
    """How far a log is known: unbroken up to `hwm` (-1: nothing), greatest stored number `top`."""

    device: str
    log: str
    hwm: int
    top: int


class StateRow(Struct, frozen=True):
    """The latest `up/state` of a device."""

    device: str
    received_ms: int
    body: bytes


class Counters(Struct, frozen=True):
    """Since the journal was created. `received` is the sum of `outcomes` (J5)."""

    received: int
    outcomes: dict[tuple[str, str], int]
    messages: dict[str, int]


class JournalError(Exception):
    """The journal could not be written or read; nothing of the batch was stored. `code` is stable."""

    code = "journal-failed"


class Journal(Protocol):
    """What intake needs of a journal: small, so that a distributed one can take the place of SQLite."""

    def append(self, batch: Sequence[Arrival]) -> Appended:
        """Store a batch durably, all or nothing, in its order. Raises JournalError."""

    def hwm(self, device: str, log: str) -> int | None:
        """Up to which number a log is known without a gap; None: nothing yet."""

    def close(self) -> None:
        """Let go of the store."""
