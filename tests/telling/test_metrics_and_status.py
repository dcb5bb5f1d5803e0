"""What the gateway counts: the sum of outcomes is what arrived, for people and for Prometheus."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.cli import main
from gateway.journal import Judged, Outcome, Records, Refused, SqliteJournal
from gateway.journal.bodies import compose
from gateway.metrics import snapshot
from gateway.metrics.prometheus import collectors
from gateway.processes import ProcessError, sole, status


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store in which something of everything has arrived."""
    journal = SqliteJournal(tmp_path / "store")
    texts = [b'{"seq":%d}' % seq for seq in (1, 2, 3, 1, 9)]
    judged = [
        Judged(1),
        Judged(2, Outcome.FLAGGED, ("clock-none", "temp-range")),
        Judged(3, Outcome.QUARANTINED, ("unknown-kind",)),
        Judged(1),
        Judged(9),
    ]
    journal.append(
        [
            Records(5, "bin-001", "0000abcd", 1, 1, compose("0000abcd", 1, 1, texts), judged),
            Refused(6, "bin-001", "up/records", "not-json", "why", b"{", 1),
            Records(
                7, "bin-001", "0000abcd", 20, 1, compose("0000abcd", 20, 1, [b'{"seq":20}']), [Judged(20)]
            ),
        ]
    )
    journal.close()
    return tmp_path / "store"


def test_the_sum_of_outcomes_is_what_arrived(store: Path) -> None:
    facts = snapshot(store, 1007)
    assert facts["records"] == {
        "received": 7,
        "outcomes": {"accepted": 2, "flagged": 2, "quarantined": 2, "duplicate": 1},
        "codes": {
            "flagged/clock-none": 1,
            "flagged/seq-gap": 1,
            "quarantined/not-json": 1,
            "quarantined/unknown-kind": 1,
        },
        "reasons": {"clock-none": 1, "temp-range": 1, "seq-gap": 1, "not-json": 1, "unknown-kind": 1},
    }
    assert facts["sum_ok"]
    assert facts["messages"] == {"up/records": 3}
    assert facts["journal"]["lost"] == 15  # 4 to 8 and 10 to 19, declared by first = 20
    assert facts["writer"] == {
        "cursor": 0,
        "lines": 0,
        "refused": 0,
        "behind_rows": 3,
        "behind_s": 1.002,
        "live_behind_s": 1.002,
    }
    json.dumps(facts)


def test_a_counter_that_is_wrong_is_found(store: Path) -> None:
    import sqlite3

    with sqlite3.connect(store / "journal.db") as db:
        db.execute("UPDATE counters SET value = value + 1 WHERE name = 'received'")
    db.close()
    assert not snapshot(store, 0)["sum_ok"]


def test_prometheus_reads_the_same_sum(store: Path) -> None:
    registry = CollectorRegistry()
    for collector in collectors(store):
        registry.register(collector)
    families = {
        family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())
    }
    (received,) = families["huishou_records_received"].samples
    records = families["huishou_records"].samples
    assert received.name == "huishou_records_received_total"
    assert received.value == sum(sample.value for sample in records) == 7
    by_label = {(sample.labels["outcome"], sample.labels["code"]): sample.value for sample in records}
    assert by_label["quarantined", "unknown-kind"] == 1
    assert by_label["accepted", ""] == 2
    assert by_label["flagged", ""] == 0
    assert {s.labels["process"]: s.value for s in families["huishou_process_up"].samples} == {
        "intake": 0,
        "writer": 0,
        "web": 0,
    }


def test_an_empty_store_counts_nothing_and_says_that_nothing_runs(tmp_path: Path) -> None:
    facts = snapshot(tmp_path / "none", 0)
    assert facts["sum_ok"]
    assert facts["records"]["received"] == 0
    assert facts["processes"]["intake"] == {"up": False, "state": "never ran"}
    assert not (tmp_path / "none").exists()


def test_a_process_without_a_recent_beat_is_not_up(tmp_path: Path) -> None:
    file = tmp_path / "writer.status.json"
    file.write_text(json.dumps({"name": "writer", "pid": 1, "beat_ms": 100_000, "state": "writing"}))
    assert status(tmp_path, 110_000)["writer"]["up"]
    late = status(tmp_path, 110_001)["writer"]
    assert not late["up"]
    assert late["state"] == "no sign of life for 10 s"
    file.write_text("torn")
    assert not status(tmp_path, 0)["writer"]["up"]


def test_only_one_process_of_a_name_works_on_a_store(tmp_path: Path) -> None:
    with sole(tmp_path, "intake"):
        with pytest.raises(ProcessError, match="already-running"), sole(tmp_path, "intake"):
            pass
        with sole(tmp_path, "writer"):
            pass
    with sole(tmp_path, "intake"):
        pass


def test_the_status_command_tells_people_and_scripts_and_fails_when_something_is_down(store: Path) -> None:
    (store.parent / "devices.json").write_text('{"devices": []}')
    config = store.parent / "huishou.toml"
    config.write_text("")
    told = CliRunner().invoke(main, ["gateway", "status", "--config", str(config)])
    assert told.exit_code == 1
    assert "intake     DOWN  never ran" in told.output
    assert "▲ alarm    process-down (intake): A process of the gateway is not running." in told.output
    assert "7 received = 2 accepted, 2 flagged, 2 quarantined, 1 duplicate" in told.output
    assert "quarantined/unknown-kind" in told.output
    plain = CliRunner().invoke(main, ["gateway", "status", "--json", "--config", str(config)])
    assert json.loads(plain.output)["records"]["received"] == 7


def test_the_status_command_tells_how_long_rows_are_kept(store: Path) -> None:
    (store.parent / "devices.json").write_text('{"devices": []}')
    config = store.parent / "huishou.toml"
    config.write_text("")
    journal = {"keep_days": 30.0, "keep_bytes": 2e9, "oldest_ms": 1}
    said = {
        "name": "intake",
        "pid": 1,
        "started_ms": 1,
        "beat_ms": 1,
        "said_ms": 1,
        "state": "",
        "journal": journal,
    }
    (store / "intake.status.json").write_text(json.dumps(said))
    told = CliRunner().invoke(main, ["gateway", "status", "--config", str(config)])
    assert "keeps 30 days or 2.0 GB, oldest row " in told.output
