"""What the journal lets go: never what is needed, never without notice, always counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.journal import JournalReader, Outcome, Refused, Reply, SqliteJournal
from gateway.journal.readers import FORGOTTEN_MS, announce, needs
from gateway.journal.retention import DAY_MS, NEAR, REGULAR_MS, Limits, Situation, plan
from tests.journal.kit import LOG, message

NOW = 1_790_000_000_000
HOUR_MS = 3_600_000

situations = st.builds(
    Situation,
    st.just(NOW),
    st.integers(0, 100),
    st.integers(NOW - 100 * DAY_MS, NOW),
    st.integers(0, 200),
    st.integers(0, 10**9),
    st.floats(0, 1),
    st.dictionaries(st.sampled_from(("influxdb", "page", "copy")), st.integers(0, 300)),
    st.integers(0, 200),
    st.integers(0, 3 * DAY_MS),
    st.none() | st.integers(NOW - 20 * DAY_MS, NOW),
)
limits = st.builds(
    Limits,
    st.none() | st.integers(1, 100).map(lambda days: days * DAY_MS),
    st.none() | st.integers(1, 10**9),
    st.sampled_from((0, DAY_MS)),
)


@given(limits, situations)
def test_a_plan_never_reaches_what_is_needed_new_or_uncounted_and_never_comes_unannounced(
    kept: Limits, now: Situation
) -> None:
    found = plan(kept, now)
    assert found.below_row <= min([now.newest_row, now.counted_row + 1, *now.needs.values()])
    old = kept.keep_ms is not None and now.now_ms - now.oldest_ms > kept.keep_ms
    large = kept.keep_bytes is not None and now.used_bytes > kept.keep_bytes
    if not now.oldest_row or not (old or large):
        assert (found.below_row, found.blocked) == (0, "")
    if found.below_row:
        regular = now.dropped_ms is not None and now.now_ms - now.dropped_ms < REGULAR_MS
        crammed = large and now.disk_free < 0.05
        assert regular or crammed or now.noticed_ms >= kept.notice_ms
    if found.blocked:
        assert any(row <= now.oldest_row for row in now.needs.values())
        assert not found.below_row
    if now.oldest_row and kept.keep_bytes is not None and now.used_bytes >= NEAR * kept.keep_bytes:
        assert found.near or now.dropped_ms is not None


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    one = SqliteJournal(tmp_path, limits=Limits(keep_ms=10 * DAY_MS, readers=("influxdb",)))
    yield one
    one.close()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[JournalReader]:
    with JournalReader(tmp_path) as one:
        yield one


def thirty_days(journal: SqliteJournal, size: int = 0) -> int:
    """One record a day; returns the time after the last."""
    for day in range(30):
        journal.append([message(day + 1, at_ms=NOW + day * DAY_MS, filler=size)])
    return NOW + 29 * DAY_MS


def everything_is_read(store: Path, reader: JournalReader) -> None:
    epoch = reader.epoch()
    assert epoch is not None
    announce(store, "influxdb", epoch.id, reader.end() + 1, reader.revision_end() + 1)


def codes(journal: SqliteJournal, now_ms: int) -> set[str]:
    return {one.code for one in journal.maintain(now_ms).conditions}


def test_nothing_goes_before_its_notice_and_a_jump_of_the_clock_is_no_notice(
    journal: SqliteJournal, reader: JournalReader, tmp_path: Path
) -> None:
    journal.limits = Limits(keep_ms=10 * DAY_MS, notice_ms=4 * HOUR_MS, readers=("influxdb",))
    now = thirty_days(journal)
    everything_is_read(tmp_path, reader)
    minutes = 0
    while reader.read(0, 1)[0].id == 1:
        assert codes(journal, now) == {"retention-near"}
        now += 60_000
        minutes += 1
        if minutes == 100:
            now += 3 * DAY_MS  # the clock jumps, or intake was away
    assert minutes == 4 * 60 + 1
    now += 60_000
    assert codes(journal, now) == set()  # from now on it is the rule
    assert reader.read(0, 1)[0].id == 24  # 29 + 3 days and four hours: the last ten days
    assert reader.dropped()[now // DAY_MS] == {
        "rows": 23,
        "records": 23,
        "bytes": reader.dropped()[now // DAY_MS]["bytes"],
    }
    assert reader.hwm("bin-001", LOG) == 30


def test_notice_is_remembered_across_a_restart(tmp_path: Path) -> None:
    kept = Limits(keep_ms=10 * DAY_MS, notice_ms=HOUR_MS)
    journal = SqliteJournal(tmp_path, limits=kept)
    now = thirty_days(journal)
    for _ in range(31):
        now += 60_000
        journal.maintain(now)
    journal.close()
    journal = SqliteJournal(tmp_path, limits=kept)
    for _ in range(36):  # at most five minutes of notice are forgotten
        now += 60_000
        journal.maintain(now)
    journal.close()
    with JournalReader(tmp_path) as reader:
        assert reader.read(0, 1)[0].id > 1


def test_a_reader_that_is_behind_or_was_never_seen_holds_everything_and_that_is_said(
    journal: SqliteJournal, reader: JournalReader, tmp_path: Path
) -> None:
    journal.limits = Limits(keep_ms=10 * DAY_MS, notice_ms=0, readers=("influxdb",))
    now = thirty_days(journal)
    (blocked, near) = journal.maintain(now).conditions
    assert (blocked.code, near.code) == ("retention-blocked", "retention-near")
    assert "influxdb (it never said" in blocked.detail
    epoch = reader.epoch()
    assert epoch is not None
    announce(tmp_path, "influxdb", epoch.id, 1)
    assert "retention-blocked" in codes(journal, now + 60_000)
    announce(tmp_path, "influxdb", epoch.id, 6)
    for n in range(2, 5):
        journal.maintain(now + n * 60_000)
    assert reader.read(0, 1)[0].id == 6
    assert codes(journal, now + 5 * 60_000) == {"retention-blocked"}
    # It was at an epoch that this journal never had: it begins anew, so it needs everything.
    announce(tmp_path, "influxdb", "of another journal", 25)
    for n in range(6, 9):
        journal.maintain(now + n * 60_000)
    assert reader.read(0, 1)[0].id == 6


def test_a_journal_over_its_size_drops_the_oldest_until_it_is_not(
    tmp_path: Path, reader: JournalReader
) -> None:
    journal = SqliteJournal(tmp_path, limits=Limits(keep_bytes=300_000, notice_ms=0))
    now = NOW
    largest = 0
    for n in range(1, 300):
        now += 60_000
        journal.append([message(n, at_ms=now, filler=3_000)])
        facts = journal.maintain(now).facts
        largest = max(largest, facts["used_bytes"])
    journal.close()
    assert largest < 330_000
    assert (tmp_path / "journal.db").stat().st_size < 360_000  # freed pages are used again
    assert reader.end() == 299
    rows = reader.read(0, 1000)
    assert 40 < len(rows) < 73
    assert [row.id for row in rows] == list(range(rows[0].id, 300))


def test_what_waits_behind_a_gap_is_kept_and_the_gap_can_still_close(
    journal: SqliteJournal, reader: JournalReader, tmp_path: Path
) -> None:
    journal.limits = Limits(keep_ms=10 * DAY_MS, notice_ms=0)
    journal.append([message(5, 6, at_ms=NOW, device="bin-002")])
    now = thirty_days(journal)
    for n in range(3):
        journal.maintain(now + n * 60_000)
    assert [(row.id, row.device) for row in reader.read(0, 2)] == [(1, "bin-002"), (22, "bin-001")]
    done = journal.append([message(1, 2, 3, 4, device="bin-002", at_ms=now)])
    assert done.acks == {("bin-002", LOG): 6}


def test_below_the_floor_a_number_alone_tells_a_duplicate(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.limits = Limits(keep_ms=10 * DAY_MS, notice_ms=0)
    now = thirty_days(journal)
    journal.append([message(35, first=35, at_ms=now)])  # 31-34 are lost
    for _ in range(3):
        now += 60_000
        journal.maintain(now)
    done = journal.append([message(3, 4, at_ms=now, variant=1), message(32, at_ms=now)])
    assert done.outcomes == {(Outcome.DUPLICATE, ""): 2, (Outcome.FLAGGED, "seq-late"): 1}
    assert done.acks == {("bin-001", LOG): 35}
    assert [(one.first, one.last) for one in reader.losses()] == [(31, 31), (33, 34)]
    assert reader.lost() == 3


def test_what_is_as_old_beside_the_rows_goes_too_and_the_sum_still_holds(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.limits = Limits(keep_ms=10 * DAY_MS, notice_ms=0)
    for n in range(5):
        journal.append([Refused(NOW, "bin-001", "up/records", "not-json", "", b"%d" % n, 1)])
        journal.append([Reply(NOW, "bin-001", b"{}")])
    now = thirty_days(journal)
    journal.append(
        [Refused(now, "bin-001", "up/records", "not-json", "", b"new", 3), Reply(now, "bin-001", b"")]
    )
    for _ in range(10):
        now += 60_000
        assert codes(journal, now) <= {"retention-near"}
    assert [one.body for one in reader.quarantine()] == [b"new"]
    assert len(reader.replies(0, 10)) == 1
    assert reader.dropped()[now // DAY_MS]["quarantine"] == 5
    counters = reader.counters()
    assert counters.received == 36 == sum(counters.outcomes.values())


def test_a_row_stamped_in_the_future_does_not_stop_what_is_behind_it(
    journal: SqliteJournal, reader: JournalReader
) -> None:
    journal.limits = Limits(keep_ms=10 * DAY_MS, notice_ms=0)
    journal.append([message(1, device="bin-002", at_ms=NOW)])
    journal.append([message(2, device="bin-002", at_ms=NOW + 9999 * DAY_MS)])
    now = thirty_days(journal)
    for n in range(3):
        journal.maintain(now + n * 60_000)
    assert [row.id for row in reader.read(0, 3)] == [2, 23, 24]


def test_a_reader_that_is_not_configured_is_forgotten_after_a_week_of_silence(
    journal: SqliteJournal, reader: JournalReader, tmp_path: Path
) -> None:
    epochs = reader.epochs()
    announce(tmp_path, "page", epochs[-1].id, 7, 3)
    (tmp_path / "readers" / "broken.json").write_text("{")
    found = needs(tmp_path, epochs, ("influxdb",), 0)
    assert found == {"influxdb": (0, 0), "page": (7, 3), "broken": (1, 1)}
    later = 4_000_000_000_000 + FORGOTTEN_MS
    assert "page" not in needs(tmp_path, epochs, ("influxdb",), later)
    assert needs(tmp_path, epochs, ("page",), later)["page"] == (7, 3)
