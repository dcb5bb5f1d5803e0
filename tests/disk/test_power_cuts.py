"""The journal after a power cut at any disk operation: what was acknowledged is there, once, unaltered."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.disk import SECTOR, Connection, Cut, Disk, Keep, Replay, cuts
from simulators.disk.operations import Delete, Make, Operation, Sync, SyncFailed, Truncate, Write
from tests.disk.crashing import Judge, record
from tests.disk.sweep_crash import main

BATCHES = 8


def findings(directory: Path, synchronous: str, every: int) -> tuple[int, list[str]]:
    """How many cuts were made, one in `every`, and what was wrong."""
    recording = record(directory / "run", seed=5, batches=BATCHES, synchronous=synchronous)
    judge = Judge(recording, directory)
    found = [judge.wrong(cut) for n, cut in enumerate(cuts(recording.log, seeds=1)) if n % every == 0]
    return len(found), [words for words in found if words]


def test_nothing_that_was_acknowledged_is_lost_doubled_or_altered_by_a_power_cut(tmp_path: Path) -> None:
    number, wrong = findings(tmp_path, "FULL", every=2)
    assert not wrong
    assert number > 300


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_the_sweep_finds_what_weaker_syncing_loses(tmp_path: Path, synchronous: str) -> None:
    _, wrong = findings(tmp_path, synchronous, every=7)
    assert any("transactions that had returned are gone" in words for words in wrong)


def test_the_command_says_what_was_wrong_and_how_to_see_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    weak = ["--batches", "4", "--synchronous", "OFF"]
    assert main([*weak, "--points", "1", "--jobs", "1"]) == 1
    said = capsys.readouterr()
    assert '"wrong": ' in said.out.splitlines()[-1]
    again = next(line for line in said.err.splitlines() if "again:" in line).split()
    arguments = again[again.index("tests.disk.sweep_crash") + 1 :]
    assert main(arguments) == 1  # the printed command finds it by itself
    assert main(["--batches", "4", "--at", "60", "--keep", "some", "--choice", "3"]) == 0


def test_with_everything_kept_the_image_is_what_lies_in_the_directory(tmp_path: Path) -> None:
    recording = record(tmp_path / "run", seed=1, batches=4)
    image = Replay(recording.start, recording.log).image(Cut(len(recording.log), Keep.ALL))
    assert image == {file.name: file.read_bytes() for file in (tmp_path / "run").iterdir()}


def image(log: list[Operation], keep: Keep, seed: int = 0, **start: bytes) -> dict[str, bytes]:
    return Replay(start, log).image(Cut(len(log), keep, seed))


def test_what_is_not_synced_may_be_gone_and_a_name_needs_its_directory() -> None:
    made: list[Operation] = [Make("wal", 1), Write(1, 0, b"abc")]
    assert image(made, Keep.NONE) == {}
    assert image(made, Keep.ALL) == {"wal": b"abc"}
    assert image([*made, Sync(1, directory=False)], Keep.NONE) == {}
    synced: list[Operation] = [*made, Sync(1, directory=True)]
    assert image(synced, Keep.NONE) == {"wal": b"abc"}
    assert image([*synced, Truncate(1, 0)], Keep.NONE) == {"wal": b"abc"}
    assert image([*synced, Delete("wal", directory=False)], Keep.NONE) == {"wal": b"abc"}
    assert image([*synced, Delete("wal", directory=True)], Keep.NONE) == {}
    anew: list[Operation] = [*synced, Delete("wal", directory=False), Make("wal", 2), Write(2, 0, b"z")]
    assert {image(anew, Keep.SOME, seed).get("wal") for seed in range(60)} == {None, b"", b"abc", b"z"}


def test_what_a_failed_sync_left_behind_is_in_doubt_for_ever() -> None:
    log: list[Operation] = [
        Write(-1, 0, b"abc"),
        SyncFailed(-1),
        Write(-1, 1, b"X"),
        Sync(-1, directory=True),
    ]
    assert image(log, Keep.NONE, db=b"") == {"db": b"\0X"}
    assert image(log, Keep.ALL, db=b"") == {"db": b"aXc"}


@given(offset=st.integers(0, 3 * SECTOR), length=st.integers(1, 4 * SECTOR), seed=st.integers(0, 1000))
def test_a_torn_write_stores_sectors_whole_or_not_at_all(offset: int, length: int, seed: int) -> None:
    before = b"o" * (8 * SECTOR)
    data = image([Write(-1, offset, b"n" * length)], Keep.SOME, seed, db=before)["db"]
    for begin in range(0, len(data), SECTOR):
        sector = data[begin : begin + SECTOR]
        inside = [n for n in range(begin, begin + SECTOR) if offset <= n < offset + length]
        assert {sector[n - begin] for n in inside} in ({ord("n")}, {ord("o")}, set())
        outside = {sector[n - begin] for n in range(begin, begin + SECTOR) if n not in inside}
        assert outside <= {ord("o")}


def test_cuts_must_come_in_order() -> None:
    replay = Replay({}, [Make("a", 1)])
    replay.image(Cut(1, Keep.ALL))
    with pytest.raises(ValueError, match="ascending"):
        replay.image(Cut(0, Keep.ALL))


def test_a_killed_program_writes_no_more_and_its_files_can_be_read(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    dying = Connection(disk, tmp_path / "x.db")
    dying.execute("PRAGMA journal_mode = WAL")
    dying.execute("CREATE TABLE t (x)")
    dying.execute("INSERT INTO t VALUES (1)")
    disk.kill()
    before = len(disk.log)
    dying.close()  # neither a checkpoint nor a deleted WAL
    assert len(disk.log) == before
    assert (tmp_path / "x.db-wal").exists()
    heir = Connection(disk, tmp_path / "x.db")
    assert heir.execute("SELECT x FROM t").fetchall() == [(1,)]
    heir.close()
    disk.close()
