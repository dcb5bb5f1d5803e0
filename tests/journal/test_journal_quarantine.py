"""Garbage that comes again and again costs one entry, every copy is counted, and nobody else suffers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.journal import JournalReader, Judged, Outcome, Refused, Reissued, Rejudged, SqliteJournal
from gateway.journal.retention import DAY_MS, Limits
from tests.journal.kit import LOG, message, text

NOW = 1_790_000_000_000


def garbage(body: bytes = b"{", device: str = "bin-001", code: str = "not-json", at_ms: int = 1) -> Refused:
    return Refused(at_ms, device, "up/records", code, "why", body, len(body))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    one = SqliteJournal(tmp_path, limits=Limits(quarantine_per_device=3))
    yield one
    one.close()


@pytest.fixture
def reader(tmp_path: Path, journal: SqliteJournal) -> Iterator[JournalReader]:
    with JournalReader(tmp_path) as one:
        yield one


def test_equal_messages_are_one_entry_also_across_a_restart(
    journal: SqliteJournal, reader: JournalReader, tmp_path: Path
) -> None:
    journal.append([garbage(at_ms=n) for n in range(1, 6)])
    journal.close()
    again = SqliteJournal(tmp_path)
    again.append([garbage(at_ms=9)])
    again.close()
    (entry,) = reader.quarantine()
    assert (entry.times, entry.received_ms, entry.last_ms, entry.body) == (6, 1, 9, b"{")
    counters = reader.counters()
    assert counters.received == counters.outcomes["quarantined", "not-json"] == 6


def test_a_record_without_a_number_and_a_conflict_that_come_again_are_one_entry_each(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.append([message(1)])
    for _ in range(4):
        journal.append([message(1, variant=1)])
    assert [(one.seq, one.code, one.times) for one in reader.quarantine()] == [(1, "seq-conflict", 4)]
    unnumbered = replace(message(1), records=[Judged(None, Outcome.QUARANTINED, ("bad-record",))])
    journal.append([unnumbered, unnumbered])
    assert reader.quarantine()[0].times == 2


def test_what_differs_is_kept_up_to_a_bound_and_counted_beyond_it(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.append([garbage(b"%d" % n) for n in range(10)])
    journal.append([garbage(b"%d" % n, code="oversize") for n in range(5)])
    entries = reader.quarantine()
    assert [(one.body, one.times) for one in entries if not one.overflow] == [(b"2", 1), (b"1", 1), (b"0", 1)]
    assert {(one.code, one.body, one.times) for one in entries if one.overflow} == {
        ("not-json", b"", 7),
        ("oversize", b"", 5),
    }
    journal.append([garbage(b"1"), garbage(device="bin-002")])  # an equal one still folds, others are free
    assert [(one.times) for one in reader.quarantine() if one.body == b"1"] == [2]
    assert [one.device for one in reader.quarantine(device="bin-002")] == ["bin-002"]
    counters = reader.counters()
    assert counters.received == 17 == sum(counters.outcomes.values())


def test_numbered_records_have_an_entry_each_whatever_the_bound_since_they_stand_in_rows(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    done = journal.append([message(*range(1, 21), refused="unknown-device")])
    assert done.acks == {("bin-001", LOG): 20}
    entries = reader.quarantine()
    assert [one.seq for one in entries] == list(range(20, 0, -1))
    assert {one.row for one in entries} == {1}


def test_an_overflow_is_a_condition_until_a_day_after_the_last_one(journal: SqliteJournal) -> None:
    journal.append([garbage(b"%d" % n, at_ms=NOW) for n in range(9)])
    (condition,) = journal.maintain(NOW + 5).conditions
    assert (condition.code, condition.since_ms) == ("quarantine-overflow", NOW + 5)
    assert "bin-001" in condition.detail
    assert "6 " in condition.detail
    assert journal.maintain(NOW + DAY_MS + 10).conditions == []


def test_what_was_withdrawn_makes_room_and_a_copy_that_still_fails_is_a_new_entry(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.append([garbage(b"%d" % n) for n in range(3)])
    entry = reader.quarantine()[0]
    done = journal.revise(50, [Reissued(entry.id, message(1, at_ms=1))], "rules 2")
    assert (done.changed, done.appended.received) == (1, 0)  # one taken back, one came in
    released = reader.quarantined(entry.id)
    assert released is not None
    assert (released.released_ms, released.released_as) == (50, "withdrawn")
    journal.append([garbage(b"2"), garbage(b"3")])
    waiting = [one for one in reader.quarantine() if one.released_ms is None]
    assert [(one.body, one.overflow) for one in waiting] == [
        (b"", True),
        (b"2", False),
        (b"1", False),
        (b"0", False),
    ]
    assert reader.counters().messages == {"up/records": 5}  # what came in anew is no new message


def test_a_record_that_is_judged_anew_is_released_and_refused_again(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.append([message(1, 2, refused="unknown-device")])
    good = Rejudged("bin-001", LOG, Judged(1, Outcome.FLAGGED, ("clock-none",), "no clock", 77))
    assert journal.revise(50, [good, good], "rules 2").changed == 1
    (revision,) = reader.revisions(0, 10)
    assert (revision.seq, revision.row, revision.raw) == (1, 1, text(1))
    assert (revision.outcome, revision.codes, revision.detail, revision.t_ms) == (
        Outcome.FLAGGED,
        ("clock-none",),
        "no clock",
        77,
    )
    assert (revision.basis, revision.at_ms) == ("rules 2", 50)
    assert {(one.seq, one.released_as) for one in reader.quarantine()} == {(1, "flagged"), (2, None)}
    bad = Rejudged("bin-001", LOG, Judged(1, Outcome.QUARANTINED, ("mass-range",), "too much"))
    assert journal.revise(60, [bad], "rules 3").changed == 1
    assert [(one.seq, one.code) for one in reader.quarantine() if one.released_ms is None] == [
        (1, "mass-range"),
        (2, "unknown-device"),
    ]
    assert reader.counters().outcomes == {
        ("quarantined", "unknown-device"): 1,
        ("flagged", "clock-none"): 0,
        ("quarantined", "mass-range"): 1,
    }


def test_each_reason_of_a_record_is_counted_and_a_later_judgement_moves_the_count(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    two = Judged(1, Outcome.FLAGGED, ("clock-back", "mass-range"))
    journal.append([replace(message(1, 2), records=[two, Judged(2, Outcome.FLAGGED, ("mass-range",))])])
    journal.append([garbage(at_ms=n) for n in (1, 2, 3)])
    assert reader.counters().codes == {"clock-back": 1, "mass-range": 2, "not-json": 3}
    better = Judged(1, Outcome.FLAGGED, ("clock-back", "seq-late"))
    journal.revise(9, [Rejudged("bin-001", LOG, better)], "rules 2")
    codes = {code: count for code, count in reader.counters().codes.items() if count}
    assert codes == {"clock-back": 1, "mass-range": 1, "seq-late": 1, "not-json": 3}


def test_what_is_not_in_the_journal_cannot_be_judged_anew(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.append([message(1)])
    changes: list[Rejudged | Reissued] = [
        Rejudged("bin-009", LOG, Judged(1)),
        Rejudged("bin-001", LOG, Judged(2)),
        Reissued(7, message(5)),
    ]
    done = journal.revise(1, changes, "")
    assert (done.changed, done.unchanged) == (0, 3)
    assert reader.counters().received == 1
