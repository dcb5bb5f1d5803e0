"""What Prometheus is told: conventions, bounded numbers of series, the same figures as people see."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.alarm_codes import ALARMS
from gateway.delays import Histogram
from gateway.journal import Judged, Records, Refused, SqliteJournal
from gateway.journal.bodies import compose
from gateway.metrics.freshness import Heard
from gateway.metrics.prometheus import collectors

LOG = "0000abcd"


def scrape(store: Path, devices: list[Heard] | None = None) -> dict[str, Metric]:
    registry = CollectorRegistry()
    for collector in collectors(store, lambda: devices or []):
        registry.register(collector)
    text = generate_latest(registry).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(families: dict[str, Metric], name: str, **labels: str) -> float:
    found = [
        sample.value
        for family in families.values()
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    (one,) = found
    return float(one)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def say(store: Path, name: str, **facts: Any) -> None:
    """As if a process had said it just now."""
    common = {
        "name": name,
        "pid": 1,
        "started_ms": now_ms() - 60_000,
        "beat_ms": now_ms(),
        "said_ms": now_ms(),
    }
    store.mkdir(exist_ok=True)
    (store / f"{name}.status.json").write_text(json.dumps({**common, "state": "well", **facts}))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two devices' records and three processes that say all that they can say."""
    found = tmp_path / "store"
    journal = SqliteJournal(found)
    for device in ("bin-001", "bin-002"):
        body = compose(LOG, 1, 1, [b'{"seq":1}', b'{"seq":2}'])
        journal.append([Records(now_ms(), device, LOG, 1, 1, body, [Judged(1), Judged(2)])])
    journal.append([Refused(now_ms(), "bin-001", "up/records", "not-json", "why", b"{", 1)])
    journal.close()
    delay = Histogram()
    delay.observe_all([0.004, 0.2, 3_000.0])
    say(
        found,
        "intake",
        cpu_s=1.5,
        rss_bytes=4_096,
        queue=7,
        queue_bytes=700,
        stalled_s=0.0,
        committed_messages=3,
        deferred=2,
        reconnects=1,
        broker={"connected": True, "subscribed": True},
        delays={"device_journal": delay.facts(), "receive_journal": delay.facts()},
        stations={"bridge-1": {"code": "no-answer"}},
        journal={"keep_bytes": 2e9, "keep_days": 30.0, "oldest_ms": 86_400_000, "dropped_today": {"rows": 3}},
        alarms=[{"code": "device-floods", "about": "bin-001"}, {"code": "device-floods", "about": "bin-002"}],
    )
    say(found, "writer", cpu_s=1.0, rss_bytes=1, sinks={"vm": {"state": "waiting", "delay": delay.facts()}})
    say(found, "web", cpu_s=1.0, rss_bytes=1, cursor=1)
    say(
        found,
        "gateway",
        children={"intake": {"restarts": 4}, "writer": {"restarts": 0}, "web": {"restarts": 0}},
    )
    return found


def test_names_units_and_help_follow_the_conventions(store: Path) -> None:
    families = scrape(store, [Heard("bin", now_ms()), Heard("truck", None)])
    assert len(families) > 40
    for name, family in families.items():
        assert re.fullmatch(r"huishou_[a-z0-9_]+", name), name
        assert family.documentation, name
        assert not re.search(r"_(ms|milliseconds|minutes|kb|mb|percent)(_|$)", name), name
        if family.type == "counter":
            assert all(sample.name == f"{name}_total" for sample in family.samples), name
        elif family.type == "gauge":
            assert not name.endswith("_total"), name
        for sample in family.samples:
            assert sample.labels.keys() <= {
                *("outcome", "code", "rule", "channel", "sink", "reader", "process", "station", "unit"),
                *("limit_seconds", "level", "le", "version", "python", "what"),
            }, name


