"""The projection: the same journal gives the same states, however it is cut, whenever it is read again."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config
from gateway.devices import Device
from gateway.journal import JournalReader, Outcome, Row
from gateway.web.projection.batch import changes
from gateway.web.projection.concerns import LATE_GRACE_MS, Level, concerns, status
from gateway.web.projection.model import MAX_FAULTS, DeviceState, apply_link, apply_record, raised_faults
from gateway.web.projection.projector import Change, Projector
from gateway.web.projection.store import BUCKET_MS, Recent, Sample, StateReader, StateStore
from tests.page.kit import LOG, Store, deposit, door, fault, now_ms, position, reading, until

NOW = 1_800_000_000_000
BIN = Device("bin-001", "bin")
TRUCK = Device("truck-01", "truck")

RECORDS = st.one_of(
    st.builds(lambda pct: {"kind": "reading", "fill_pct": pct}, st.integers(0, 100)),
    st.builds(
        lambda mv, bay: {"kind": "reading", "battery_mv": mv, "bay": bay},
        st.integers(0, 5000),
        st.integers(1, 4),
    ),
    st.builds(lambda g: {"kind": "deposit", "bay": 1, "category": "paper", "net_g": g}, st.integers(0, 9000)),
    st.builds(
        lambda state, code: {"kind": "fault", "part": "scale0", "code": code, "state": state},
        st.sampled_from(["raised", "cleared"]),
        st.sampled_from(["a", "b"]),
    ),
    st.builds(
        lambda s: {"kind": "door", "door": "lock0", "state": s}, st.sampled_from(["open", "closed", "forced"])
    ),
    st.builds(lambda lat: {"kind": "position", "lat_e7": lat, "lon_e7": 1}, st.integers(0, 900000000)),
)


def take(state: DeviceState, log: str, t: int, record: dict[str, Any]) -> None:
    apply_record(state, log, t, record, json.dumps(record).encode())


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """A journal: messages of a few devices, each device's records in the order of their numbers."""
    made, numbers = [], {"bin-001": 0, "truck-01": 0}
    for index in range(draw(st.integers(1, 8))):
        device = draw(st.sampled_from(sorted(numbers)))
        records = draw(st.lists(RECORDS, min_size=1, max_size=4))
        first = numbers[device]
        numbers[device] += len(records)
        texts = [
            msgspec.json.encode({"seq": first + i, "t": NOW + i, "clock": "ntp", **r})
            for i, r in enumerate(records)
        ]
        body = b'{"recs":[' + b",".join(texts) + b"]}"
        made.append(Row(index + 1, NOW + index, device, LOG, first, numbers[device] - 1, body, None))
    return made


def projected(parts: list[list[Row]]) -> tuple[Any, ...]:
    states: dict[str, DeviceState] = {}
    samples: list[Sample] = []
    recent: list[Recent] = []
    tallies: Counter[tuple[int, str]] = Counter()
    cursor = 0
    for part in parts:
        out = changes(part, states, cursor, len(recent), NOW)
        states |= out.states
        samples += out.samples
        recent += out.recent
        cursor = out.cursor
        tallies += out.tallies
    return states, samples, recent, tallies, cursor


@given(rows(), st.data())
def test_batches_may_be_cut_anywhere(journal: list[Row], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(journal)))
    assert projected([journal[:cut], journal[cut:]]) == projected([journal])


@given(rows())
def test_a_batch_leaves_the_states_that_readers_hold_as_they_are(journal: list[Row]) -> None:
    before = changes(journal[:1], {}, 0, 0, NOW).states
    frozen = msgspec.json.encode(before)
    changes(journal[1:], before, 1, 0, NOW)
    assert msgspec.json.encode(before) == frozen


@given(st.permutations(range(6)))
def test_the_greatest_number_wins_whatever_arrives_last(order: list[int]) -> None:
    state = DeviceState("bin-001")
    for seq in order:
        take(state, LOG, NOW - seq, {"seq": seq, "kind": "reading", "fill_pct": seq})
    assert state.metrics["fill_pct"].value == 5


