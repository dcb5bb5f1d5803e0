"""A damaged file: what can be read keeps its row numbers, the rest is declared lost, work goes on."""

import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.journal import (
    Appended,
    JournalCorruptError,
    JournalError,
    JournalFullError,
    JournalReader,
    SqliteJournal,
    salvage,
)
from tests.journal.kit import LOG, message, text

PAGE = 4096
DEVICES = [f"bin-{n}" for n in range(4)]
ROWS = 60  # of each device, three records each


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a sound journal whose rows fill many pages."""
    store = tmp_path_factory.mktemp("sound")
    journal = SqliteJournal(store)
    for n in range(ROWS):
        first = 1 + 3 * n
        batch = [message(first, first + 1, first + 2, device=one, filler=120, plain=True) for one in DEVICES]
        if n % 7 == 0:
            batch.append(message(first, variant=1, device="bin-0"))  # a conflict, in the quarantine
        journal.append(batch)
    journal.close()
    return (store / "journal.db").read_bytes()


def resend(store: Path) -> tuple[SqliteJournal, Appended]:
    """What intake does: give the same batch until it is stored; readers look meanwhile."""
    journal = SqliteJournal(store, salvage=True)
    following = 3 * ROWS + 1
    batch = [message(following, device=one) for one in DEVICES]
    for attempt in range(6):
        try:
            done = journal.append(batch)
        except JournalError:
            continue
        with JournalReader(store) as reader:
            for _ in range(3):
                try:
                    reader.read(0, 10_000)
                    reader.quarantine(limit=10_000)
                    reader.losses()
                except JournalCorruptError:
                    journal.maintain(1 + attempt)
                else:
                    return journal, done
    raise AssertionError("it never went on")


def account(store: Path) -> dict[str, set[int]]:
    """Per device the numbers that are stored or declared lost, each once, each with the right text."""
    found: dict[str, set[int]] = {one: set() for one in DEVICES}
    with JournalReader(store) as reader:
        for row in reader.read(0, 10_000):
            assert row.sound()
            for record in row.records():
                assert record.raw.rstrip(b" }").startswith(text(record.seq).rstrip(b"}"))
                numbers = found.setdefault(row.device, set())
                assert record.seq not in numbers
                numbers.add(record.seq)
        for loss in reader.losses(limit=10_000):
            lost = set(range(loss.first, loss.last + 1))
            assert not lost & found[loss.device]
            found[loss.device] |= lost
        counters = reader.counters()
        assert counters.received == sum(counters.outcomes.values())
        assert reader.lost() == sum(one.last - one.first + 1 for one in reader.losses(limit=10_000))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_with_any_pages_of_rows_damaged_every_number_is_there_or_declared_lost(
    sound: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = tmp_path_factory.mktemp("damaged")
    pages = sorted(_pages_of_rows(sound, store))
    hit = data.draw(st.lists(st.sampled_from(pages), min_size=1, max_size=6, unique=True))
    kind = data.draw(st.sampled_from(("random", "zero", "bit")))
    damaged = bytearray(sound)
    rng = random.Random(hit[0])
    for page in hit:
        start = (page - 1) * PAGE
        if kind == "bit":
            damaged[start + rng.randrange(PAGE)] ^= 1 << rng.randrange(8)
        else:
            damaged[start : start + PAGE] = rng.randbytes(PAGE) if kind == "random" else bytes(PAGE)
    (store / "journal.db").write_bytes(damaged)
    journal, done = resend(store)
    assert set(done.acks.values()) == {3 * ROWS + 1}
    if kind == "bit":  # a flipped bit may hit nothing, or a text whose check sum then tells
        with JournalReader(store) as reader:
            unsound = [row for row in reader.read(0, 10_000) if not row.sound()]
        journal.close()
        assert len(unsound) <= len(hit)
        if unsound:
            return
    else:
        journal.close()
        assert list(store.glob("journal-corrupt-*.db"))
    for numbers in account(store).values():
        assert numbers == set(range(1, 3 * ROWS + 2))


def _pages_of_rows(sound: bytes, store: Path) -> set[int]:
    """Numbers of the leaf pages of the table of rows (type 13), but for those of other tables."""
    file = store / "map.db"
    file.write_bytes(sound)
    db = sqlite3.connect(file)
    (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'bodies'").fetchone()
    db.close()
    file.unlink()
    interior = sound[(root - 1) * PAGE : root * PAGE]
    assert interior[0] == 5  # an interior page of a table
    cells = int.from_bytes(interior[3:5], "big")
    at = [int.from_bytes(interior[12 + 2 * n : 14 + 2 * n], "big") for n in range(cells)]
    children = {int.from_bytes(interior[place : place + 4], "big") for place in at}
    return children | {int.from_bytes(interior[8:12], "big")}


@pytest.mark.parametrize("share", [0.1, 0.4])
@pytest.mark.parametrize("seed", range(6))
def test_with_anything_damaged_it_goes_on_and_nothing_is_stored_twice(
    sound: bytes, tmp_path: Path, seed: int, share: float
) -> None:
    rng = random.Random(seed)
    damaged = bytearray(sound)
    for page in range(len(sound) // PAGE):
        if rng.random() < share:
            damaged[page * PAGE : (page + 1) * PAGE] = rng.randbytes(PAGE)
    (tmp_path / "journal.db").write_bytes(damaged)
    journal, _ = resend(tmp_path)
    journal.append([message(*range(1, 3 * ROWS + 2), filler=120, device=one) for one in DEVICES])
    journal.close()
    account(tmp_path)


@pytest.mark.parametrize("size", [0.3, 0.9])
def test_a_file_that_was_cut_short_is_salvaged(sound: bytes, tmp_path: Path, size: float) -> None:
    cut = int(len(sound) / PAGE * size) * PAGE
    (tmp_path / "journal.db").write_bytes(sound[:cut])
    journal, _ = resend(tmp_path)
    journal.close()
    account(tmp_path)
    assert list(tmp_path.glob("journal-corrupt-*.db"))


def test_something_else_than_a_database_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(JournalCorruptError) as caught:
        SqliteJournal(tmp_path)  # without being allowed to salvage, it says so and touches nothing
    assert caught.value.code == "journal-corrupt"
    journal = SqliteJournal(tmp_path, salvage=True)
    assert journal.append([message(1)]).acks == {("bin-001", LOG): 1}
    (condition,) = journal.maintain(1).conditions
    assert condition.code == "journal-corrupt"
    (aside,) = tmp_path.glob("journal-corrupt-*.db")
    assert aside.read_bytes().startswith(b"not a database")
    aside.unlink()
    assert journal.maintain(10_000).conditions == []  # gone when the file has been looked at
    journal.close()


def test_a_reader_goes_on_in_the_new_file_and_a_writer_beside_it_too(sound: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(sound)
    intake, replay = SqliteJournal(tmp_path, salvage=True), SqliteJournal(tmp_path)
    with JournalReader(tmp_path) as reader:
        before, version = reader.epoch(), reader.data_version()
        assert before is not None
        intake.close()
        (tmp_path / salvage.SUSPECT).touch()  # as a reader does that met damage twice
        intake.maintain(1)
        assert not (tmp_path / salvage.SUSPECT).exists()
        after = reader.epoch()
        assert after is not None
        assert (after.cause, after.began_at_row) == ("damage", reader.end())
        assert reader.data_version() != version
        assert reader.resume(before.id, 5) is not None
        assert len(reader.read(0, 10_000)) == ROWS * len(DEVICES)  # it was sound: all of it is there
        assert reader.lost() == 0
        following = 3 * ROWS + 1
        assert replay.append([message(following, device="bin-0")]).acks == {("bin-0", LOG): following}
        assert reader.hwm("bin-0", LOG) == following  # it wrote into the new file, not into the one set aside
        replay.close()
        intake.append([message(following, device="bin-1")])
    # The last to close the old file must not take the log of the new one away.
    assert (tmp_path / "journal.db-wal").exists()
    with JournalReader(tmp_path) as reader:
        assert reader.hwm("bin-1", LOG) == following
    intake.close()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", range(1, 7))
def test_being_killed_while_the_new_file_is_put_in_place_costs_nothing(
    sound: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    (tmp_path / "journal.db").write_bytes(sound)
    left = [step]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return real(*args, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("replace", "hardlink_to", "unlink"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        patch.setattr(salvage, "_sync", counted(salvage._sync))
        with suppress(Killed):
            salvage.salvage(tmp_path, 1, sqlite3.connect, lambda _: None)
    journal = SqliteJournal(tmp_path, salvage=True)
    journal.close()
    numbers = account(tmp_path)
    assert all(one == set(range(1, 3 * ROWS + 1)) for one in numbers.values())


def test_without_room_for_a_second_file_it_waits_and_says_so(
    sound: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "journal.db").write_bytes(b"x" * PAGE + sound[PAGE:])
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=PAGE))
        with pytest.raises(JournalFullError, match="Make room"):
            SqliteJournal(tmp_path, salvage=True)
    SqliteJournal(tmp_path, salvage=True).close()
