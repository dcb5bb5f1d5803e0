"""A replay gives what would have been with today's rules and devices; the same bytes every time."""

import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
from hypothesis import given, settings

from gateway.checks import DEFAULTS
from gateway.contract_types import RecordBase
from gateway.devices import Device
from gateway.intake.decide import Decider, Incoming
from gateway.journal import JournalReader, Outcome, SqliteJournal
from gateway.replay import BATCH, Devices, Tally, Wanted, apply, basis, replay
from tests.checks.examples import BIN, NOW, deposit, reading
from tests.checks.histories import histories

LOG = "0000abcd"
KNOWN = {BIN.id: BIN}
UNKNOWN: Devices = {}
ALL = Wanted()
InForce = dict[int, tuple[Outcome, tuple[str, ...], int | None]]


def message(device: str, records: Sequence[RecordBase], first: int = 0, received_ms: int = NOW) -> Incoming:
    texts = b",".join(msgspec.json.encode(record) for record in records)
    body = b'{"v":1,"log":"%b","first":%d,"sent":%d,"recs":[%b]}' % (LOG.encode(), first, NOW, texts)
    return Incoming(f"huishou/1/{device}/up/records", body, len(body), received_ms)


def take_in(store: Path, devices: Devices, *messages: Incoming) -> None:
    """As intake does, one commit."""
    journal = SqliteJournal(store)
    with JournalReader(store) as reader:
        decider = Decider(devices.get, reader.before)
        journal.append([decider.decide(one) for one in messages])
    journal.close()


def judge_anew(store: Path, devices: Devices, now_ms: int = NOW, put_in_force: bool = True) -> bytes:
    """The replay's whole output."""
    tally = Tally(basis(devices, DEFAULTS))
    with JournalReader(store) as reader:
        findings = list(replay(reader, devices, DEFAULTS, ALL))
    for finding in findings:
        tally.count(finding)
    if put_in_force:
        journal = SqliteJournal(store)
        apply(journal, findings, now_ms, tally.basis)
        journal.close()
    return b"".join(finding.line() for finding in findings) + tally.line()


def in_force(store: Path, device: str = BIN.id) -> InForce:
    """Each stored record's judgement, revisions taken in."""
    with JournalReader(store) as reader:
        found: InForce = {
            stored.seq: (stored.outcome, stored.codes, stored.t_ms)
            for row in reader.read(0, 10_000, device)
            for stored in row.records()
        }
        for one in reader.revisions(0, 10_000):
            found[one.seq] = (one.outcome, one.codes, one.t_ms)
        counters = reader.counters()
    assert counters.received == sum(counters.outcomes.values())
    assert all(count >= 0 for count in counters.outcomes.values())
    return found


def dump(store: Path) -> list[str]:
    with closing(sqlite3.connect(store / "journal.db")) as db:
        return [line for line in db.iterdump() if 'INSERT INTO "meta"' not in line]


@given(history=histories(longest=12))
@settings(max_examples=40, deadline=None)
def test_a_device_that_was_listed_too_late_stands_as_if_it_had_been_listed(
    history: tuple[Device, list[RecordBase]],
) -> None:
    device, records = history
    if not records:
        return
    first = records[0].seq
    parts = [records[n : n + 4] for n in range(0, len(records), 4)]
    messages = [message(device.id, part, first, NOW + n) for n, part in enumerate(parts)]
    listed = {device.id: device}
    with tempfile.TemporaryDirectory() as folder:
        late, at_once = Path(folder, "late"), Path(folder, "at-once")
        take_in(late, UNKNOWN, *messages)
        take_in(at_once, listed, *messages)
        assert all(outcome is Outcome.QUARANTINED for outcome, _, _ in in_force(late, device.id).values())
        judge_anew(late, listed)
        assert in_force(late, device.id) == in_force(at_once, device.id)
        with JournalReader(late) as reader:
            still = {entry.seq for entry in reader.quarantine() if entry.released_ms is None}
        refused = {seq for seq, one in in_force(late, device.id).items() if one[0] is Outcome.QUARANTINED}
        assert still == refused
        before = dump(late)
        judge_anew(late, listed, NOW + 1)
        assert dump(late) == before, "judged anew twice: nothing is left to change"


@given(history=histories(longest=8))
@settings(max_examples=15, deadline=None)
def test_the_same_journal_gives_the_same_bytes_and_the_same_journal(
    history: tuple[Device, list[RecordBase]],
) -> None:
    device, records = history
    if not records:
        return
    junk = Incoming("huishou/1/bin-001/up/records", b"not json", 8, NOW)
    listed = {device.id: device, "other-1": Device("other-1", "station")}
    with tempfile.TemporaryDirectory() as folder:
        one, two = Path(folder, "one"), Path(folder, "two")
        take_in(one, UNKNOWN, message(device.id, records, records[0].seq), junk)
        shutil.copytree(one, two)
        untouched = dump(one)
        dry = judge_anew(one, listed, put_in_force=False)
        assert dump(one) == untouched, "a dry run changes nothing"
        assert judge_anew(one, listed) == dry
        reordered = dict(reversed(listed.items()))
        assert judge_anew(two, reordered) == dry
        assert dump(one) == dump(two)


