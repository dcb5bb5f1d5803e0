"""What goes into the journal, and what it promises. No I/O.

Rules of the journal, each tied to its number where it is enforced:

J1  A row holds the records `first`..`last` of one log, all of them, in order; rows of a log never overlap.
J2  A record's first copy stands for ever, byte for byte. An equal copy is a duplicate; another one is a
    `seq-conflict`: quarantined, and the first stands. Of a number below the log's floor (its row was dropped
    by retention) there is nothing left to compare with: it is a duplicate by its number alone.
J3  The high-water mark of a log covers an unbroken run. It passes a gap only up to what the device declares
    as lost (`first` - 1, or a run of `lost` that begins at the gap); the loss is written down, and closed
    again where such a record comes after all.
J4  Records after a gap are kept where they are (`seq-gap` on the first of them), joined when the gap fills,
    and not dropped before.
J5  received = accepted + flagged + quarantined + duplicate, counted in the transaction that stores. A later
    judgement moves a count from one outcome to another; a refused message that comes in anew is taken back
    (received and quarantined) before its records are counted.
J6  A new log's mark starts below the first record that the device still holds, whatever its number.
J7  A row's number is never given twice within an epoch (`gateway.journal.epochs`).
J8  Garbage that comes again and again is one entry of the quarantine; every copy is counted.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Protocol, overload

import msgspec
from msgspec import Struct, field


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


class Plain(Sequence[Judged]):
    """The judgements on `size` records numbered from `seq` on without a gap, all accepted.

    What nearly every message is; the journal takes it as a whole instead of record by record.
    """

    __slots__ = ("seq", "size")

    def __init__(self, seq: int, size: int) -> None:
        self.seq = seq
        self.size = size

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, place: int) -> Judged: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Judged]: ...
    def __getitem__(self, place: int | slice) -> Judged | Sequence[Judged]:
        numbers = range(self.seq, self.seq + self.size)[place]
        return Judged(numbers) if isinstance(numbers, int) else [Judged(seq) for seq in numbers]


class Records(Struct, frozen=True):
    """An `up/records` message: `records[i]` is the judgement on the i-th of `body`'s records.

    `first`: the oldest record that the device still holds. `records` is best a `Plain` where it can be one.
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
    """An `up/state` message. `log` and `first`: as it says, None where it does not. `lost`: runs
    (first, last) that damage took, as it says.
    """

    received_ms: int
    device: str
    body: bytes
    log: str | None = None
    first: int | None = None
    lost: tuple[tuple[int, int], ...] = ()


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


def encode_notes(notes: dict[int, Note]) -> bytes | None:
    """Notes by seq as they stand in a row; None when there is nothing to note."""
    return msgspec.json.encode(notes) if notes else None


class Rejudged(Struct, frozen=True):
    """A later judgement of a stored record, named by log and number."""

    device: str
    log: str
    judged: Judged


class Reissued(Struct, frozen=True):
    """A refused message or record that decodes now: the entry of the quarantine, and what it is."""

    entry: int
    arrival: Arrival


class Revised(Struct):
    """What a committed revision did. Changes that were in force already count as `unchanged`."""

    changed: int = 0
    unchanged: int = 0
    appended: Appended = field(default_factory=Appended)


class Condition(Struct, frozen=True):
    """Something that a person should know or do, as upkeep found it; gone when it is no longer listed."""

    code: str
    detail: str
    since_ms: int


class Upkeep(Struct, frozen=True):
    """How the journal stands: `facts` are numbers for people and metrics, JSON-ready."""

    conditions: list[Condition]
    facts: dict[str, Any]


class Journal(Protocol):
    """What intake needs of a journal: small, so that a distributed one can take the place of SQLite.

    An implementation promises the rules above and these: calls come from one thread; other processes may read
    at any time, and see whole batches only; a call that raised JournalError has stored nothing, and may be
    repeated until it succeeds, after which nothing is doubled; what can be repaired without a person is
    repaired by the repeated call itself.
    """

    def append(self, batch: Sequence[Arrival]) -> Appended:
        """Store a batch durably, all or nothing, in its order. Raises JournalError."""

    def hwm(self, device: str, log: str) -> int | None:
        """Up to which number a log is known without a gap; None: nothing yet."""

    def maintain(self, now_ms: int) -> Upkeep:
        """A short piece of upkeep between batches (some 20 ms at most), to be called about once a second.

        Never raises for the journal's state: what is wrong is among the conditions.
        """

    def close(self) -> None:
        """Let go of the store."""
