"""Inbox, decider, commit thread's step and the real journal: whoever is in trouble, the others go on."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.devices import Device
from gateway.intake.committer import Committer, Parcel
from gateway.intake.decide import Decider, Incoming
from gateway.intake.inbox import Inbox
from gateway.journal import Appended, Arrival, JournalCorruptError, JournalReader, Row, SqliteJournal
from gateway.journal.salvage import SET_ASIDE

NOW = 1_795_000_000_000
A, B = "0000000a", "0000000b"


class CountingJournal(SqliteJournal):
    """The product's journal, which counts its transactions."""

    transactions = 0

    def append(self, batch: Sequence[Arrival]) -> Appended:
        self.transactions += 1
        return super().append(batch)


class Bench:
    """What intake is made of between the socket and the disk."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.journal = CountingJournal(store, salvage=True)
        self.reader = JournalReader(store)
        self.inbox: Inbox[Parcel] = Inbox()
        self.acks: dict[tuple[str, str], int] = {}
        self.packets: list[int] = []
        decider = Decider(lambda name: Device(name, "bin"), self.reader.before)
        self.committer = Committer(self.inbox, self.journal, decider, self._settle)
        self._packet = 0

    def send(self, device: str, log: str, *records: bytes, first: int = 1) -> None:
        head = b'{"v":1,"log":"%b","first":%d,"sent":%d,"recs":[' % (log.encode(), first, NOW)
        body = head + b",".join(records) + b"]}"
        self._packet += 1
        message = Incoming(f"huishou/1/{device}/up/records", body, len(body), NOW)
        assert self.inbox.put(Parcel(message, None, self._packet, len(body)), 0)

    def commit(self) -> None:
        assert self.committer.step(0)

    def counted(self) -> dict[tuple[str, str], int]:
        return self.reader.counters().outcomes

    def rows(self) -> list[Row]:
        """All rows. A reader that meets damage twice tells intake, which mends it in its next upkeep."""
        for _ in range(4):
            try:
                return self.reader.read(0, 1000)
            except JournalCorruptError:
                self.commit()
        raise AssertionError("the journal stays damaged")

    def _settle(self, parcels: Sequence[Parcel], appended: Appended) -> None:
        self.packets += [parcel.packet for parcel in parcels]
        self.acks |= appended.acks

    def close(self) -> None:
        self.reader.close()
        self.journal.close()


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    made = Bench(tmp_path)
    yield made
    made.close()


def reading(seq: int, more: str = "") -> bytes:
    return f'{{"seq":{seq},"t":{NOW - 1000 + seq},"clock":"ntp","kind":"reading"{more}}}'.encode()


def test_a_thousand_devices_share_one_transaction(bench: Bench) -> None:
    for n in range(1000):
        bench.send(f"bin-{n:04}", A, reading(1), reading(2))
    bench.commit()
    assert bench.journal.transactions == 1
    assert bench.packets == list(range(1, 1001))
    assert bench.acks == {(f"bin-{n:04}", A): 2 for n in range(1000)}
    assert bench.counted() == {("accepted", ""): 2000}


def test_a_gap_in_one_log_of_a_device_does_not_hold_up_its_other_log(bench: Bench) -> None:
    bench.send("bin-1", A, reading(1))
    bench.send("bin-1", B, reading(1), reading(2))
    bench.send("bin-1", A, reading(4))
    bench.send("bin-1", B, reading(3))
    bench.commit()
    assert bench.acks == {("bin-1", A): 1, ("bin-1", B): 3}
    bench.send("bin-1", B, reading(4))
    bench.send("bin-1", A, reading(2), reading(3))
    bench.commit()
    assert bench.acks == {("bin-1", A): 4, ("bin-1", B): 4}
    assert [(gap.log, gap.first) for gap in bench.reader.gaps()] == []


BAD = {
    "wrong type": reading(1, ',"mass_g":"heavy"'),
    "unknown kind": reading(1).replace(b"reading", b"poem"),
    "no record": b"7",
    "contradicts itself": (
        b'{"seq":1,"t":%d,"clock":"ntp","kind":"deposit","session":"s","bay":0,"category":"paper",'
        b'"net_g":5,"before_g":0,"after_g":5000,"e_g":5,"cal":"c","below_min":true}' % NOW
    ),
}


@pytest.mark.parametrize("record", BAD.values(), ids=BAD)
def test_what_never_passes_is_kept_once_counted_and_acknowledged_each_time(
    bench: Bench, record: bytes
) -> None:
    for again in range(3):
        bench.send("bin-1", A, record)
        bench.send(f"bin-{2 + again}", A, reading(1))
        bench.commit()
        assert bench.packets == list(range(1, 3 + 2 * again))
        assert bench.acks[f"bin-{2 + again}", A] == 1
    assert len(bench.reader.quarantine()) == 1
    counters = bench.reader.counters()
    assert counters.received == 6 == sum(counters.outcomes.values())
    assert sum(n for (outcome, _), n in counters.outcomes.items() if outcome == "accepted") == 3


def test_a_device_that_sends_the_same_for_ever_is_told_again_where_it_stands(bench: Bench) -> None:
    for _ in range(3):
        bench.acks.clear()
        bench.send("bin-1", A, reading(1), reading(2))
        bench.commit()
        assert bench.acks == {("bin-1", A): 2}
    assert bench.counted() == {("accepted", ""): 2, ("duplicate", ""): 4}


def damage_the_end(file: Path) -> None:
    """Overwrite the last quarter of the file."""
    size = file.stat().st_size // 4096
    with file.open("r+b") as raw:
        raw.seek(size * 3 // 4 * 4096)
        raw.write(b"\xa5" * 4096 * (size // 4))


def cut_the_header(file: Path) -> None:
    """The first pages hold the schema: nothing can be saved, and a new file begins."""
    with file.open("r+b") as raw:
        raw.write(b"\xa5" * 200)


@pytest.mark.parametrize("damage", [damage_the_end, cut_the_header])
def test_a_file_that_is_damaged_between_two_batches_is_saved_and_the_batch_stored(
    bench: Bench, damage: Callable[[Path], None], tmp_path: Path
) -> None:
    for first in range(1, 400, 4):
        bench.send("bin-1", A, *(reading(seq, ',"temp_dc":200') for seq in range(first, first + 4)))
        bench.send("bin-2", A, *(reading(seq) for seq in range(first, first + 4)))
    bench.commit()
    bench.reader.close()
    bench.journal.close()  # the last to close folds everything into the one file
    damage(tmp_path / "journal.db")
    for device in ("bin-1", "bin-2"):
        bench.send(device, A, reading(401), first=401)
    bench.commit()
    assert bench.acks == {("bin-1", A): 401, ("bin-2", A): 401}
    assert bench.committer.problem is None
    stored = {(row.device, record.seq) for row in bench.rows() for record in row.records()}
    lost = {
        (loss.device, seq)
        for loss in bench.reader.losses(limit=1000)
        for seq in range(loss.first, loss.last + 1)
    }
    assert {("bin-1", 401), ("bin-2", 401)} <= stored
    assert not stored & lost
    if damage is damage_the_end:
        every = {(device, seq) for device in ("bin-1", "bin-2") for seq in range(1, 402)}
        assert stored | lost == every
    assert len(list(tmp_path.glob(SET_ASIDE))) == 1
