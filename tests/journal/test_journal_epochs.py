"""Readers with cursors across restored journals: what a reader has not seen is never behind its cursor."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.journal import JournalReader, SqliteJournal, epochs
from tests.journal.kit import LOG, message

READERS = ("influxdb", "second", "page")


class RestoreMachine(RuleBasedStateMachine):
    """Backups of any age are put back in any order, with or without the replaced file at hand."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="epochs-"))
        self.store = self.directory / "store"
        self.journal = SqliteJournal(self.store)
        self.reader = JournalReader(self.store)
        self.backups: list[Path] = []
        self.number = 0
        self.places = dict.fromkeys(READERS, epochs.Place("", 0, 0))
        self.seen: dict[str, set[bytes]] = {name: set() for name in READERS}
        for name in READERS:
            self.read(name, 0)

    @rule(count=st.integers(1, 4))
    def more_comes_in(self, count: int) -> None:
        """Each body is one of a kind, as if other records took the place of those that a restore lost."""
        for _ in range(count):
            self.number += 1
            self.journal.append([message(self.number, first=self.number)])

    @rule()
    def back_up(self) -> None:
        self.backups.append(self.directory / f"{len(self.backups)}.db")
        with sqlite3.connect(self.store / "journal.db") as db, sqlite3.connect(self.backups[-1]) as copy:
            db.backup(copy)
        db.close()
        copy.close()

    @precondition(lambda self: self.backups)
    @rule(which=st.integers(0, 20), readable=st.booleans())
    def restore(self, which: int, readable: bool) -> None:
        replaced = self.reader.epochs() if readable else []
        self.journal.close()
        fresh = self.store / "new"
        shutil.copy(self.backups[which % len(self.backups)], fresh)
        db = sqlite3.connect(fresh, isolation_level=None)
        db.execute("BEGIN")
        epochs.begin(db, 1, "restore", replaced)
        db.execute("COMMIT")
        db.close()
        fresh.replace(self.store / "journal.db")
        self.journal = SqliteJournal(self.store)

    @rule(name=st.sampled_from(READERS), limit=st.integers(0, 5))
    def read(self, name: str, limit: int) -> None:
        kept = self.places[name]
        place = self.reader.resume(kept.epoch or None, kept.row, kept.revision)
        assert place is not None
        rows = self.reader.read(place.row, limit)
        self.seen[name] |= {row.body for row in rows}
        self.places[name] = epochs.Place(place.epoch, rows[-1].id if rows else place.row, place.revision)

    @invariant()
    def a_reader_has_seen_all_that_is_behind_its_cursor(self) -> None:
        rows = self.reader.read(0, 10_000)
        for name in READERS:
            kept = self.places[name]
            place = self.reader.resume(kept.epoch or None, kept.row, kept.revision)
            assert place is not None
            assert {row.body for row in rows if row.id <= place.row} <= self.seen[name]

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
            self.reader.close()
            shutil.rmtree(self.directory)


TestReadersAcrossRestores = RestoreMachine.TestCase
TestReadersAcrossRestores.settings = settings(max_examples=30, stateful_step_count=16, deadline=None)


def restored(store: Path, cause: str = "restore") -> None:
    db = sqlite3.connect(store / "journal.db", isolation_level=None)
    db.execute("BEGIN")
    epochs.begin(db, 1, cause)
    db.execute("COMMIT")
    db.close()


def test_what_the_device_no_longer_holds_above_a_restored_mark_is_lost_by_the_restore(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    journal.append([message(1, 2, 3), message(1, 2, 3, device="bin-002"), message(1, device="bin-003")])
    journal.close()
    restored(tmp_path)
    journal = SqliteJournal(tmp_path)
    # bin-001 freed 4 to 9; bin-002 still holds 4 and loses 6 later; bin-003 loses only what came after.
    journal.append([message(10, first=10), message(4, first=4, device="bin-002")])
    journal.append([message(20, first=20), message(7, first=7, device="bin-002")])
    journal.append([message(2, first=2, device="bin-003"), message(9, first=9, device="bin-003")])
    with JournalReader(tmp_path) as reader:
        assert [(one.device, one.first, one.last, one.cause) for one in reader.losses()] == [
            ("bin-001", 4, 9, "restore"),
            ("bin-001", 11, 19, "device"),
            ("bin-002", 5, 6, "device"),
            ("bin-003", 3, 8, "device"),
        ]
        assert reader.lost() == 23
        assert reader.hwm("bin-001", LOG) == 20
    journal.close()


def test_a_reader_from_before_there_were_epochs_keeps_its_cursor() -> None:
    known = [epochs.Epoch("a", 0, 0, 1, "created"), epochs.Epoch("b", 7, 2, 2, "restore")]
    assert epochs.resume(known, None, 5, 1) == epochs.Place("b", 5, 1)
    assert epochs.resume(known, "a", 5, 9) == epochs.Place("b", 5, 2)
    assert epochs.resume(known, "a", 9, 1) == epochs.Place("b", 7, 1)
    assert epochs.resume(known, "b", 9, 9) == epochs.Place("b", 9, 9)
    assert epochs.resume(known, "of another journal", 9, 9) == epochs.Place("b", 0, 0)
