"""The journal compares what it stored with what it counted, and says so when they differ."""

import sqlite3
from pathlib import Path

import pytest

from gateway.journal import JournalReader, Refused, SqliteJournal
from gateway.journal.audit import SLICE
from tests.journal.kit import message

NOW = 1_790_000_000_000
CORRUPTIONS = {
    "a row that was not counted": "INSERT INTO bodies (received_ms, log_id, first, last, body)"
    " VALUES (1, 1, 900, 901, x'')",
    "a row that is gone": "DELETE FROM bodies WHERE id = 3",
    "an outcome too many": "UPDATE counters SET value = value + 1 WHERE key = 'accepted/'",
    "an entry that is gone": "DELETE FROM quarantine",
}


def codes(journal: SqliteJournal, now_ms: int) -> set[str]:
    return {one.code for one in journal.maintain(now_ms).conditions}


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_whatever_does_not_add_up_is_noticed_and_stays_said(what: str, tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    journal.maintain(NOW)
    journal.append([message(1, 2, 3), message(4), message(5)])
    journal.append([Refused(1, "bin-001", "up/records", "not-json", "", b"{", 1)])
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute(CORRUPTIONS[what])
    db.close()
    assert codes(journal, NOW + 61_000) == {"sum-wrong"}
    journal.append([message(6)])
    journal.close()
    journal = SqliteJournal(tmp_path)
    assert codes(journal, NOW + 200_000) == {"sum-wrong"}
    journal.close()


def test_a_long_journal_is_counted_a_slice_at_a_time_while_more_comes_in(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    journal.maintain(NOW)
    rows = SLICE * 2 + 10
    journal.append([message(seq, plain=True) for seq in range(1, rows + 1)])
    counted = []
    for n in range(4):
        counted.append(journal.maintain(NOW + 61_000 + n * 2_000).facts["counted_row"])
        journal.append([message(rows + 1 + n)])
    assert counted == [0, 0, rows, rows]
    assert codes(journal, NOW + 130_000) == set()
    journal.close()


def test_rows_of_a_second_writer_are_counted_like_its_own(tmp_path: Path) -> None:
    journal, other = SqliteJournal(tmp_path), SqliteJournal(tmp_path)
    journal.maintain(NOW)
    for n in range(1, 9):
        (journal, other)[n % 2].append([message(n)])
        assert codes(journal, NOW + n * 61_000) == set()
    with JournalReader(tmp_path) as reader:
        assert reader.hwm("bin-001", "0000abcd") == 8
    journal.close()
    other.close()