def test_of_two_deposits_of_a_visit_only_one_is_ever_released(tmp_path: Path) -> None:
    first, second = deposit(seq=1, before=0), deposit(seq=3, before=500)
    take_in(tmp_path, UNKNOWN, message(BIN.id, [first, reading(seq=2), second], 1))
    judge_anew(tmp_path, KNOWN)
    found = in_force(tmp_path)
    assert found[1][0] is Outcome.ACCEPTED
    assert found[3][:2] == (Outcome.QUARANTINED, ("session-twice",))
    judge_anew(tmp_path, KNOWN)
    assert in_force(tmp_path) == found


def test_a_deposit_that_came_late_and_was_paid_under_a_later_number_stays_refused(tmp_path: Path) -> None:
    take_in(
        tmp_path,
        KNOWN,
        message(BIN.id, [deposit(seq=5, before=0)], first=1),
        message(BIN.id, [reading(seq=1), deposit(seq=2, before=0)], first=1),
    )
    assert in_force(tmp_path)[2][1][0] == "session-twice"
    judge_anew(tmp_path, KNOWN)
    assert in_force(tmp_path)[2][0] is Outcome.QUARANTINED
    assert in_force(tmp_path)[5][0] is not Outcome.QUARANTINED


def test_what_the_numbering_said_of_a_record_stays_with_it(tmp_path: Path) -> None:
    take_in(tmp_path, UNKNOWN, message(BIN.id, [reading(seq=1)], 1), message(BIN.id, [reading(seq=9)], 1))
    judge_anew(tmp_path, KNOWN)
    assert in_force(tmp_path) == {
        1: (Outcome.ACCEPTED, (), None),
        9: (Outcome.FLAGGED, ("seq-gap",), None),
    }


def test_another_copy_of_a_number_is_never_released(tmp_path: Path) -> None:
    take_in(
        tmp_path, KNOWN, message(BIN.id, [reading(seq=1)], 1), message(BIN.id, [reading(seq=1, bay=1)], 1)
    )
    output = judge_anew(tmp_path, KNOWN)
    assert b'"was":"seq-conflict","why":"the first copy of this number stands' in output
    assert in_force(tmp_path) == {1: (Outcome.ACCEPTED, (), None)}


def test_refused_messages_of_a_device_that_is_listed_now_come_in_and_old_states_do_not(
    tmp_path: Path,
) -> None:
    def state(fw: str, received_ms: int) -> Incoming:
        body = b'{"v":1,"online":true,"fw":"%b"}' % fw.encode()
        return Incoming(f"huishou/1/{BIN.id}/up/state", body, len(body), received_ms)

    reply = b'{"v":1,"id":"c1","state":"done","t":1}'
    take_in(
        tmp_path,
        UNKNOWN,
        state("1.0", NOW),
        Incoming(f"huishou/1/{BIN.id}/up/replies", reply, len(reply), NOW),
    )
    take_in(tmp_path, KNOWN, state("2.0", NOW + 5))
    take_in(tmp_path, UNKNOWN, state("3.0", NOW + 9))
    judge_anew(tmp_path, KNOWN)
    with JournalReader(tmp_path) as reader:
        assert [b'"3.0"' in one.body for one in reader.states()] == [True]
        assert [one.body for _, one in reader.replies(0, 10)] == [reply]
        assert {entry.released_as for entry in reader.quarantine()} == {None, "withdrawn"}
        counters = reader.counters()
    assert counters.received == sum(counters.outcomes.values()) == 1, "states and replies are no records"


def test_many_are_put_in_force_beside_a_running_intake(tmp_path: Path) -> None:
    count = BATCH + 50
    texts = [reading(seq=n) for n in range(count)]
    take_in(tmp_path, UNKNOWN, *(message(BIN.id, texts[n : n + 100]) for n in range(0, count, 100)))
    intake = SqliteJournal(tmp_path)
    with JournalReader(tmp_path) as reader:
        decider = Decider(KNOWN.get, reader.before)
        intake.append([decider.decide(message(BIN.id, [reading(seq=count)]))])
        judge_anew(tmp_path, KNOWN)
        intake.append([decider.decide(message(BIN.id, [reading(seq=n) for n in (count - 1, count + 1)]))])
    intake.close()
    found = in_force(tmp_path)
    assert {one[0] for one in found.values()} == {Outcome.ACCEPTED}
    assert sorted(found) == list(range(count + 2))
    with JournalReader(tmp_path) as reader:
        outcomes = reader.counters().outcomes
    assert {key: count for key, count in outcomes.items() if count} == {
        ("accepted", ""): count + 2,
        ("duplicate", ""): 1,
    }


def test_a_damaged_row_is_left_as_it_is(tmp_path: Path) -> None:
    take_in(tmp_path, UNKNOWN, message(BIN.id, [reading(seq=1)]), message(BIN.id, [reading(seq=2)]))
    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as db:
        db.execute("UPDATE bodies SET body = CAST(replace(body, 'ntp', 'rtc') AS BLOB) WHERE first = 1")
    output = judge_anew(tmp_path, KNOWN)
    assert b"damaged" in output.splitlines()[0]
    with JournalReader(tmp_path) as reader:
        assert [one.seq for one in reader.revisions(0, 9)] == [2]