def test_a_new_log_begins_anew() -> None:
    state = DeviceState("bin-001")
    take(state, "aaaaaaaa", NOW, {"seq": 900, "kind": "reading", "fill_pct": 80})
    take(state, "bbbbbbbb", NOW, {"seq": 0, "kind": "reading", "fill_pct": 5})
    assert state.metrics["fill_pct"].value == 5


def test_faults_are_bounded_and_settled_ones_go_first() -> None:
    state = DeviceState("bin-001")
    take(state, LOG, NOW, {"seq": 0, **fault("raised", "the-first")})
    for n in range(MAX_FAULTS * 2):
        take(state, LOG, NOW + n, {"seq": n + 1, **fault("cleared", f"code-{n}")})
    assert len(state.faults) == MAX_FAULTS
    assert [slot.value["code"] for slot in raised_faults(state)] == ["the-first"]


def test_a_last_will_keeps_what_it_does_not_say() -> None:
    state = DeviceState("bin-001")
    apply_link(state, NOW, {"online": True, "fw": "1.2.0", "next": NOW + 1})
    apply_link(state, NOW + 5, {"online": False})
    assert state.link == {"online": False, "fw": "1.2.0", "next": None}


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        (None, "heard"),
        ({"online": True, "next": None}, "online"),
        ({"online": True, "next": NOW + 1000}, "online"),
        ({"online": False, "next": NOW - LATE_GRACE_MS}, "asleep"),
        ({"online": False, "next": NOW - LATE_GRACE_MS - 1}, "late"),
        ({"online": True, "next": NOW - LATE_GRACE_MS - 1}, "late"),
        ({"online": False, "next": None}, "offline"),
    ],
)
def test_status(link: dict[str, Any] | None, wanted: str) -> None:
    assert status(DeviceState("bin-001", heard_ms=NOW - 10, link=link), NOW) == wanted


@pytest.mark.parametrize(
    ("device", "record", "codes"),
    [
        (BIN, reading(fill_pct=74), []),
        (BIN, reading(fill_pct=75), [("nearly-full", Level.NORMAL)]),
        (BIN, reading(fill_pct=90, bay=2), [("full", Level.WARN)]),
        (BIN, reading(battery_mv=3449), [("battery-low", Level.WARN)]),
        (TRUCK, reading(battery_mv=22999), [("battery-low", Level.WARN)]),
        (TRUCK, reading(battery_mv=26000), []),
        (BIN, door("forced"), [("door-forced", Level.ALARM)]),
        (BIN, door("open"), []),
        (BIN, fault("raised"), [("scale-at-rail", Level.ALARM)]),
        (BIN, fault("cleared"), []),
    ],
)
def test_concerns(device: Device, record: dict[str, Any], codes: list[tuple[str, Level]]) -> None:
    state = DeviceState(device.id, heard_ms=NOW)
    take(state, LOG, NOW, {"seq": 0, **record})
    assert [(c.code, c.level) for c in concerns(state, device, NOW)] == codes


