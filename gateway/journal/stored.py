"""What comes out of the journal: rows, marks, gaps, losses, the quarantine, revisions, counts. No I/O."""

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from gateway.journal import bodies
from gateway.journal.model import Note, Outcome


class Stored(Struct, frozen=True):
    """One record as it stands in the journal. `raw` is its JSON text as the device sent it."""

    seq: int
    raw: bytes
    outcome: Outcome
    codes: tuple[str, ...]
    t_ms: int | None


_NOTES = msgspec.json.Decoder(dict[int, Note])
_PLAIN = Note(Outcome.ACCEPTED)


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
    crc: int | None = None

    def sound(self) -> bool:
        """Whether the row is as it was written; rows of version 1 and 2 carry no check sum and pass.

        A row that is not sound must not be used: report `row-damaged`, and go on with the next.
        """
        try:
            return self.crc is None or self.crc == bodies.checksum(self.first, self.body, self.notes)
        except (TypeError, OverflowError):  # in a damaged page, a value may be of any type
            return False

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
    """One entry of the quarantine: a record, or a whole message, with the reason and its bytes.

    `seq` None: a message, or a record whose number cannot be read. `row`: the journal's row that it stands in
    (it has a number, and is acknowledged by it); None: it is kept here alone. `times`: equal copies, each of
    them counted, the latest at `last_ms`. `overflow`: not an entry but the count of what the device's full
    quarantine did not keep. `released_as`: the outcome of a later judgement, or `withdrawn` when it came in
    anew; None: still refused.
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
    row: int | None = None
    times: int = 1
    last_ms: int = 0
    overflow: bool = False
    released_ms: int | None = None
    released_as: str | None = None


class Loss(Struct, frozen=True):
    """Records `first`..`last` that the gateway does not have and that nobody holds any more.

    `cause`: `device` (declared by it before the gateway had them), `restore` (an older journal was put in
    place), `damage` (the journal's file was damaged).
    """

    device: str
    log: str
    first: int
    last: int
    declared_ms: int
    cause: str = "device"


class Gap(Struct, frozen=True):
    """Records `first`..`last` that are missing while later ones are here (J4).

    `since_ms`: when the first of those behind it came.
    """

    device: str
    log: str
    first: int
    last: int
    since_ms: int


class Revision(Struct, frozen=True):
    """A later judgement of a stored record; the last one of a (device, log, seq) holds.

    `id` is its place: the readers' cursor. `row`: where the record stands, or stood. `basis` names the rules
    and devices that it was judged by.
    """

    id: int
    at_ms: int
    row: int
    device: str
    log: str
    seq: int
    raw: bytes
    outcome: Outcome
    codes: tuple[str, ...]
    detail: str
    t_ms: int | None
    basis: str


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
    """Since the journal was created. `received` is the sum of `outcomes` (J5).

    `outcomes`: records by what became of them and the first of the reasons. `codes`: by each reason; a record
    with two counts for both.
    """

    received: int
    outcomes: dict[tuple[str, str], int]
    codes: dict[str, int]
    messages: dict[str, int]
