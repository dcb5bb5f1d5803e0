"""Alarms: each condition is found, told once when it comes and once when it goes, and explained."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway
from gateway.alarm_codes import ALARMS, row
from gateway.alarms import Alarm, Condition, alarms, conditions, fold
from gateway.metrics.facts import ALARMS_FILE, read_standing, write_standing
from gateway.readiness import STOPPING, readiness
from gateway.watch import Clock, Watch, tell

NOW = 1_800_000_000_000
S = 1_000


def facts(now_ms: int = NOW, **changes: Any) -> dict[str, Any]:
    """A gateway that is well; `changes` replace parts by path, `a__b` for facts["a"]["b"]."""
    well: dict[str, Any] = {
        "now_ms": now_ms,
        "processes": {
            "intake": {
                "up": True,
                "state": "connected",
                "said_ms": now_ms,
                "broker": {"connected": True, "subscribed": True},
            },
            "writer": {"up": True, "state": "up to date", "said_ms": now_ms},
            "web": {"up": True, "state": "at …", "said_ms": now_ms},
        },
        "supervisor": {"up": True, "state": "watching", "alarms": []},
        "records": {"received": 3, "outcomes": {"accepted": 3}},
        "sum_ok": True,
        "journal": {
            "end": 3,
            "newest_ms": now_ms,
            "gaps": 0,
            "gap_since_ms": None,
            "gap_devices": [],
            "lost": 0,
            "lost_24h": 0,
        },
        "disk": {"free_bytes": 10**11, "total_bytes": 10**12},
        "sinks": {"influxdb": {"behind_rows": 0, "behind_s": 0.0}},
        "readers": {"page": {"behind_rows": 0, "behind_s": 0.0}},
    }
    for path, value in changes.items():
        part = well
        *steps, last = path.split("__")
        for step in steps:
            part = part[step]
        part[last] = value
    return well


def raised(code: str, **more: Any) -> list[dict[str, Any]]:
    return [{"code": code, **more}]


FOUND: list[tuple[str, str, dict[str, Any]]] = [
    ("process-down", "intake", {"processes__intake__up": False}),
    ("process-down", "writer", {"processes__writer__said_ms": NOW - 31 * S}),
    ("intake-stalled", "intake", {"processes__intake__said_ms": NOW - 31 * S}),
    ("station-away", "bridge-1", {"processes__intake__stations": {"bridge-1": {"code": "no-answer"}}}),
    ("broker-away", "", {"processes__intake__alarms": raised("broker-away", detail="refused")}),
    ("sink-stopped", "vm", {"processes__writer__alarms": raised("sink-stopped", about="vm")}),
    ("process-restarts", "web", {"supervisor__alarms": raised("process-restarts", about="web")}),
    ("sum-wrong", "", {"sum_ok": False}),
    ("gap-open", "", {"journal__gaps": 2, "journal__gap_since_ms": NOW - 3_600 * S}),
    ("records-lost", "", {"journal__lost_24h": 5, "journal__lost": 9}),
    ("disk-low", "", {"disk__free_bytes": 10**9 - 1}),
    ("disk-low", "", {"disk": {"free_bytes": 4 * 10**6, "total_bytes": 10**8}}),
    ("clock-wrong", "", {"journal__newest_ms": NOW + 61 * S}),
    ("sink-behind", "influxdb", {"sinks__influxdb": {"behind_rows": 7, "behind_s": 120.5}}),
    ("page-behind", "", {"readers__page": {"behind_rows": 7, "behind_s": 120.5}}),
    ("store-unreadable", "", {"problem": "no such disk"}),
]


def test_a_gateway_that_is_well_has_no_alarm() -> None:
    assert list(conditions(facts())) == []
    assert alarms(facts()) == []


@pytest.mark.parametrize(
    ("code", "about", "changes"), FOUND, ids=[f"{c}-{n}" for n, (c, _, _) in enumerate(FOUND)]
)
def test_each_condition_is_found_alone(code: str, about: str, changes: dict[str, Any]) -> None:
    (found,) = alarms(facts(**changes))
    assert (found.code, found.about) == (code, about)
    assert found.level == ALARMS[code].level
    assert found.since_ms <= NOW


def test_just_inside_the_limits_is_well() -> None:
    limits: dict[str, Any] = {
        "disk__free_bytes": 2 * 10**9,
        "journal__newest_ms": NOW + 60 * S,
        "sinks__influxdb": {"behind_rows": 7, "behind_s": 120.0},
        "processes__intake__said_ms": NOW - 30 * S,
    }
    assert alarms(facts(**limits)) == []


def test_a_small_disk_is_low_by_its_share() -> None:
    assert alarms(facts(disk={"free_bytes": 6 * 10**6, "total_bytes": 10**8})) == []


def test_what_a_dead_process_said_last_is_not_told_for_ever() -> None:
    dead = facts(processes__intake__up=False, processes__intake__alarms=raised("broker-away"))
    assert [one.code for one in alarms(dead)] == ["process-down"]


def test_malformed_words_of_a_process_harm_nobody() -> None:
    said = [{"code": 5}, "text", {"detail": "no code"}, {"code": "journal-full", "since_ms": NOW}]
    assert [one.code for one in alarms(facts(processes__intake__alarms=said))] == ["journal-full"]


def test_alarms_come_before_warnings_and_old_ones_before_new_ones() -> None:
    said = [
        {"code": "device-floods", "about": "bin-1", "since_ms": 1},
        {"code": "journal-full", "since_ms": NOW - 5},
        {"code": "broker-refused", "since_ms": NOW - 9},
    ]
    found = [one.code for one in alarms(facts(processes__intake__alarms=said))]
    assert found == ["broker-refused", "journal-full", "device-floods"]


def test_on_delay_and_off_delay() -> None:
    """broker-away: raised after 15 s, cleared after 30 s without it."""
    away = {"processes__intake__alarms": raised("broker-away")}
    standing: list[Alarm] = []

    def step(at_s: int, changes: dict[str, Any]) -> list[str]:
        nonlocal standing
        standing = fold(facts(NOW + at_s * S, **changes), standing)
        return [alarm.code for alarm in standing if alarm.raised]

    assert step(0, away) == []
    assert step(14, away) == []
    assert step(15, away) == ["broker-away"]
    assert step(20, {}) == ["broker-away"]
    assert step(44, {}) == ["broker-away"]
    assert step(45, {}) == []
    assert standing == []
    assert step(50, away) == []  # begins anew
    assert step(55, {}) == []
    assert standing == []  # what was never raised is forgotten at once


CODES = st.sampled_from(["broker-away", "journal-full", "disk-low", "sink-behind", "not-in-the-table"])
LOOKS = st.lists(st.tuples(st.integers(0, 60), st.frozensets(CODES)), max_size=40)


@given(LOOKS)
def test_an_alarm_is_raised_and_cleared_in_turn_and_never_early(
    looks: list[tuple[int, frozenset[str]]],
) -> None:
    """Whatever flaps: since never moves while it stands; nothing comes or goes before its delay."""
    standing: list[Alarm] = []
    at_ms, seen = NOW, dict.fromkeys(["none"], 0)
    for pause_s, codes in looks:
        at_ms += pause_s * S
        said = [{"code": code} for code in sorted(codes)]
        before = {alarm.key: alarm for alarm in standing}
        standing = fold(facts(at_ms, processes__intake__alarms=said), standing)
        now = {alarm.key: alarm for alarm in standing}
        assert len(now) == len(standing)
        for code in codes:
            alarm = now[code, ""]
            stood = before.get((code, ""))
            assert alarm.since_ms == (stood.since_ms if stood else at_ms)
            assert alarm.raised == (
                at_ms - alarm.since_ms >= row(code).on_s * S or bool(stood and stood.raised)
            )
            seen[code] = at_ms
        for key, alarm in now.items():
            if key[0] not in codes:
                assert alarm.raised
                assert alarm == before[key]
                assert at_ms - seen[key[0]] < row(key[0]).off_s * S


@given(LOOKS)
def test_what_is_told_pairs_up(looks: list[tuple[int, frozenset[str]]]) -> None:
    told: list[tuple[str, bool]] = []
    standing: list[Alarm] = []
    at_ms = NOW
    for pause_s, codes in looks:
        at_ms += pause_s * S
        said = [{"code": code} for code in sorted(codes)]
        before, standing = standing, fold(facts(at_ms, processes__intake__alarms=said), standing)
        old = {one.key for one in before if one.raised}
        new = {one.key for one in standing if one.raised}
        told += [(key[0], True) for key in new - old] + [(key[0], False) for key in old - new]
    for code in {code for code, _ in told}:
        turns = [up for one, up in told if one == code]
        assert turns == [n % 2 == 0 for n in range(len(turns))]


def test_an_alarm_is_logged_once_when_raised_and_once_when_cleared(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = facts(processes__intake__alarms=raised("journal-full", detail="no space", since_ms=NOW - 4 * S))

    def look(_store: Path, now_ms: int) -> dict[str, Any]:
        return {**state, "now_ms": now_ms}

    watch = Watch(tmp_path, look)
    with caplog.at_level("INFO"):
        for second in range(5):
            watch.look(NOW + second * S)
        state = facts()
        for second in range(5, 30):
            watch.look(NOW + second * S)
    texts = [record.getMessage() for record in caplog.records]
    assert [text.split(":")[0] for text in texts] == ["journal-full", "journal-full"]
    assert "no space" in texts[0]
    assert "The disk is full" in texts[0]
    assert texts[1] == "journal-full: over after 18 s"  # off-delay 10 s after the last look that found it
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert read_standing(tmp_path, NOW + 30 * S) == []


def test_what_stands_is_left_for_others_and_found_again_after_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    full = facts(processes__intake__alarms=raised("journal-full"))
    watch = Watch(tmp_path, lambda _store, now_ms: {**full, "now_ms": now_ms})
    watch.look(NOW)
    (alarm,) = read_standing(tmp_path, NOW + S) or []
    assert (alarm.code, alarm.since_ms, alarm.raised) == ("journal-full", NOW, True)
    assert read_standing(tmp_path, NOW + 60 * S) is None  # nobody watches any more
    (tmp_path / ALARMS_FILE).write_bytes(b"torn")
    assert read_standing(tmp_path, NOW) is None
    (tmp_path / ALARMS_FILE).write_bytes(write_standing(NOW, [alarm]))
    caplog.clear()
    tell(read_standing(tmp_path, NOW) or [], [alarm], NOW)
    assert caplog.records == []


def test_a_clock_that_is_set_is_noticed_for_a_while_and_slewing_is_not() -> None:
    wall_s, boot_s = 1_000.0, 50.0
    clock = Clock(lambda: wall_s, lambda: boot_s)
    for _ in range(100):
        wall_s, boot_s = wall_s + 5.0025, boot_s + 5
        assert clock.conditions() == []
    wall_s, boot_s = wall_s - 60, boot_s + 5
    (found,) = clock.conditions()
    assert found.code == "clock-wrong"
    assert found.detail == "the clock was set back by 65 s"
    wall_s, boot_s = wall_s + 599, boot_s + 599
    assert clock.conditions() == [found]
    wall_s, boot_s = wall_s + 2, boot_s + 2
    assert clock.conditions() == []


def test_every_alarm_is_explained_in_both_languages() -> None:
    for code, told in ALARMS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", code)
        assert all((told.en, told.en_do, told.zh, told.zh_do)), code
        assert re.search("[一-鿿]", told.zh), code
        assert re.search("[一-鿿]", told.zh_do), code
        assert min(told.on_s, told.off_s) >= 0


def test_every_code_that_the_gateway_raises_is_in_the_table() -> None:
    """Looked for in the source: `"code": "…"` in what a process says, and Condition("…")."""
    source = Path(gateway.__file__).parent
    found: set[str] = set()
    for file in source.rglob("*.py"):
        text = file.read_text("utf-8")
        found |= set(re.findall(r'Condition\(\s*"([a-z-]+)"', text))
        if "alarms" in text:
            found |= set(re.findall(r'\{"code": "([a-z-]+)", "detail"', text))
    assert len(found) > 10
    assert found - ALARMS.keys() == set()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"processes__intake__up": False}, "process-down"),
        ({"processes__intake__broker": {"connected": True, "subscribed": False}}, "broker-away"),
        ({"processes__intake__alarms": raised("broker-refused")}, "broker-refused"),
        ({"processes__intake__alarms": raised("journal-full")}, "journal-full"),
        ({"processes__intake__said_ms": NOW - 31 * S}, "intake-stalled"),
        ({"problem": "no such disk"}, "store-unreadable"),
    ],
)
def test_ready_means_that_data_is_taken(changes: dict[str, Any], reason: str) -> None:
    assert readiness(facts()).ready
    found = readiness(facts(**changes))
    assert not found.ready
    assert not all(found.checks.values())
    assert reason in [one["code"] for one in found.reasons]
    json.dumps(found.reasons)


def test_the_writer_is_not_needed_to_be_ready() -> None:
    away = facts(processes__writer__up=False, sinks__influxdb={"behind_rows": 10**6, "behind_s": 10**5})
    assert readiness(away).ready
    assert ALARMS.keys() >= STOPPING


def test_conditions_keep_what_the_process_knows() -> None:
    said = raised("sink-away", about="vm", detail="no route", since_ms=7)
    assert list(conditions(facts(processes__writer__alarms=said))) == [
        Condition("sink-away", "no route", 7, "vm")
    ]
