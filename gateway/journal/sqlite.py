"""The embedded journal: one SQLite file, one fsync per batch.

WAL with `synchronous=FULL`: when `append` returns, the batch survives a power cut. The rules J1–J8 are in
`gateway.journal.model`, what happens when the disk fails in `gateway.journal.errors`.

After a failed sync nobody can say what of the file is on disk: Linux marks the pages clean and forgets them.
Nothing that was acknowledged depends on such a sync (its commit failed, and a repeated one writes its frames
anew; SQLite does not give up the log's frames before the database is synced); even so the connection is
closed after every I/O error, and the next call starts from what the file then says.
"""

import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gateway.journal import revising
from gateway.journal import salvage as salvaging
from gateway.journal.audit import Audit
from gateway.journal.copier import FALLBACK_PAGES, Copier
from gateway.journal.errors import FAILURES, JournalCorruptError, JournalError, JournalIOError, explained
from gateway.journal.logs import Logs
from gateway.journal.model import (
    Appended,
    Arrival,
    Outcome,
    Records,
    Refused,
    Reissued,
    Rejudged,
    Reply,
    Revised,
    StateReport,
    Upkeep,
)
from gateway.journal.quarantine import Entry, Quarantine
from gateway.journal.retention import Limits
from gateway.journal.rows import Rows
from gateway.journal.schema import FILE as FILE
from gateway.journal.schema import migrate
from gateway.journal.tally import Tally
from gateway.journal.upkeep import Upkeeper

BUSY_S = 10.0  # readers hold no lock against a WAL writer; only a second writer, a checkpoint, a foreign tool

CACHE_KIB = 16_384  # the index's last pages of some thousand logs

KEEP_ALL = Limits()

_log = logging.getLogger(__name__)

Connect = Callable[..., Any]
"""`sqlite3.connect`, or what stands in for it: called with a path, `timeout`, `isolation_level`,
`check_same_thread`."""


class _Open:
    """A connection and what is remembered with it."""

    def __init__(
        self, db: sqlite3.Connection, file: tuple[int, int] | None, copier: Copier | None = None
    ) -> None:
        self.db = db
        self.file = file  # device and inode
        self.copier = copier
        self.logs = Logs(db)
        self.quarantine = Quarantine(db)
        self.rows = Rows(db, self.logs, self.quarantine)
        self.audit: Audit | None = None
        self.version = -1  # PRAGMA data_version when the memory was right

    def close(self) -> None:
        """Raises sqlite3.Error."""
        if self.copier is not None:
            self.copier.close()
        self.db.close()

    def forget(self) -> None:
        self.logs.forget()
        self.quarantine.forget()
        self.rows.forget()


