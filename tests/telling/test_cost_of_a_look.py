"""A look at the gateway costs the same whatever the journal holds: counted in steps of SQLite."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import gateway.journal.reader as reader_module
from gateway.journal import Judged, Records, Refused, SqliteJournal
from gateway.journal.bodies import compose
from gateway.metrics import snapshot

STEP = 10  # instructions of SQLite's virtual machine
ROWS = 150


def fill(store: Path, rows: int) -> None:
    """Records of 50 devices, refused messages, and a loss in each tenth message."""
    journal = SqliteJournal(store)
    batch: list[Any] = []
    seqs = [0] * 50
    for row in range(rows):
        n = row % 50
        first = seqs[n] = seqs[n] + (2 if row % 10 == 0 else 1)
        body = compose("0000abcd", first, 1, [b'{"seq":%d}' % first])
        batch.append(Records(row, f"bin-{n:03}", "0000abcd", first, 1, body, [Judged(first)]))
        if row % 20 == 0:
            batch.append(Refused(row, f"bin-{n:03}", "up/records", "not-json", "why", b"{%d" % row, 5))
    journal.append(batch)
    journal.close()


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Counts the steps of every connection that the journal's reader opens."""
    steps = 0
    connect = sqlite3.connect

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def counting(*args: Any, **more: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **more)
        db.set_progress_handler(count, STEP)
        return db

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", counting)
        yield lambda: steps


def cost(store: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    with counted(monkeypatch) as steps:
        facts = snapshot(store, 2 * 86_400_000)  # losses of the last day are counted one by one
    assert facts["sum_ok"]
    assert facts["journal"]["lost"] > 0
    return steps() * STEP


def test_a_look_does_not_read_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "small", ROWS)
    fill(tmp_path / "large", 40 * ROWS)
    small, large = (cost(tmp_path / name, monkeypatch) for name in ("small", "large"))
    assert small > 0
    assert large < small + 2_000, (small, large)


def test_the_count_would_notice_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, 40 * ROWS)
    with counted(monkeypatch) as steps, reader_module.JournalReader(tmp_path) as journal:
        journal._query("SELECT count(*) FROM bodies WHERE received_ms > 5")
    assert steps() * STEP > 10_000