@given(
    st.dictionaries(
        st.sampled_from(["t", "seq", "kind", "clock"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    )
)
def test_a_refused_record_may_hold_anything(odd: dict[str, Any]) -> None:
    body = b'{"recs":[' + msgspec.json.encode(odd) + b"]}"
    notes = msgspec.json.encode({0: {"outcome": Outcome.QUARANTINED, "codes": ["bad-record"]}})
    out = changes([Row(1, NOW, "bin-001", LOG, 0, 0, body, notes)], {}, 0, 0, NOW)
    (entry,) = out.recent
    assert entry.outcome == "quarantined"
    with sqlite3.connect(":memory:") as db:
        db.execute("SELECT ?, ?", (entry.t, entry.kind))  # SQLite can hold it
    assert not out.samples


@contextmanager
def projecting(config: Config) -> Iterator[tuple[Projector, list[Change]]]:
    heard: list[Change] = []
    projector = Projector(config.store.path, heard.append)
    projector.start()
    try:
        yield projector, heard
    finally:
        projector.stop()


def caught_up(projector: Projector, config: Config) -> None:
    with JournalReader(config.store.path) as journal:
        until(lambda: projector.cursor == journal.end(), "caught up")


def fill(store: Store) -> None:
    for n in range(20):
        store.records(
            "bin-001", reading(fill_pct=n), deposit(100 + n), fault("raised" if n % 2 else "cleared")
        )
        store.records("truck-01", position(391200000 + n, 1171500000, t=now_ms() - (20 - n) * 10_000))
    store.refuse("bin-002", b"{{")


def content(file: Path) -> list[Any]:
    with sqlite3.connect(file) as db:
        tables = ("device", "sample", "recent", "tally", "meta")
        found = [db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in tables]  # noqa: S608
    db.close()
    return found


def test_a_deleted_projection_is_made_again_just_so(config: Config, store: Store) -> None:
    with projecting(config) as (projector, _):
        fill(store)
        caught_up(projector, config)
    first = content(projector.file)
    projector.file.unlink()
    with projecting(config) as (again, _):
        caught_up(again, config)
    assert content(again.file) == first


def test_a_restart_goes_on_and_counts_nothing_twice(config: Config, store: Store) -> None:
    fill(store)
    with projecting(config) as (projector, _):
        caught_up(projector, config)
    fill(store)
    with projecting(config) as (projector, heard):
        assert projector.states["bin-001"].metrics  # known at once
        caught_up(projector, config)
        until(lambda: sum(len(change.records) for change in heard) == 80, "told of the new ones only")
    tallies = StateReader(projector.file).tallies(0)
    assert tallies["accepted"] == 160
    assert tallies["quarantined"] == 1  # the same bytes again are one entry of the quarantine


@pytest.mark.parametrize("damage", [b"", b"not a database at all, whatever it says" * 30])
def test_a_broken_projection_is_made_anew(config: Config, store: Store, damage: bytes) -> None:
    fill(store)
    (config.store.path / "state.db").write_bytes(damage)
    with projecting(config) as (projector, _):
        caught_up(projector, config)
        assert projector.states["bin-001"].metrics["fill_pct"].value == 19


def test_another_journal_means_another_projection(config: Config, store: Store) -> None:
    fill(store)
    with projecting(config) as (projector, _):
        caught_up(projector, config)
    store.journal.close()
    for file in config.store.path.glob("journal.db*"):
        file.unlink()
    other = Store(config)
    other.records("bin-002", reading(fill_pct=7))
    with projecting(config) as (projector, _):
        until(lambda: set(projector.states) == {"bin-002"}, "only the new journal's devices")
    other.journal.close()


def test_what_is_kept_is_bounded_by_age_and_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.web.projection.store.KEEP_RECENT", 10)
    monkeypatch.setattr("gateway.web.projection.store.KEEP_EVENTS", 3)
    store = StateStore.open(tmp_path / "state.db")
    old_ms, new_ms = NOW - 60 * 86_400_000, NOW - 1000
    with store.transaction():
        for t in (old_ms, new_ms):
            store.add_tally(t // BUCKET_MS * BUCKET_MS, "accepted", 1)
            store.add_samples([Sample("bin-001", kind, t, 1, b"{}") for kind in ("reading", "position")])
        kinds = ["door"] * 5 + ["reading"] * 20 + ["position"] * 5
        store.add_recent(
            Recent(pos, NOW, "bin-001", LOG, pos, NOW, kind, "accepted", (), b"{}")
            for pos, kind in enumerate(kinds, 1)
        )
        store.prune(NOW)
    store.close()
    reader = StateReader(tmp_path / "state.db")
    assert reader.tallies(0) == {"accepted": 1}
    assert [s.t for s in reader.samples("bin-001", "position", 0)] == [new_ms]
    kept = list(range(30, 20, -1)) + list(range(5, 2, -1))  # the newest of each sort
    assert [r.pos for r in reader.recent(limit=100)] == kept