def test_the_figures(store: Path) -> None:
    families = scrape(store, [Heard("bin", now_ms() - 7_200_000), Heard("truck", None)])
    assert value(families, "huishou_records_received_total") == 5
    assert value(families, "huishou_records", outcome="accepted", code="") == 4
    assert value(families, "huishou_records", outcome="quarantined", code="not-json") == 1
    assert value(families, "huishou_records_sum_ok") == 1
    assert value(families, "huishou_messages_total", channel="up/records") == 3
    assert value(families, "huishou_process_up", process="intake") == 1
    assert value(families, "huishou_process_cpu_seconds_total", process="intake") == 1.5
    assert value(families, "huishou_process_restarts_total", process="intake") == 4
    assert value(families, "huishou_intake_queue_messages") == 7
    assert value(families, "huishou_intake_deferred_messages_total") == 2
    assert value(families, "huishou_broker_subscribed") == 1
    assert value(families, "huishou_station_up", station="bridge-1") == 0
    assert value(families, "huishou_journal_keep_bytes") == 2e9
    assert value(families, "huishou_journal_keep_seconds") == 30 * 86_400
    assert value(families, "huishou_journal_oldest_timestamp_seconds") == 86_400
    assert value(families, "huishou_journal_dropped_today", what="rows") == 3
    assert value(families, "huishou_sink_lag_rows", sink="vm") == 2
    assert value(families, "huishou_reader_lag_rows", reader="page") == 1
    assert value(families, "huishou_device_journal_delay_seconds_count") == 3
    assert value(families, "huishou_device_journal_delay_seconds_bucket", le="0.25") == 2
    assert value(families, "huishou_sink_delay_seconds_bucket", sink="vm", le="+Inf") == 3
    assert value(families, "huishou_device_silence_max_seconds", unit="bin") == pytest.approx(7_200, abs=60)
    assert value(families, "huishou_devices_silent", unit="bin", limit_seconds="3600") == 1
    assert value(families, "huishou_devices_silent", unit="truck", limit_seconds="86400") == 1
    assert value(families, "huishou_scrape_seconds") > 0


def test_rules_that_share_a_code_are_one_series(store: Path) -> None:
    samples = scrape(store)["huishou_check_records"].samples
    codes = [sample.labels["code"] for sample in samples]
    assert len(codes) == len(set(codes)) > 10


def test_alarms_are_counted_by_kind_and_every_kind_is_there(store: Path) -> None:
    families = scrape(store)
    assert value(families, "huishou_alarm", code="device-floods", level="warning") == 2
    assert value(families, "huishou_alarm", code="station-away", level="warning") == 1
    assert value(families, "huishou_alarm", code="journal-full", level="alarm") == 0
    assert len(families["huishou_alarm"].samples) == len(ALARMS)


def test_the_number_of_series_does_not_grow_with_devices(store: Path) -> None:
    def series() -> int:
        heard = [Heard("bin", now_ms())] * 10_000
        return sum(len(family.samples) for family in scrape(store, heard).values())

    before = series()
    journal = SqliteJournal(store)
    body = compose(LOG, 1, 1, [b'{"seq":1}'])
    journal.append([Records(now_ms(), f"bin-{n:05}", LOG, 1, 1, body, [Judged(1)]) for n in range(2_000)])
    journal.close()
    assert series() == before < 500


def test_a_store_that_cannot_be_read_is_told_and_the_rest_goes_on(store: Path) -> None:
    for file in store.glob("journal.db*"):
        file.unlink()
    (store / "journal.db").write_bytes(b"no database " * 500)
    families = scrape(store)
    assert value(families, "huishou_store_readable") == 0
    assert value(families, "huishou_process_up", process="intake") == 1
    assert value(families, "huishou_alarm", code="store-unreadable", level="alarm") == 1
    assert "huishou_records_received" not in families


def test_counts_begin_anew_with_a_process_and_are_not_invented_for_a_dead_one(store: Path) -> None:
    say(store, "intake", delays={"device_journal": Histogram().facts()}, committed_messages=0)
    families = scrape(store)
    assert value(families, "huishou_device_journal_delay_seconds_count") == 0
    assert value(families, "huishou_intake_messages_total") == 0
    (store / "intake.status.json").unlink()
    families = scrape(store)
    assert value(families, "huishou_process_up", process="intake") == 0
    assert families["huishou_device_journal_delay_seconds"].samples == []