class SqliteJournal:
    """The writing side; one thread at a time. Implements `gateway.journal.model.Journal`.

    Intake holds one per store, and alone may `salvage` a damaged file: at the second failure in a row that
    says so, since one may be the memory's or the bus's. A second journal, in another process, is safe
    (`huishou journal replay`): each notices what the other has written. `limits` may be replaced at any time.
    With `copy_beside` a thread of its own folds the log back into the database (`gateway.journal.copier`).

    `doing` says what keeps a call busy for long (a salvage), "" nothing; it changes while that goes on.
    """

    def __init__(
        self,
        store: Path,
        *,
        limits: Limits = KEEP_ALL,
        salvage: bool = False,
        copy_beside: bool = False,
        connect: Connect = sqlite3.connect,
    ) -> None:
        self.path = store / FILE
        self.limits = limits
        self._connect = connect
        self.doing = ""
        self._store = store
        self._upkeep = Upkeeper(store)
        self._salvage = salvage
        self._copy_beside = copy_beside
        self._corrupt = 0  # failures in a row that say that the file is damaged
        self._held: _Open | None = None
        try:
            store.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise self._failed("cannot be opened", err) from err
        for attempts_left in (2, 1, 0):  # as it is, once more, salvaged
            try:
                self._open()
                break
            except (*FAILURES, ValueError, JournalError) as err:
                error = self._failed("cannot be opened", err)
                if not (salvage and attempts_left and isinstance(error, JournalCorruptError)):
                    raise error from err

    def append(self, batch: Sequence[Arrival]) -> Appended:
        """Store a batch durably, all or nothing. Raises JournalError; the batch may be given again."""
        failed = f"{len(batch)} messages not stored, they stay unacknowledged"
        with self._transaction(failed) as (held, tally):
            for arrival in batch:
                self._add(held, arrival, tally)
        if held.copier is not None:
            held.copier.committed(len(batch))
        return tally.appended

    def revise(self, now_ms: int, changes: Sequence[Rejudged | Reissued], basis: str) -> Revised:
        """Put later judgements in force, all or nothing; those in force already change nothing.

        `basis` names the rules and devices that they follow from. Raises JournalError.
        """
        done = Revised()
        with self._transaction(f"{len(changes)} judgements not revised") as (held, tally):
            for change in changes:
                if isinstance(change, Rejudged):
                    held.rows.flush()
                    changed = revising.rejudge(
                        held.db, held.logs, held.quarantine, change, tally, now_ms, basis
                    )
                else:
                    changed = revising.withdraw(held.db, held.quarantine, change, tally, now_ms)
                    if changed:
                        self._add(held, change.arrival, tally, count_message=False)
                done.changed += changed
                done.unchanged += not changed
        done.appended = tally.appended
        return done

    def hwm(self, device: str, log: str) -> int | None:
        """Up to which number a log is known without a gap; None: nothing yet."""
        try:
            held = self._ready()
            self._notice_others(held)
            found = held.logs.find(device, log)
        except (*FAILURES, JournalError) as err:
            raise self._failed("cannot be read", err) from err
        return None if found is None or found.hwm < 0 else found.hwm

    def maintain(self, now_ms: int) -> Upkeep:
        """A short piece of upkeep: retention, counting itself; what is wrong is among the conditions.

        Never raises for the journal's state.
        """
        try:
            if self._salvage and (self._store / salvaging.SUSPECT).exists():
                self._corrupt = 2  # a reader has met it twice
                self.close()
            held = self._ready()
            held.audit = held.audit or Audit(held.db)
            return self._upkeep.work(held.db, held.logs, held.audit, self.limits, now_ms)
        except (*FAILURES, JournalError) as err:
            self._roll_back()
            return self._upkeep.failed(self._failed("upkeep failed", err), now_ms)

    def close(self) -> None:
        """Close the file; the WAL is folded in."""
        if self._held is not None:
            held, self._held = self._held, None
            held.close()

    def _add(self, held: _Open, arrival: Arrival, tally: Tally, count_message: bool = True) -> None:
        match arrival:
            case Records():
                channel = "up/records"
                held.rows.add(arrival, tally, self.limits.quarantine_per_device)
            case Refused():
                channel = arrival.channel
                tally.appended.received += 1
                tally.outcome(Outcome.QUARANTINED, (arrival.code,))
                held.quarantine.add(
                    Entry(
                        arrival.received_ms,
                        arrival.device,
                        channel,
                        None,
                        None,
                        arrival.code,
                        arrival.detail,
                        arrival.body,
                        arrival.size,
                    ),
                    self.limits.quarantine_per_device,
                )
            case StateReport():
                channel = "up/state"
                _state(held, arrival, tally)
            case Reply():
                channel = "up/replies"
                held.db.execute(
                    "INSERT INTO replies (received_ms, device, body) VALUES (?, ?, ?)",
                    (arrival.received_ms, arrival.device, arrival.body),
                )
        if count_message:
            tally.message(channel)

    @contextmanager
    def _transaction(self, failed: str) -> Iterator[tuple[_Open, Tally]]:
        """All or nothing, durable when it ends; what went wrong as JournalError."""
        try:
            held = self._ready()
            held.db.execute("BEGIN IMMEDIATE")
            self._notice_others(held)
            tally = Tally()
            yield held, tally
            held.rows.flush()
            held.logs.save()
            tally.save(held.db)
            held.db.execute("COMMIT")
            self._corrupt = 0
        except BaseException as err:
            self._roll_back()
            if isinstance(err, (*FAILURES, JournalError)):
                raise self._failed(failed, err) from err
            raise

    def _notice_others(self, held: _Open) -> None:
        """What another program wrote since the last transaction is not what is remembered."""
        (version,) = held.db.execute("PRAGMA data_version").fetchone()
        if version != held.version:
            held.forget()
            held.version = version

    def _roll_back(self) -> None:
        if self._held is not None:
            self._held.forget()  # the memory was changed ahead of the commit
            with suppress(sqlite3.Error):
                if self._held.db.in_transaction:
                    self._held.db.execute("ROLLBACK")

    def _failed(self, what: str, err: Exception) -> JournalError:
        error = err if isinstance(err, JournalError) else explained(f"{self.path}: {what}", err)
        self._corrupt = self._corrupt + 1 if isinstance(error, JournalCorruptError) else 0
        if isinstance(error, JournalIOError | JournalCorruptError) and self._held is not None:
            held, self._held = self._held, None
            with suppress(sqlite3.Error):
                held.close()
        return error

    def _ready(self) -> _Open:
        held = self._held
        if held is not None and held.file != _file(self.path):
            self.close()  # another file was put in its place
            held = None
        return held or self._open()

    def _open(self) -> _Open:
        if self._salvage:
            salvaging.finish(self._store)
            if self._corrupt > 1:
                self._save_what_can_be_read()
        db = self._connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            _use_wal(db)
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA journal_size_limit = 67108864")
            db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            migrate(db)
            _fold_in(db)
            copier = Copier(self.path) if self._copy_beside else None
            if copier is not None:
                db.execute(f"PRAGMA wal_autocheckpoint = {FALLBACK_PAGES}")
        except BaseException:
            db.close()
            raise
        self._held = _Open(db, _file(self.path), copier)
        return self._held

    def _save_what_can_be_read(self) -> None:
        def progress(text: str) -> None:
            self.doing = text

        _log.error("[journal-salvaging] %s is damaged: what can be read of it is being saved", self.path)
        try:
            done = salvaging.salvage(self._store, time.time_ns() // 1_000_000, self._connect, progress)
        finally:
            self.doing = ""
        self._corrupt = 0
        _log.error(
            "[journal-salvaged] %d rows saved, %d unsound; %d records lost; not all read: %s. Set aside: %s",
            done.rows,
            done.unsound,
            done.lost,
            ", ".join(done.unreadable) or "none",
            done.set_aside,
        )


def _file(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


def _use_wal(db: sqlite3.Connection) -> None:
    """Put the file into WAL mode, or raise sqlite3.Error.

    In any other mode a batch would not survive a power cut: with `synchronous = FULL` the name whose removal
    is the commit is not synced. To its end, since the change is written as the statement ends.
    """
    if db.execute("PRAGMA journal_mode = WAL").fetchall() != [("wal",)]:
        raise sqlite3.OperationalError("the file cannot be put into WAL mode; is it on a local disk?")


def _fold_in(db: sqlite3.Connection) -> None:
    """Copy what the log holds into the database, before anything of it is acknowledged again.

    A process that is killed after a failed sync leaves frames in the kernel's cache that may not be on disk;
    they are recovered as committed. Copying them makes them durable (or fails, and nothing is acknowledged).
    A reader in a long transaction (a backup) can hold some of it back; the next checkpoint takes the rest.
    """
    db.execute("PRAGMA busy_timeout = 1000")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")


def _state(held: _Open, report: StateReport, tally: Tally) -> None:
    # A retained state comes again with every subscription: only a new one is news.
    held.db.execute(
        "INSERT INTO states (device, received_ms, body) VALUES (?, ?, ?) ON CONFLICT (device) DO UPDATE"
        " SET received_ms = excluded.received_ms, body = excluded.body WHERE body != excluded.body",
        (report.device, report.received_ms, report.body),
    )
    if report.log is None:
        return
    log = held.logs.find(report.device, report.log)
    if log is None:
        return
    if report.first is not None:
        held.rows.flush()
        held.logs.declare(log, report.first, report.received_ms, tally)
    for first, last in sorted(report.lost):
        if first <= log.hwm + 1 <= last:  # one further up is passed when all before it is here
            held.rows.flush()
            held.logs.declare(log, last + 1, report.received_ms, tally)
    if log.hwm >= (report.first or 0):
        tally.appended.acks[report.device, report.log] = log.hwm
