"""The journal as a file: full disks, other versions, paging, and readers that never disturb the writer."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.journal import (
    JournalError,
    JournalReader,
    Judged,
    Note,
    Outcome,
    Records,
    Refused,
    Reply,
    SqliteJournal,
    StateReport,
)
from gateway.journal.bodies import compose
from gateway.journal.schema import MIGRATIONS, migrate


def message(*numbers: int, device: str = "bin-001", first: int = 1, filler: int = 0) -> Records:
    texts = [b'{"seq":%d,"x":"%b"}' % (seq, b"x" * filler) for seq in numbers]
    body = compose("0000abcd", first, 1, texts)
    return Records(9, device, "0000abcd", first, 1, body, [Judged(seq) for seq in numbers])


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    one = SqliteJournal(tmp_path)
    yield one
    one.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[JournalReader]:
    with JournalReader(tmp_path) as one:
        yield one


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """What a full disk is to SQLite: writes fail."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_stores_nothing_of_a_batch_and_goes_on_when_there_is_room(
    journal: SqliteJournal, reader: JournalReader, tmp_path: Path
) -> None:
    journal.append([message(1)])
    size = (tmp_path / "journal.db-wal").stat().st_size
    batch = [message(seq, filler=10_000) for seq in range(2, 40)]
    with no_file_larger_than(size + 50_000), pytest.raises(JournalError, match="not stored") as caught:
        journal.append(batch)
    assert caught.value.code == "journal-io"  # as SQLite names a limit on the file's size
    assert reader.end() == 1
    assert reader.counters().received == 1
    assert journal.append(batch).acks == {("bin-001", "0000abcd"): 39}
    assert [row.first for row in reader.read(0, 100)] == list(range(1, 40))
    assert reader.counters().received == 39


def test_a_commit_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    # tests/disk cuts the power; here what makes a commit durable cannot be lost unnoticed.
    opened: list[sqlite3.Connection] = []

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        opened.append(sqlite3.connect(*args, **options))
        return opened[0]

    journal = SqliteJournal(tmp_path, connect=connect)
    assert opened[0].execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert opened[0].execute("PRAGMA journal_mode").fetchone() == ("wal",)
    journal.close()


