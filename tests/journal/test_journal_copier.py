"""The log is folded back into the database beside the commits: it stays short, nothing waits or is lost."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.journal import JournalReader, Judged, Records, SqliteJournal
from gateway.journal import copier as copying
from gateway.journal import sqlite as journaling
from gateway.journal.bodies import compose

FILLER = b"x" * 3_000


def batch(first: int, count: int) -> list[Records]:
    """So many messages of one record each, about a page long."""
    texts = [(seq, b'{"seq":%d,"x":"%b"}' % (seq, FILLER)) for seq in range(first, first + count)]
    return [
        Records(9, "bin-001", "0000abcd", 1, 1, compose("0000abcd", 1, 1, [text]), [Judged(seq)])
        for seq, text in texts
    ]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteJournal]:
    """One whose commits never copy: what is copied was copied beside them."""
    monkeypatch.setattr(journaling, "FALLBACK_PAGES", 10**9)
    monkeypatch.setattr(copying, "REST_S", 0.0)
    one = SqliteJournal(tmp_path, copy_beside=True)
    yield one
    one.close()


def fill(journal: SqliteJournal, first: int, batches: int) -> int:
    """Commit until so many batches are in; returns the next number."""
    for _ in range(batches):
        journal.append(batch(first, copying.COPY_AFTER))
        first += copying.COPY_AFTER
    return first


def salt(journal: SqliteJournal) -> bytes:
    """Of the log's header: another one each time the log begins anew (SQLite's file format, 4.1)."""
    with journal.path.with_name("journal.db-wal").open("rb") as log:
        return log.read(24)[16:]


def until_anew(journal: SqliteJournal, first: int) -> int:
    """Commit until the log begins anew, which it does when all of it was copied; returns the next number."""
    before = salt(journal)
    for _ in range(200):
        first = fill(journal, first, 1)
        for _ in range(20):
            journal.append(batch(first, 1))
            first += 1
            if salt(journal) != before:
                return first
    raise AssertionError("the log never began anew")


def test_under_load_the_log_begins_anew_and_every_record_is_there(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    first = until_anew(journal, until_anew(journal, fill(journal, 1, 4)))
    with JournalReader(tmp_path) as reader:
        assert reader.hwm("bin-001", "0000abcd") == first - 1
        assert reader.end() == first - 1


def test_a_reader_that_stays_long_only_delays_it(journal: SqliteJournal) -> None:
    first = fill(journal, 1, 1)
    with closing(sqlite3.connect(journal.path, isolation_level=None)) as slow:
        slow.execute("BEGIN")
        slow.execute("SELECT count(*) FROM bodies").fetchone()
        first = fill(journal, first, 4)
        slow.execute("COMMIT")
    first = until_anew(journal, first)
    assert journal.hwm("bin-001", "0000abcd") == first - 1


def test_when_it_is_closed_the_log_is_folded_in(journal: SqliteJournal) -> None:
    first = fill(journal, 1, 2)
    journal.close()
    assert not journal.path.with_name("journal.db-wal").exists()
    with closing(sqlite3.connect(journal.path)) as db:
        assert db.execute("SELECT count(*) FROM bodies").fetchone() == (first - 1,)
