"""A journal that works on a disk that forgets, cut off at any operation; and what is looked at afterwards.

`record` lets the product's journal work once, with every disk operation written down. `Judge` makes the disk
as a power cut may leave it, opens it with the standard library's SQLite and with the product, and says what
is wrong.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.journal import Arrival, JournalReader, Judged, Outcome, Records, Rejudged, SqliteJournal
from gateway.journal.retention import Limits
from gateway.journal.schema import MIGRATIONS, migrate
from gateway.journal.upkeep import AUDIT_MS
from gateway.journal.verify import verify
from simulators.disk import Connection, Cut, Disk, Replay
from simulators.disk.operations import Mark, Operation
from tests.disk.workload import LOGS, Workload, workload

FILE = "journal.db"
START_MS = 1_763_700_000_000
PAGES_A_CHECKPOINT = 24  # SQLite's own default is 1000; here a short run must meet many


KEEP_LITTLE = Limits(keep_ms=0, notice_ms=0)  # from two thirds on, retention drops all that it may


class Committed(Struct, frozen=True):
    """A transaction is durable, if the disk and SQLite keep their word: its content has this digest."""

    digest: str


class Returned(Struct, frozen=True):
    """`append` has returned for this batch: it must never be missed again."""

    batch: int


class Recording(Struct):
    """A run: the files it began with, everything that was done to the disk, and what was sent."""

    start: dict[str, bytes]
    start_digest: str
    log: list[Operation]
    sent: Workload


Connect = Callable[..., Any]


def record(directory: Path, seed: int, batches: int, synchronous: str = "FULL") -> Recording:
    """Run a journal from a store of an earlier version through a workload, checkpoints and a backup."""
    directory.mkdir(parents=True)
    start_digest = _make_earlier_version(directory / FILE)
    disk = Disk(directory)
    sent = workload(seed, batches, START_MS)

    def connect(path: Any, **options: Any) -> Any:
        return _Watched(disk, path, synchronous, **options)

    journal = SqliteJournal(directory, connect=connect)
    reader = None
    for number, batch in enumerate(sent.batches):
        now_ms = START_MS + 1000 * number
        if number == batches // 3:  # as a backup does: a snapshot is held while the writer goes on
            reader = Connection(disk, directory / FILE)
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM bodies").fetchall()
        if number == batches // 2 and reader is not None:
            reader.execute("COMMIT")
            reader.close()
        if number == 2 * batches // 3:
            journal.close()
            journal = SqliteJournal(directory, connect=connect)
            journal.limits = KEEP_LITTLE
        journal.append(batch)
        disk.mark(Returned(number))
        journal.revise(now_ms, _judged_anew(batch), basis=f"rules {number}")
        for _ in range(3):  # count itself, look, drop
            journal.maintain(now_ms + AUDIT_MS * number)
    journal.close()
    disk.close()
    return Recording(disk.start, start_digest, disk.log, sent)


def _judged_anew(batch: Sequence[Arrival]) -> list[Rejudged]:
    """A rule changed: of some records that were not plainly accepted, the judgement is another one."""
    return [
        Rejudged(message.device, message.log, Judged(one.seq, Outcome.FLAGGED, ("other-unit",)))
        for message in batch
        if isinstance(message, Records)
        for one in message.records
        if one.seq is not None and one.seq % 11 == 5
    ]


class _Watched(Connection):
    """Marks in the disk's log what each transaction made of the content."""

    def __init__(self, disk: Disk, path: Any, synchronous: str, **options: Any) -> None:
        super().__init__(disk, path, **options)
        self._disk = disk
        self._synchronous = synchronous
        self._changes = self.total_changes
        super().execute(f"PRAGMA wal_autocheckpoint = {PAGES_A_CHECKPOINT}")

    def execute(self, sql: str, values: Iterable[Any] = ()) -> Any:
        if sql.startswith("PRAGMA synchronous"):
            sql = f"PRAGMA synchronous = {self._synchronous}"
        cursor = super().execute(sql, values)
        if sql.startswith("COMMIT") or not self.in_transaction:
            self._note()
        return cursor

    def executescript(self, sql: str) -> Any:
        cursor = super().executescript(sql)
        self._note(always=True)
        return cursor

    def _note(self, always: bool = False) -> None:
        if not self.in_transaction and (always or self.total_changes != self._changes):
            self._changes = self.total_changes
            self._disk.mark(Committed(digest(super().execute)))


def digest(execute: Callable[[str], Any]) -> str:
    """Of everything that a database holds: tables, columns, and all values in their order."""
    found = hashlib.sha256()
    tables = execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    for name, sql in tables:
        found.update(repr((name, sql)).encode())
        for row in sorted(execute(f"SELECT * FROM {name}").fetchall(), key=repr):  # noqa: S608
            found.update(repr(tuple(row)).encode())
    return found.hexdigest()