def test_a_body_that_is_new_and_in_order_is_kept_as_it_came_byte_for_byte(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    body = b'{ "v":1, "log":"0000abcd","first":1, "later":[1],"sent":1,"recs":[ {"seq":1} ,{"seq" : 2}]}'
    journal.append([Records(9, "bin-001", "0000abcd", 1, 1, body, [Judged(1), Judged(2)])])
    (row,) = reader.read(0, 10)
    assert row.body == body
    assert [record.raw for record in row.records()] == [b'{"seq":1}', b'{"seq" : 2}']


def test_what_is_noted_of_a_record_stays_with_it(journal: SqliteJournal, reader: JournalReader) -> None:
    judged = [
        Judged(1),
        Judged(2, Outcome.FLAGGED, ("clock-none",), "why", t_ms=77),
        Judged(3, Outcome.QUARANTINED, ("bad-record",), "bad"),
    ]
    body = compose("0000abcd", 1, 1, [b'{"seq":1}', b'{"seq":2}', b"3"])
    journal.append([Records(9, "bin-001", "0000abcd", 1, 1, body, judged)])
    (row,) = reader.read(0, 10)
    assert row.noted() == {
        2: Note(Outcome.FLAGGED, ("clock-none",), 77),
        3: Note(Outcome.QUARANTINED, ("bad-record",)),
    }
    assert [record.t_ms for record in row.records()] == [None, 77, None]
    (refusal,) = reader.quarantine()
    assert (refusal.seq, refusal.code, refusal.detail, refusal.body) == (3, "bad-record", "bad", b"3")
    assert reader.quarantined(refusal.id) == refusal


def test_rows_and_refusals_are_paged_from_both_ends_and_by_device(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    for seq in range(1, 7):
        device = f"bin-00{seq % 2}"
        journal.append([message(seq, device=device, first=seq)])
        journal.append([Refused(seq, device, "up/records", f"code-{seq % 3}", "", b"", 0)])
    assert [row.id for row in reader.read(2, 2)] == [3, 4]
    assert [row.id for row in reader.read_back(None, 2)] == [6, 5]
    assert [row.id for row in reader.read_back(5, 2, "bin-000")] == [4, 2]
    assert [row.first for row in reader.read(0, 9, "bin-001")] == [1, 3, 5]
    assert [one.received_ms for one in reader.quarantine(limit=2)] == [6, 5]
    assert [one.received_ms for one in reader.quarantine(before=5, code="code-1")] == [4, 1]
    assert [one.received_ms for one in reader.quarantine(device="bin-000", code="code-0")] == [6]


def test_a_state_that_comes_again_is_no_news_and_replies_are_kept(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.append([StateReport(1, "bin-001", b"a"), StateReport(2, "bin-001", b"a")])
    assert [(one.received_ms, one.body) for one in reader.states()] == [(1, b"a")]
    journal.append([StateReport(3, "bin-001", b"b"), Reply(4, "bin-001", b"done")])
    assert [(one.received_ms, one.body) for one in reader.states("bin-001")] == [(3, b"b")]
    assert reader.replies(0, 10) == [(1, Reply(4, "bin-001", b"done"))]


def test_a_reader_sees_that_something_changed_and_cannot_write(
    journal: SqliteJournal, reader: JournalReader, tmp_path: Path
) -> None:
    journal.append([message(1)])
    version = reader.data_version()
    assert reader.data_version() == version
    journal.append([message(2)])
    assert reader.data_version() != version
    with pytest.raises(JournalError, match="readonly"):
        reader._query("DELETE FROM bodies")


def test_a_journal_that_does_not_exist_yet_reads_as_empty_and_is_seen_when_it_does(tmp_path: Path) -> None:
    with JournalReader(tmp_path / "later") as reader:
        assert reader.read(0, 10) == []
        assert reader.end() == 0
        assert reader.hwm("bin-001", "0000abcd") is None
        assert not (tmp_path / "later").exists()
        journal = SqliteJournal(tmp_path / "later")
        journal.append([message(1)])
        assert reader.hwm("bin-001", "0000abcd") == 1
        journal.close()


def test_what_a_killed_writer_left_in_its_log_is_read_by_whoever_comes_first(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "a")
    journal.append([message(1), message(2)])
    copy = tmp_path / "b"
    copy.mkdir()
    for name in ("journal.db", "journal.db-wal"):  # as a kill leaves them: nothing was folded in
        (copy / name).write_bytes((tmp_path / "a" / name).read_bytes())
    journal.close()
    with JournalReader(copy) as reader:
        assert reader.hwm("bin-001", "0000abcd") == 2


def test_a_newer_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    SqliteJournal(tmp_path).close()
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(JournalError, match="update it"):
        SqliteJournal(tmp_path)
    with JournalReader(tmp_path) as reader, pytest.raises(JournalError, match="one installation"):
        reader.end()


def test_a_migration_that_fails_leaves_the_former_version_whole(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    steps = ("CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (y)")
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, steps)
    db.close()
    db = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    assert db.execute("PRAGMA user_version").fetchone() == (0,)  # a reader never meets a half-way version
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == []
    migrate(db, steps[:1])
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, steps)
    db.close()
    db = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
    migrate(db, (steps[0], "CREATE TABLE b (x)"))
    assert db.execute("PRAGMA user_version").fetchone() == (2,)
    db.close()


def test_a_place_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="Check the path"):
        SqliteJournal(tmp_path / "file")


def test_a_device_with_several_logs_is_read_in_the_journals_order_by_an_index(
    journal: SqliteJournal, reader: JournalReader, tmp_path: Path
) -> None:
    for n in range(12):
        log = f"0000000{n % 3}"
        body = compose(log, 1, 1, [b'{"seq":%d}' % n])
        journal.append([Records(n, f"bin-00{n % 2}", log, n, 1, body, [Judged(n)])])
    assert [row.received_ms for row in reader.read(3, 4, "bin-001")] == [3, 5, 7, 9]
    assert [row.received_ms for row in reader.read_back(11, 3, "bin-001")] == [9, 7, 5]
    with sqlite3.connect(tmp_path / "journal.db") as db:
        plan = db.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM bodies WHERE log_id = 1 AND id < 9 ORDER BY id DESC LIMIT 3"
        ).fetchall()
    db.close()
    assert "COVERING INDEX bodies_span (log_id=?)" in str(plan)
