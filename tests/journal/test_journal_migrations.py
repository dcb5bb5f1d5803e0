"""Journals that earlier versions wrote, brought to the present one; `databases/` holds dumps of them."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.journal import JournalError, JournalReader, Judged, Outcome, Rejudged, SqliteJournal
from gateway.journal.schema import MIGRATIONS
from tests.journal.kit import message

DATABASES = sorted((Path(__file__).parent / "databases").glob("version-*.sql"))
LOG = "3f2a91c0"


def restore(dump: Path, store: Path) -> None:
    store.mkdir(exist_ok=True)
    db = sqlite3.connect(store / "journal.db")
    db.executescript(dump.read_text("utf-8"))
    db.execute("PRAGMA journal_mode = WAL")
    db.close()


def content(file: Path) -> list[str]:
    db = sqlite3.connect(file)
    try:
        return [*db.iterdump(), str(db.execute("PRAGMA user_version").fetchone())]
    finally:
        db.close()


def test_there_is_a_database_of_every_earlier_version() -> None:
    assert [file.stem for file in DATABASES] == [f"version-{n}" for n in range(1, len(MIGRATIONS))]


@pytest.fixture(params=DATABASES, ids=lambda file: file.stem)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    restore(request.param, tmp_path)
    return tmp_path


def test_all_that_was_known_is_known_afterwards(store: Path) -> None:
    journal = SqliteJournal(store)
    with JournalReader(store) as reader:
        marks = {(one.device, one.log): (one.hwm, one.top) for one in reader.logs()}
        assert marks == {
            ("bin-001", LOG): (15, 17),
            ("truck-01", "00ab12cd"): (101, 101),
            ("new-7", LOG): (1, 1),
        }
        rows = reader.read(0, 100)
        assert [(row.device, row.first, row.last) for row in rows] == [
            ("bin-001", 1, 3),
            ("truck-01", 100, 101),
            ("bin-001", 4, 4),
            ("bin-001", 8, 9),
            ("bin-001", 5, 7),
            ("bin-001", 15, 15),
            ("bin-001", 17, 17),
            ("bin-001", 12, 12),
            ("new-7", 1, 1),
        ]
        assert all(row.sound() for row in rows)
        assert all(
            record.raw.startswith(b'{"seq":%d' % record.seq) for row in rows for record in row.records()
        )
        assert [(one.first, one.last, one.cause) for one in reader.losses()] == [(10, 14, "device")]
        assert reader.lost() == 5
        assert [(one.first, one.last) for one in reader.gaps()] == [(16, 16)]
        entries = {one.id: one for one in reader.quarantine()}
        stands = {id_: None if one.row is None else (one.device, one.seq) for id_, one in entries.items()}
        assert stands == {1: ("bin-001", 7), 2: None, 3: None, 4: None, 5: None, 6: ("new-7", 1)}
        assert all(one.times == 1 and one.last_ms == one.received_ms for one in entries.values())
        found = reader.row_at("bin-001", LOG, 7)
        assert found is not None
        assert entries[1].row == found.id
        counters = reader.counters()
        assert counters.received == 21 == sum(counters.outcomes.values())
    journal.close()


def test_work_goes_on_where_it_stopped(store: Path) -> None:
    journal = SqliteJournal(store)
    with JournalReader(store) as reader:
        epoch = reader.epoch()
        assert epoch is not None
        assert reader.resume(None, 4) == reader.resume(epoch.id, 4)  # a cursor from before there were epochs
        appended = journal.append([message(16, device="bin-001", log=LOG, first=15)])
        assert appended.acks == {("bin-001", LOG): 17}
        assert reader.end() == 10
        # A late record takes back its part of a loss that an earlier version wrote down.
        journal.append([message(11, device="bin-001", log=LOG, first=15)])
        assert [(one.first, one.last) for one in reader.losses()] == [(10, 10), (12, 14)]
        assert reader.lost() == 4
        # What was refused can be judged anew.
        change = Rejudged("bin-001", LOG, Judged(7, Outcome.ACCEPTED))
        assert journal.revise(1, [change], "").changed == 1
        assert {one.id: one.released_as for one in reader.quarantine()}[1] == "accepted"
        assert "sum-wrong" not in {one.code for n in (0, 60_000) for one in journal.maintain(n).conditions}
        counters = reader.counters()
        assert counters.received == sum(counters.outcomes.values())
    journal.close()


class FailsAt:
    """A connection that fails at its n-th statement."""

    def __init__(self, db: sqlite3.Connection, at: int) -> None:
        self.db = db
        self.left = at

    def execute(self, *args: Any) -> sqlite3.Cursor:
        self.left -= 1
        if self.left == 0:
            raise sqlite3.OperationalError("disk I/O error")
        return self.db.execute(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


def test_a_failure_at_any_step_leaves_the_earlier_version_whole(store: Path) -> None:
    before = content(store / "journal.db")
    steps = 0
    while True:
        steps += 1
        held: list[FailsAt] = []

        def connect(*args: Any, at: int = steps, held: list[FailsAt] = held, **options: Any) -> FailsAt:
            held.append(FailsAt(sqlite3.connect(*args, **options), at))
            return held[0]

        try:
            SqliteJournal(store, connect=connect).close()
        except JournalError:
            after = content(store / "journal.db")
            if after[-1] == before[-1]:
                assert after == before
                continue
        break  # what is after the migration has failed, or nothing
    version = int(before[-1].strip("(,)"))
    assert steps > sum(max(1, step.count(";")) for step in MIGRATIONS[version:])  # each statement was met
    assert content(store / "journal.db")[-1] == f"({len(MIGRATIONS)},)"
