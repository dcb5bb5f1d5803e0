"""The journal on a disk that is full, fails, loses what it failed to sync, or turns bits."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.journal import JournalError, JournalReader, SqliteJournal
from gateway.journal.verify import verify
from simulators.disk import Connection, Cut, Disk, Fault, Keep, rot
from tests.disk.crashing import FILE, START_MS, Judge, Recording, Returned, unsound
from tests.disk.workload import Workload, workload

MOST_ATTEMPTS = 30


def journal_on(disk: Disk) -> SqliteJournal:
    """The product's journal on a simulated disk, with checkpoints often enough to meet their faults, too."""

    def connect(path: Any, **options: Any) -> Any:
        db = Connection(disk, path, **options)
        db.execute("PRAGMA wal_autocheckpoint = 24")
        return db

    return SqliteJournal(disk.directory, connect=connect)


def run(disk: Disk, sent: Workload, faults: dict[int, Fault], kills: set[tuple[int, int]]) -> None:
    """Journal a workload as intake does: again and again until it is stored.

    `faults` begin with a batch; `kills` (batch, attempt) end the process after a failed attempt.
    """
    journal: SqliteJournal | None = None
    for number, batch in enumerate(sent.batches):
        if number in faults:
            disk.faults.append(faults[number])
        for attempt in range(MOST_ATTEMPTS):
            try:
                journal = journal or journal_on(disk)
                journal.append(batch)
            except JournalError:
                if (number, attempt) in kills:
                    disk.kill()
                    if journal is not None:
                        journal.close()
                    journal = None
            else:
                disk.mark(Returned(number))
                break
        else:
            raise AssertionError(f"batch {number} was never stored")
    if journal is not None:
        journal.close()


FAULTS = st.builds(
    Fault,
    on=st.sampled_from(("write", "sync", "read", "truncate")),
    nth=st.integers(1, 12),
    error=st.sampled_from(("full", "io")),
    times=st.integers(1, 4),
    suffix=st.sampled_from(("", "-wal", ".db")),
)


@given(
    seed=st.integers(0, 50),
    faults=st.dictionaries(st.integers(0, 7), FAULTS, max_size=3),
    kills=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 2)), max_size=3),
    places=st.lists(st.floats(0, 1), min_size=2, max_size=4),
)
@settings(max_examples=80, deadline=None)
def test_whatever_fails_nothing_acknowledged_is_lost_even_when_the_power_goes_later(
    seed: int, faults: dict[int, Fault], kills: set[tuple[int, int]], places: list[float]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "run"
        store.mkdir()
        disk = Disk(store)
        sent = workload(seed, 8, START_MS)
        run(disk, sent, faults, kills)
        disk.close()
        recording = Recording(disk.start, "", disk.log, sent)
        judge = Judge(recording, Path(name), exactly=False)
        for place in sorted(places):
            cut = Cut(round(place * len(disk.log)), Keep.SOME if place < 0.5 else Keep.NONE, seed)
            assert judge.wrong(cut) == ""
        assert judge.wrong(Cut(len(disk.log), Keep.NONE)) == ""
        assert unsound(store) == ""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    one = Disk(tmp_path)
    yield one
    one.close()


def test_a_full_disk_is_said_stores_nothing_and_goes_on_by_itself(disk: Disk) -> None:
    sent = workload(3, 6, START_MS)
    journal = journal_on(disk)
    journal.append(sent.batches[0])
    with JournalReader(disk.directory) as reader:
        before = reader.counters()
    disk.faults.append(Fault("write", error="full", times=10**6))
    for _ in range(3):
        with pytest.raises(JournalError) as caught:
            journal.append(sent.batches[1])
        assert caught.value.code == "journal-full"
    disk.faults.clear()
    with JournalReader(disk.directory) as reader:
        assert reader.counters() == before
    for batch in sent.batches[1:]:
        journal.append(batch)
    journal.close()
    assert unsound(disk.directory) == ""


def test_a_killed_process_does_not_trust_what_a_failed_sync_left_in_the_cache(
    disk: Disk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The batch is in the WAL, complete, and a new process finds it there; but it is not on the disk.
    sent = workload(9, 4, START_MS)
    journal = journal_on(disk)
    journal.append(sent.batches[0])
    disk.mark(Returned(0))
    disk.faults.append(Fault("sync", error="io", times=10**6))
    with pytest.raises(JournalError) as caught:
        journal.append(sent.batches[1])
    assert caught.value.code == "journal-io"
    disk.kill()
    journal.close()
    disk.faults.clear()
    heir = journal_on(disk)
    heir.append(sent.batches[1])
    disk.mark(Returned(1))
    before_closing = len(disk.log)
    heir.close()
    recording = Recording(disk.start, "", disk.log, sent)
    judge = Judge(recording, tmp_path_factory.mktemp("cuts"), exactly=False)
    assert judge.wrong(Cut(before_closing, Keep.NONE)) == ""


@given(seed=st.integers(0, 2**32), place=st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_a_turned_bit_never_alters_a_record_unnoticed(rotting: Path, seed: int, place: float) -> None:
    store, sent = rotting, workload(2, 25, START_MS)
    good = (store / "good").read_bytes()
    begin = int(place * len(good))
    (store / FILE).write_bytes(rot(good, seed, begin, begin + 1))
    expected = sent.ledgers[-1].texts
    held: dict[tuple[str, str], dict[int, bytes]] = {log: {} for log in expected}
    noticed = False
    try:
        with JournalReader(store) as reader:
            for row in reader.read(0, 100_000):
                if not row.sound():
                    noticed = True
                    continue
                for one in row.records():
                    held.setdefault((row.device, row.log), {})[one.seq] = one.raw
    except JournalError:
        noticed = True
    for log, texts in held.items():
        for seq, text in texts.items():
            if expected.get(log, {}).get(seq) != text:
                noticed = True  # under another name: then the file's own check must tell
                assert verify(store / FILE).findings
    try:
        found = bool(verify(store / FILE).findings)
    except JournalError:
        found = True
    if noticed or held != expected:
        assert found


@pytest.fixture(scope="module")
def rotting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose journal is put back, with one bit turned, for each example."""
    store = tmp_path_factory.mktemp("rotting")
    sent = workload(2, 25, START_MS)
    journal = SqliteJournal(store)
    for batch in sent.batches:
        journal.append(batch)
    journal.close()
    with sqlite3.connect(store / FILE) as db:  # so that no example leaves a WAL for the next one
        db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    shutil.copyfile(store / FILE, store / "good")
    return store
