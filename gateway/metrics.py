"""What the gateway counts, for people (`snapshot`) and for Prometheus (`collectors`).

Reads the store, changes nothing.
"""

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.journal import JournalReader
from gateway.journal.sqlite import FILE as JOURNAL_FILE
from gateway.processes import status
from gateway.writer.store import read_progress


def snapshot(store: Path, now_ms: int) -> dict[str, Any]:
    """How the gateway is, as JSON-ready data.

    `records.received` is counted where records come in, `records.outcomes` where they are decided; `sum_ok`
    says that they agree. `records.codes`: number of records by `outcome/code`, for those with a code.
    Raises JournalError.
    """
    with JournalReader(store) as journal:
        counters = journal.counters()
        end = journal.end()
        progress = read_progress(store)
        oldest_ms = journal.oldest_ms(progress.cursor)
        lost = journal.lost()
    outcomes: Counter[str] = Counter(dict.fromkeys(("accepted", "flagged", "quarantined", "duplicate"), 0))
    for (outcome, _code), count in counters.outcomes.items():
        outcomes[outcome] += count
    path = store / JOURNAL_FILE
    return {
        "processes": status(store, now_ms),
        "records": {
            "received": counters.received,
            "outcomes": dict(outcomes),
            "codes": {f"{o}/{code}": n for (o, code), n in sorted(counters.outcomes.items()) if code},
        },
        "sum_ok": counters.received == sum(outcomes.values()),
        "messages": counters.messages,
        "journal": {
            "rows": end,
            "bytes": sum(
                file.stat().st_size for file in (path, path.with_name(path.name + "-wal")) if file.exists()
            ),
            "lost": lost,
        },
        "writer": {
            "cursor": progress.cursor,
            "lines": progress.lines,
            "refused": progress.refused,
            "behind_rows": end - progress.cursor,
            "behind_s": 0.0 if oldest_ms is None else max(0, now_ms - oldest_ms) / 1000,
        },
    }


def collectors(store: Path) -> list[Collector]:
    """Collectors that read the store at each scrape."""
    return [_StoreCollector(store)]


class _StoreCollector(Collector):
    def __init__(self, store: Path) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """All of it from one look at the store."""
        facts = snapshot(self._store, time.time_ns() // 1_000_000)
        yield from _records(facts)
        yield from _depths(facts)
        yield from _processes(facts["processes"])


def _records(facts: dict[str, Any]) -> Iterable[Metric]:
    records = facts["records"]
    yield CounterMetricFamily(
        "huishou_records_received",
        "Records that arrived; equals the sum of huishou_records",
        records["received"],
    )
    by_outcome = CounterMetricFamily(
        "huishou_records", "Records by what became of them", labels=["outcome", "code"]
    )
    coded: Counter[str] = Counter()
    for key, count in records["codes"].items():
        outcome, _, code = key.partition("/")
        coded[outcome] += count
        by_outcome.add_metric([outcome, code], count)
    for outcome, count in records["outcomes"].items():
        by_outcome.add_metric([outcome, ""], count - coded[outcome])
    yield by_outcome
    messages = CounterMetricFamily(
        "huishou_messages", "Messages that arrived, by channel", labels=["channel"]
    )
    for channel, count in facts["messages"].items():
        messages.add_metric([channel], count)
    yield messages


def _depths(facts: dict[str, Any]) -> Iterable[Metric]:
    journal, writer = facts["journal"], facts["writer"]
    yield GaugeMetricFamily("huishou_journal_rows", "Rows in the journal", journal["rows"])
    yield GaugeMetricFamily("huishou_journal_bytes", "Size of the journal on disk", journal["bytes"])
    yield CounterMetricFamily("huishou_records_lost", "Records that devices declared lost", journal["lost"])
    yield CounterMetricFamily("huishou_writer_lines", "Lines written to InfluxDB", writer["lines"])
    yield CounterMetricFamily(
        "huishou_writer_refused_lines", "Lines that InfluxDB refused", writer["refused"]
    )
    yield GaugeMetricFamily(
        "huishou_writer_behind_rows", "Journal rows not yet written", writer["behind_rows"]
    )
    yield GaugeMetricFamily(
        "huishou_writer_behind_seconds", "Age of the oldest row not yet written", writer["behind_s"]
    )


def _processes(processes: dict[str, dict[str, Any]]) -> Iterable[Metric]:
    up = GaugeMetricFamily("huishou_process_up", "Whether a process gives signs of life", labels=["process"])
    beat = GaugeMetricFamily(
        "huishou_process_beat_timestamp_seconds", "Last sign of life (Unix time)", labels=["process"]
    )
    for name, facts in processes.items():
        up.add_metric([name], float(facts["up"]))
        if "beat_ms" in facts:
            beat.add_metric([name], facts["beat_ms"] / 1000)
    yield up
    yield beat
    intake = processes["intake"]
    if "queue" in intake:
        yield GaugeMetricFamily(
            "huishou_intake_queue_messages", "Messages waiting for a commit", intake["queue"]
        )
        yield GaugeMetricFamily(
            "huishou_intake_stalled_seconds",
            "For how long messages wait without a commit",
            intake["stalled_s"],
        )