def _make_earlier_version(file: Path) -> str:
    """A store as version 2 of the schema left it, with a device of its own; gives its digest."""
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    migrate(db, MIGRATIONS[:2])
    db.execute("INSERT INTO logs VALUES (1, 'old-001', '00000001', 2, 2)")
    for seq in (1, 2):
        body = b'{"v":1,"log":"00000001","first":1,"sent":1,"recs":[{"seq":%d}]}' % seq
        db.execute("INSERT INTO bodies VALUES (?, ?, 1, ?, ?, ?, NULL)", (seq, START_MS - 9, seq, seq, body))
    counts = [("received", "", 2), ("outcome", "accepted/", 2), ("message", "up/records", 2)]
    db.executemany("INSERT INTO counters VALUES (?, ?, ?)", counts)
    found = digest(db.execute)
    db.close()
    return found


class Judge:
    """Cuts one recording, in the order of the log, and looks at what is left.

    `exactly`: the content must be that of a transaction, not only hold what was acknowledged.
    """

    def __init__(self, recording: Recording, directory: Path, exactly: bool = True) -> None:
        self._exactly = exactly
        self._recording = recording
        self._directory = directory
        self._replay = Replay(recording.start, recording.log)
        self._at = 0
        self._returned = -1
        # What the journal may hold, by the number of transactions that were committed before the cut.
        self._digests = [recording.start_digest]
        self._digests += [
            op.what.digest for op in recording.log if isinstance(op, Mark) and isinstance(op.what, Committed)
        ]
        self._committed = 0

    def wrong(self, cut: Cut) -> str:
        """What is wrong after a cut; "" when nothing is."""
        self._advance(cut.at)
        store = self._directory / "cut"
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir(parents=True)
        for name, data in self._replay.image(cut).items():
            (store / name).write_bytes(data)
        try:
            return (self._content(store) if self._exactly else "") or self._resend(store, cut)
        except Exception as err:  # noqa: BLE001 - whatever the product raises over such a disk is the finding
            return f"{type(err).__name__}: {err}"

    def _advance(self, at: int) -> None:
        for operation in self._recording.log[self._at : at]:
            match operation:
                case Mark(Committed()):
                    self._committed += 1
                case Mark(Returned(batch)):
                    self._returned = batch
        self._at = at

    def _content(self, store: Path) -> str:
        """The content is that of the last transaction that returned, or of the one that was under way."""
        db = sqlite3.connect(store / FILE, isolation_level=None)
        try:
            found = digest(db.execute)
        finally:
            db.close()
        if found in self._digests[self._committed : self._committed + 2]:
            return ""
        behind = [n for n, known in enumerate(self._digests[: self._committed]) if known == found]
        if behind:
            return f"{self._committed - behind[-1]} transactions that had returned are gone"
        return "the content is that of no transaction"

    def _resend(self, store: Path, cut: Cut) -> str:
        """The product goes on with it, and with what devices send again the ledger is complete."""
        sent = self._recording.sent
        journal = SqliteJournal(store)
        try:
            wrong = unsound(store) or self._missing(store, self._returned)
            # Devices know less than what was stored: the last acknowledgements may not have reached them.
            for batch in sent.batches[max(0, self._returned + 1 - cut.seed % 3) :]:
                journal.append(batch)
        finally:
            journal.close()
        return wrong or unsound(store) or self._missing(store, len(sent.batches) - 1, exactly=True)

    def _missing(self, store: Path, upto: int, exactly: bool = False) -> str:
        """What the journal lacks, doubles or altered of the batches up to `upto`."""
        if upto < 0:
            return ""
        ledger = self._recording.sent.ledgers[upto]
        held: dict[tuple[str, str], dict[int, bytes]] = {log: {} for log in LOGS}
        with JournalReader(store) as reader:
            for row in reader.read(0, 1_000_000):
                for one in row.records():
                    if one.seq in held.setdefault((row.device, row.log), {}):
                        return f"{row.device} {row.log} {one.seq} is there twice"
                    held[row.device, row.log][one.seq] = one.raw
            counters = reader.counters()
        floors = self._floors(store)
        if counters.received != sum(counters.outcomes.values()):
            return f"{counters.received} received, {sum(counters.outcomes.values())} outcomes"
        for log in LOGS:
            for seq, text in ledger.texts[log].items():
                if held[log].get(seq) != text and seq >= floors.get(log, 0):
                    return f"{log} {seq}: expected {text!r}, found {held[log].get(seq)!r}"
            if exactly and not held[log].keys() <= ledger.texts[log].keys():
                return f"{log}: {sorted(held[log].keys() - ledger.texts[log].keys())} should not be there"
        return ""

    @staticmethod
    def _floors(store: Path) -> dict[tuple[str, str], int]:
        """Below which number retention has dropped rows of a log."""
        with closing(sqlite3.connect(store / FILE)) as db:
            found = db.execute("SELECT device, log, floor FROM logs WHERE floor > 0")
            return {(device, log): floor for device, log, floor in found}


def unsound(store: Path) -> str:
    """What `huishou journal verify` finds first; "" when nothing."""
    findings = verify(store / FILE).findings
    return f"{findings[0].code} {findings[0].where}: {findings[0].detail}" if findings else ""
