"""Reads the journal with its own cursor and keeps state.db and the states in memory up to date.

One thread. It looks for commits by `PRAGMA data_version` four times a second, works batch by batch, and tells
`on_change` (from its thread) what changed. When the journal is not the one that state.db was made from, it
starts again from zero. While more comes in than it can take in, it leaves the processor to those who receive
and write: the page is late then, and says so.
"""

import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from gateway.contract import ContractError, decode_state
from gateway.journal import JournalError, JournalReader, Refusal
from gateway.journal.stored import Revision
from gateway.logs import DEBUG, ERROR, WARNING, Event
from gateway.web.projection.batch import Changes, changes
from gateway.web.projection.model import DeviceState, apply_link, fork
from gateway.web.projection.revised import Revised, revise
from gateway.web.projection.store import BUCKET_MS, KEEP_TALLIES_MS, Recent, StateStore, delete

_WAITS = Event(
    "projection-waits",
    "the projection waits: {why}",
    level=ERROR,
    doc="The page shows what it knew: the store cannot be read or written just now.",
)
_ANEW = Event(
    "projection-anew",
    "{file} belongs to another journal or another epoch of it: it is made anew",
    level=WARNING,
    doc="The journal was restored, salvaged or replaced; the page reads it from its start.",
)
_ODD_STATE = Event(
    "state-not-understood",
    "state of {device} not understood: {why}",
    level=DEBUG,
    doc="An `up/state` of another version of the contract; it is kept, not shown.",
)

FILE = "state.db"
LOOK_S = 0.25  # between looks, else thin traffic would make a transaction of each commit
BATCH_ROWS = 2_000
REST = 7  # times as long as it worked, in a flood: an eighth of a core
PRUNE_S = 300
SLACK_MS = 600_000  # the gateway's clock may be set back by so much: an announcement is late then, not missed
SLACK_S = 60  # between looks so far back: with thousands of devices they cost more than all the rest
RETRY_S = 2  # after the store could not be read or written
MAX_REFUSED = 5_000  # read back at a time; older ones are in the quarantine all the same


