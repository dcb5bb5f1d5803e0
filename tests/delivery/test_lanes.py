"""Live and backlog side by side, over real HTTP: old data does not delay new data; nothing is skipped."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.journal import JournalReader, Judged, Outcome, SqliteJournal
from gateway.journal.model import Rejudged
from gateway.journal.readers import announced
from gateway.writer.lanes import Lanes
from gateway.writer.line import Encoder
from gateway.writer.plan import Plan, Span
from gateway.writer.store import (
    MAX_REFUSED,
    MIGRATIONS,
    Progress,
    RefusedLine,
    WriterStore,
    forget_refused,
    read_all_progress,
    read_progress,
    read_refused,
    retry_refused,
)

NOW = 1_763_715_600_000
DAY_MS = 86_400_000


def record(seq: int, more: str = "") -> bytes:
    return f'{{"seq":{seq},"t":{NOW + seq},"clock":"ntp","kind":"reading"{more}}}'.encode()


def seqs(lines: list[str]) -> list[int]:
    return [int(line.partition("seq=")[2].partition("i")[0]) for line in lines]


def journal_old(bench: Any, first: int, count: int, rows_of: int = 10) -> None:
    """Rows that came three days ago, when no database was there."""
    old_ms = time.time_ns() // 1_000_000 - 3 * DAY_MS
    for start in range(first, first + count, rows_of):
        bench.journal_texts(start, [record(seq) for seq in range(start, start + rows_of)], received_ms=old_ms)


def test_new_rows_do_not_wait_for_the_backlog(bench: Any, server: Any) -> None:
    journal_old(bench, 1, 3000)
    bodies: list[list[int]] = []
    live: list[int] = []

    def answer(lines: list[str]) -> tuple[int, dict[str, str], str]:
        bodies.append(seqs(lines))
        if len(bodies) % 5 == 0 and len(live) < 4:
            seq = 10_001 + len(live)
            live.append(seq)
            bench.journal_texts(seq, [record(seq)])
        return 204, {}, ""

    server.answer = answer
    bench.start()
    bench.wait_for(lambda facts: facts.get("state") == "catching up")
    bench.wait("up to date")
    order = [seq for body in bodies for seq in body]
    backlog = [seq for seq in order if seq <= 3000]
    assert backlog == list(range(1, 3001))
    assert [seq for seq in order if seq > 3000] == live == [10_001, 10_002, 10_003, 10_004]
    assert order.index(10_001) < order.index(1500)


def test_what_came_in_the_last_seconds_is_live_when_the_database_is_back(bench: Any, server: Any) -> None:
    """It is written before the days of backlog, though it came before the writer found the database."""
    journal_old(bench, 1, 1500)
    now_ms = time.time_ns() // 1_000_000
    bench.journal_texts(9001, [record(9001)], received_ms=now_ms - 60_000)
    bench.journal_texts(9002, [record(9002)], received_ms=now_ms)
    bench.journal_texts(9003, [record(9003)], received_ms=now_ms)
    bench.start()
    bench.wait("up to date")
    order = seqs(server.taken)
    assert sorted(order) == [*range(1, 1501), 9001, 9002, 9003]
    assert order.index(9003) == order.index(9002) + 1 < order.index(1000)
    assert order[-1] == 9001


def test_what_is_set_aside_is_owed_at_once(bench: Any) -> None:
    """Nothing may look done when the live lane leaves only backlog."""
    now_ms = time.time_ns() // 1_000_000
    bench.journal_texts(1, [record(1)], received_ms=now_ms)
    clock_s = 100.0
    store = WriterStore(bench.config.store.path, "direct")
    with JournalReader(bench.config.store.path) as journal:
        encoder = Encoder("influxdb", lambda _: None)
        lanes = Lanes(journal, store, encoder, 10, monotonic=lambda: clock_s)
        first = lanes.live()
        assert first is not None
        assert first.lane == "live"
        lanes.finish(first, now_ms, 0.1)
        journal_old(bench, 2, 100)
        clock_s += 1.0
        assert lanes.live() is None
        second = lanes.other()
        assert second is not None
        assert second.lane == "backlog"
        assert not lanes.idle
        lanes.close()
    store.close()


def test_a_stop_in_the_middle_of_the_backlog_loses_and_repeats_nothing(bench: Any, server: Any) -> None:
    journal_old(bench, 1, 2000)
    seen = 0

    def answer(lines: list[str]) -> tuple[int, dict[str, str], str]:
        nonlocal seen
        seen += 1
        return (503, {"Retry-After": "300"}, "enough") if seen == 7 else (204, {}, "")

    server.answer = answer
    bench.start()
    bench.wait("waiting")
    bench.stop()
    half = read_progress(bench.config.store.path)
    assert half.plan.backlog
    assert 0 < half.cursor < 200
    bench.journal_readings(5001)
    bench.start()
    bench.wait("up to date")
    assert sorted(seqs(server.taken)) == [*range(1, 2001), 5001]
    assert read_progress(bench.config.store.path).plan.backlog == ()


def test_the_journal_is_told_what_is_still_needed(bench: Any, server: Any) -> None:
    journal_old(bench, 1, 2000)
    gate = iter([(204, dict[str, str](), "")] * 5)
    server.answer = lambda _: next(gate, (503, {"Retry-After": "300"}, "enough"))
    bench.start()
    bench.wait("waiting")
    bench.stop()
    store = bench.config.store.path
    with JournalReader(store) as journal:
        epoch = journal.epoch()
    assert epoch is not None
    bench.start()
    bench.wait("waiting")
    need = announced(store)["influxdb"]
    assert need.epoch == epoch.id
    assert need.row == read_progress(store).cursor + 1


def test_a_later_judgement_is_written_too(bench: Any, server: Any) -> None:
    bad = Judged(2, Outcome.QUARANTINED, ("unknown-device",))
    bench.journal_readings(1, 2, 3, judged={2: bad})
    bench.start()
    bench.wait("up to date")
    assert seqs(server.taken) == [1, 3]
    later = Judged(2, Outcome.FLAGGED, ("clock-none",), t_ms=NOW + 77)
    bench.journal.revise(NOW, [Rejudged("bin-001", "0000abcd", later)], "rules 2")
    bench.wait_for(lambda facts: facts["lines"] == 3)
    assert seqs(server.taken) == [1, 3, 2]
    assert server.taken[-1].endswith(f" {(NOW + 77) * 1_000_000 + 2}")
    assert read_progress(bench.config.store.path).revision == 1


def test_a_damaged_row_is_reported_and_not_written(bench: Any, server: Any) -> None:
    for seq in (1, 2, 3):
        bench.journal_readings(seq)
    path = bench.config.store.path / "journal.db"
    db = sqlite3.connect(path)
    with db:
        db.execute("UPDATE bodies SET body = CAST(replace(body, '2', '9') AS BLOB) WHERE id = 2")
    db.close()
    bench.start()
    bench.wait("up to date")
    bench.wait_for(lambda _: "row-damaged" in bench.conditions())
    assert seqs(server.taken) == [1, 3]


def test_a_journal_that_was_put_back_is_followed_from_where_both_agree(
    bench: Any, server: Any, tmp_path: Path
) -> None:
    for seq in (1, 2, 3):
        bench.journal_readings(seq)
    backup = tmp_path / "backup.db"
    source = sqlite3.connect(bench.config.store.path / "journal.db")
    target = sqlite3.connect(backup)
    source.backup(target)
    bench.journal_readings(4, 5)
    bench.start()
    bench.wait("up to date")
    bench.stop()
    bench.journal.close()
    from gateway.journal import epochs

    target.isolation_level = None
    target.execute("BEGIN")
    epochs.begin(target, NOW, "restore", epochs.read_epochs(source))
    target.execute("COMMIT")
    for one in (source, target):
        one.close()
    for file in bench.config.store.path.glob("journal.db*"):
        file.unlink()
    backup.rename(bench.config.store.path / "journal.db")
    bench.journal = SqliteJournal(bench.config.store.path)
    bench.journal_readings(4, temp_dc=7)
    server.taken.clear()
    bench.start()
    bench.wait("up to date")
    assert seqs(server.taken) == [4]
    assert "temp_dc=7i" in server.taken[0]


def test_refused_lines_are_written_again_when_asked_for(bench: Any, server: Any) -> None:
    store = bench.config.store.path
    server.answer = lambda lines: (422, {}, f"conflict dropped={len(lines)}")
    bench.journal_readings(1, 2)
    bench.start()
    bench.wait("up to date")
    assert [one.seq for one in read_refused(store)] == [2, 1]
    assert retry_refused(store) == 2
    bench.wait_for(lambda facts: facts["refused"] == 4)  # the cause is not gone yet
    assert [one.retry for one in read_refused(store)] == [False, False]
    server.answer = lambda _: (204, {}, "")
    assert retry_refused(store) == 2
    bench.wait_for(lambda facts: facts["lines"] == 2 and not bench.conditions())
    assert seqs(server.taken) == [1, 2]
    assert read_refused(store) == []


def test_forgotten_lines_end_the_alarm(bench: Any, server: Any) -> None:
    server.answer = lambda lines: (422, {}, f"conflict dropped={len(lines)}")
    bench.journal_readings(1, 2)
    bench.start()
    bench.wait_for(lambda _: "line-refused" in bench.conditions())
    assert forget_refused(bench.config.store.path) == 2
    bench.wait_for(lambda _: "line-refused" not in bench.conditions())


def test_refused_lines_are_bounded_and_one_record_is_one_entry(tmp_path: Path) -> None:
    store = WriterStore(tmp_path)
    lines = [RefusedLine(NOW, 1, "bin-001", "0000abcd", seq, b"x", 422, "w") for seq in range(MAX_REFUSED)]
    store.save(Progress(), lines)
    store.save(Progress(), lines[:5])
    assert store.refused()[0] == MAX_REFUSED
    more = [msgspec.structs.replace(line, log="0000ffff") for line in lines[:10]]
    store.save(Progress(), more)
    assert store.refused()[0] == MAX_REFUSED
    assert {line.log for line in read_refused(tmp_path, 10)} == {"0000ffff"}
    store.close()


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """The store of a writer of version 1, as it left it."""
    dump = Path(__file__).with_name("databases") / "writer_1.sql"
    db = sqlite3.connect(tmp_path / "writer.db")
    db.executescript(dump.read_text())
    db.close()
    return tmp_path


def test_a_store_of_version_1_goes_on_as_the_sink_influxdb(version_1: Path) -> None:
    store = WriterStore(version_1)
    progress = store.progress()
    assert progress == Progress(Plan("", 43), 0, 427, 3)
    other = WriterStore(version_1, "second")
    other.save(Progress(Plan("e", 90, (Span(3, 5),)), 4, 1, 0, "a line"))
    assert read_all_progress(version_1) == {
        "influxdb": progress,
        "second": Progress(Plan("e", 90, (Span(3, 5),)), 4, 1, 0, "a line"),
    }
    kept = read_refused(version_1)
    assert [(one.sink, one.device, one.seq, one.words) for one in kept] == [
        ("influxdb", "bin-001", 7, "again"),  # the same record was refused twice: the newer words stay
        ("influxdb", "bin-002", 9, "bad-record: recs[0]"),
    ]
    store.close()
    other.close()


def test_a_migration_that_fails_leaves_the_old_version_whole(version_1: Path) -> None:
    from gateway.journal.schema import migrate

    db = sqlite3.connect(version_1 / "writer.db", isolation_level=None)
    broken = (MIGRATIONS[0], MIGRATIONS[1] + "; CREATE TABLE sinks (again INTEGER)")
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, broken)
    if db.in_transaction:
        db.execute("ROLLBACK")
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT cursor, lines, refused FROM progress").fetchone() == (43, 427, 3)
    assert db.execute("SELECT count(*) FROM refused").fetchone() == (3,)
    db.close()
