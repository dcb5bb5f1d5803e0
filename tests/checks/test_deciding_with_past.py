"""Intake's decider: the fast path and the slow one say the same, and a restart makes no difference."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.checks import HORIZON, Limits
from gateway.contract_types import RecordBase
from gateway.devices import Device
from gateway.intake import decide
from gateway.intake.decide import Decider, Incoming
from gateway.journal import JournalError, JournalReader, Outcome, SqliteJournal
from gateway.journal.model import Judged, Plain, Records, Rejudged
from gateway.journal.stored import Stored
from tests.checks.examples import BIN, NOW, TRUCK, deposit, position, reading
from tests.checks.histories import histories

LOG = "0000abcd"
KNOWN = {BIN.id: BIN, TRUCK.id: TRUCK}


def message(
    device: Device, records: Sequence[RecordBase], newer_field: bytes = b"", log: str = LOG
) -> Incoming:
    texts = b",".join(msgspec.json.encode(record) for record in records)
    body = b'{"v":1,"log":"%b","first":0,"sent":1%b,"recs":[%b]}' % (log.encode(), newer_field, texts)
    return Incoming(f"huishou/1/{device.id}/up/records", body, len(body), NOW)


def judgements(decider: Decider, one: Incoming) -> list[Judged]:
    arrival = decider.decide(one)
    assert isinstance(arrival, Records)
    return list(arrival.records)


@given(histories())
def test_the_fast_path_and_the_slow_one_say_the_same(history: tuple[Device, list[RecordBase]]) -> None:
    device, records = history
    if not records:
        return
    fast, slow = Decider(KNOWN.get), Decider(KNOWN.get)
    assert judgements(fast, message(device, records)) == judgements(
        slow, message(device, records, b',"new":1')
    )
    follow_up = message(device, [records[-1]])
    assert judgements(fast, follow_up) == judgements(slow, follow_up)


@given(histories(longest=12), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_a_restart_of_intake_changes_no_judgement(
    history: tuple[Device, list[RecordBase]], split: int
) -> None:
    device, records = history
    parts = [part for part in (records[:split], records[split:]) if part]
    steady = Decider(KNOWN.get)
    expected = [judgements(steady, message(device, part)) for part in parts]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for part in parts:
            journal = SqliteJournal(Path(folder))
            with JournalReader(Path(folder)) as reader:
                arrival = Decider(KNOWN.get, reader.before).decide(message(device, part))
            journal.append([arrival])
            journal.close()
            assert isinstance(arrival, Records)
            found.append(list(arrival.records))
    assert found == expected


def test_an_ordinary_message_is_told_as_a_whole() -> None:
    arrival = Decider(KNOWN.get).decide(message(BIN, [reading(seq=n) for n in range(7, 10)]))
    assert isinstance(arrival, Records)
    assert isinstance(arrival.records, Plain)
    assert (arrival.records.seq, len(arrival.records)) == (7, 3)
    gap = Decider(KNOWN.get).decide(message(BIN, [reading(seq=7), reading(seq=9)]))
    assert isinstance(gap, Records)
    assert list(gap.records) == [Judged(7), Judged(9)]


def test_the_journal_is_asked_once_for_a_log_and_only_for_the_horizon() -> None:
    asked = []

    def before(*wanted: object) -> list[Stored]:
        asked.append(wanted)
        return []

    decider = Decider(KNOWN.get, before)
    for seq in range(500, 510):
        decider.decide(message(BIN, [reading(seq=seq)]))
    decider.decide(message(BIN, [reading(seq=3)], log="00000002"))
    assert asked == [(BIN.id, LOG, 500, HORIZON), (BIN.id, "00000002", 3, HORIZON)]


def test_a_log_that_was_forgotten_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decide, "MAX_PASTS", 2)
    paid = Stored(1, msgspec.json.encode(deposit(seq=1, before=0)), Outcome.ACCEPTED, (), None)
    decider = Decider(KNOWN.get, lambda _device, log, seq, _count: [paid] if log == LOG and seq > 1 else [])
    decider.decide(message(BIN, [deposit(seq=1, before=0)]))
    for log in ("00000001", "00000002", "00000003"):
        decider.decide(message(BIN, [reading(seq=1)], log=log))
    (again,) = judgements(decider, message(BIN, [deposit(seq=2)]))
    assert again.codes[0] == "session-twice"


def test_a_journal_that_cannot_be_read_costs_no_message() -> None:
    def before(*_: object) -> list[Stored]:
        raise JournalError("the disk is gone")

    assert judgements(Decider(KNOWN.get, before), message(BIN, [reading(seq=9)])) == [Judged(9)]


def test_new_limits_hold_from_the_next_message_on() -> None:
    decider = Decider(KNOWN.get)
    fast_one = [position(seq=1, speed_cmps=3_000)]
    assert judgements(decider, message(TRUCK, fast_one)) == [Judged(1)]
    decider.limits = Limits(speed_max_mps=25)
    (slower,) = judgements(decider, message(TRUCK, [position(seq=2, speed_cmps=3_000)]))
    assert slower.codes == ("speed-range",)


def test_what_was_judged_anew_is_compared_with_once_the_past_is_forgotten(tmp_path: Path) -> None:
    listed: dict[str, Device] = {}
    journal = SqliteJournal(tmp_path)
    with JournalReader(tmp_path) as reader:
        decider = Decider(listed.get, reader.before)
        journal.append([decider.decide(message(BIN, [deposit(seq=0, before=0), reading(seq=1)]))])
        listed |= KNOWN
        journal.append([decider.decide(message(BIN, [reading(seq=2)]))])  # the past is read: nothing was paid
        journal.revise(NOW, [Rejudged(BIN.id, LOG, Judged(0))], "rules, devices")
        decider.forget()
        (again,) = judgements(decider, message(BIN, [deposit(seq=3)]))
    journal.close()
    assert again.codes == ("session-twice",)