class Change(msgspec.Struct, frozen=True):
    """What a reader is told: devices whose state is new, records that came, refusals that were made."""

    devices: frozenset[str]
    records: tuple[Recent, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class Projector:
    """The projection of one store. `states` may be read from any thread: it is replaced, never changed."""

    def __init__(self, store: Path, on_change: Callable[[Change], None]) -> None:
        self.states: Mapping[str, DeviceState] = {}
        self.behind = True  # rows of the journal are still to be read
        self.problem = ""  # why it cannot go on now; "" when it can
        self._file = store / FILE
        self._on_change = on_change
        self._journal = JournalReader(store)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)

    @property
    def file(self) -> Path:
        return self._file

    @property
    def cursor(self) -> int:
        """Up to which row of the journal the states hold everything."""
        return self._cursor

    def start(self) -> None:
        """Load what is known (so that the first page shows it) and begin to read. Raises sqlite3.Error."""
        self._load(StateStore.open(self._file))
        self._thread.start()

    def stop(self, timeout_s: float = 5) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._journal.close()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _load(self, store: StateStore) -> None:
        self._store = store
        self.states = store.states()
        self._cursor = store.meta("cursor")
        self._pos = store.meta("pos")
        self._refused = store.meta("refused")
        self._revised = store.meta("revised")
        self._announced_ms = 0  # the newest announcement that was looked at
        self._looked_back_s = 0.0
        self._version = -1
        self._epoch = 0
        self._pruned_s = 0.0
        self._end = 0  # the journal's, when it was last looked at

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                began_s = time.monotonic()
                try:
                    worked = self._step()
                    rest_s = self._rest_s(time.monotonic() - began_s) if worked and self.behind else LOOK_S
                    self.problem = ""
                except (sqlite3.Error, JournalError) as err:
                    if str(err) != self.problem:
                        _WAITS(why=str(err))
                    self.problem = str(err)
                    self._stop.wait(RETRY_S)
                    continue
                self._stop.wait(rest_s)
        finally:
            self._store.close()

    def _rest_s(self, worked_s: float) -> float:
        """How long to leave the processor to others after a batch: by what came in since the one before."""
        end = self._journal.end()
        came, self._end = end - self._end, end
        return worked_s * REST * min(1.0, max(0, came) / BATCH_ROWS)

    def _step(self) -> bool:
        """Take in one batch; False when there was nothing new."""
        version = self._journal.data_version()
        if version == self._version and not self.behind:
            return False
        if self._is_other_journal():
            _ANEW(file=str(self._file))
            self._store.close()
            delete(self._file)
            self._load(StateStore.open(self._file))
        now_ms = int(time.time() * 1000)
        rows = self._journal.read(self._cursor, BATCH_ROWS)
        sound = [row for row in rows if row.sound()]  # a damaged row is told by `huishou journal verify`
        out = changes(sound, self.states, self._cursor, self._pos, now_ms)
        behind = len(rows) == BATCH_ROWS
        revisions = [] if behind else self._journal.revisions(self._revised, BATCH_ROWS)
        refusals = self._new_refusals(now_ms)
        self._announced(out.states)
        with self._store.transaction():
            self._store.save_states(out.states.values())
            self._store.add_samples(out.samples)
            self._store.add_recent(out.recent)
            self._revise(out, revisions, now_ms)
            for (bucket_ms, name), value in out.tallies.items():
                self._store.add_tally(bucket_ms, name, value)
            for refusal in refusals:
                bucket_ms = refusal.received_ms - refusal.received_ms % BUCKET_MS
                self._store.add_tally(bucket_ms, "quarantined", 1)
            self._cursor = rows[-1].id if rows else self._cursor
            self._pos += len(out.recent)
            if refusals:
                self._refused = refusals[-1].id
            if revisions:
                self._revised = revisions[-1].id
            places = {"cursor": self._cursor, "pos": self._pos, "refused": self._refused}
            for name, value in {**places, "revised": self._revised}.items():
                self._store.set_meta(name, value)
            self._store.set_meta("epoch", self._epoch)
            if time.monotonic() - self._pruned_s > PRUNE_S:
                self._store.prune(now_ms)
                self._pruned_s = time.monotonic()
        self.states = {**self.states, **out.states}
        self.behind = behind or len(revisions) == BATCH_ROWS
        if not self.behind:
            self._version = version
        if out.states or refusals:
            self._on_change(Change(frozenset(out.states), tuple(out.recent), tuple(refusals)))
        return True

    def _revise(self, out: Changes, revisions: list[Revision], now_ms: int) -> None:
        """Take later judgements in, within the transaction in which their records may have come."""
        done = Revised()
        for one in revisions:
            known = self._store.find_recent(one.device, one.log, one.seq)
            revise(out, done, one, known, self.states, now_ms)
            self._store.rejudge(done.recent[-1:])  # the next one may be of the same record
        if revisions:
            self._store.save_states(out.states.values())
            self._store.add_samples(out.samples)
            self._store.remove_samples(done.gone)

    def _is_other_journal(self) -> bool:
        """Whether what is projected is not all of this journal: then beginning anew is the simple way."""
        epoch = self._journal.epoch()
        self._epoch = zlib.crc32(epoch.id.encode()) if epoch is not None else 0
        known = self._store.meta("epoch")
        if self._cursor == 0:
            return False
        return self._journal.end() < self._cursor or (known != 0 and known != self._epoch)

    def _new_refusals(self, now_ms: int) -> list[Refusal]:
        """Entries of the quarantine since the last look, the oldest first."""
        found: list[Refusal] = []
        before: int | None = None
        while len(found) < MAX_REFUSED:
            page = [r for r in self._journal.quarantine(before, 500) if r.id > self._refused]
            found += [r for r in page if r.received_ms > now_ms - KEEP_TALLIES_MS]
            if len(page) < 500:
                break
            before = page[-1].id
        return found[::-1]

    def _announced(self, changed: dict[str, DeviceState]) -> None:
        """Take in the announcements (`up/state`) that are new, into `changed`."""
        since_ms = self._announced_ms
        if time.monotonic() - self._looked_back_s >= SLACK_S:
            self._looked_back_s = time.monotonic()
            since_ms -= SLACK_MS
        for row in self._journal.states(since_ms=since_ms):
            self._announced_ms = max(self._announced_ms, row.received_ms)
            known = changed.get(row.device) or self.states.get(row.device)
            if known is not None and row.received_ms == known.link_ms:
                continue
            try:
                body = msgspec.to_builtins(decode_state(row.body))
            except ContractError as err:
                _ODD_STATE(device=row.device, why=str(err))
                continue
            state = changed.get(row.device) or fork(known or DeviceState(row.device))
            apply_link(state, row.received_ms, body)
            changed[row.device] = state
