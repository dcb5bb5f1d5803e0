"""The gateway's figures for Prometheus, named and measured as its conventions ask.

All families are made anew at each scrape from one `look`; nothing is counted here. The number of series is
bounded by the tables of outcomes, codes and rules and by the configured sinks: no device, no free text.
"""

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.alarm_codes import ALARMS
from gateway.checks import CHECKS
from gateway.delays import buckets, counts_of
from gateway.metrics.facts import OUTCOMES, Facts, look
from gateway.metrics.freshness import Heard, freshness

Devices = Callable[[], Iterable[Heard]]


def collectors(store: Path, devices: Devices = lambda: ()) -> list[Collector]:
    """Collectors that look at the store at each scrape; `devices`: what is known of when they were heard."""
    return [_Gateway(store, devices)]


class _Gateway(Collector):
    def __init__(self, store: Path, devices: Devices) -> None:
        self._store = store
        self._devices = devices

    def collect(self) -> Iterable[Metric]:
        """All of it from one look at the store."""
        began_s = time.perf_counter()
        now_ms = time.time_ns() // 1_000_000
        facts = look(self._store, now_ms)
        yield from _build()
        yield from _processes(facts["processes"], facts["supervisor"])
        yield from _intake(facts["processes"]["intake"])
        yield from _alarms(facts["alarms"])
        yield from _fresh(self._devices(), now_ms)
        readable = "problem" not in facts
        yield GaugeMetricFamily("huishou_store_readable", "Whether the store could be read now", readable)
        if readable:
            yield from _records(facts)
            yield from _store(facts)
            yield from _lags(facts)
        took_s = time.perf_counter() - began_s
        yield GaugeMetricFamily("huishou_scrape_seconds", "Time that it took to gather these figures", took_s)


def _build() -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "huishou_build_info", "Which program this is; always 1", labels=["version", "python"]
    )
    info.add_metric([version("huishou"), platform.python_version()], 1)
    yield info


def _records(facts: Facts) -> Iterator[Metric]:
    records = facts["records"]
    yield CounterMetricFamily(
        "huishou_records_received",
        "Records that arrived; equals the sum of huishou_records",
        records["received"],
    )
    by_outcome = GaugeMetricFamily(  # no counter: a later judgement moves a record from one to another
        "huishou_records",
        "Records by what became of them; code: the first of the reasons, empty for none",
        labels=["outcome", "code"],
    )
    coded: Counter[str] = Counter()
    for key, count in records["codes"].items():
        outcome, _, code = key.partition("/")
        coded[outcome] += count
        by_outcome.add_metric([outcome, code], count)
    for outcome in OUTCOMES:
        by_outcome.add_metric([outcome, ""], records["outcomes"][outcome] - coded[outcome])
    yield by_outcome
    rules = GaugeMetricFamily(
        "huishou_check_records",
        "Records in which a rule found something; rules of one code share a row",
        labels=["rule", "code"],
    )
    numbers: dict[str, list[str]] = {}
    for check in CHECKS:
        numbers.setdefault(check.code, []).append(str(check.number))
    for code, rule in numbers.items():
        rules.add_metric(["+".join(rule), code], records["reasons"].get(code, 0))
    yield rules
    messages = CounterMetricFamily(
        "huishou_messages", "Messages that arrived, by channel", labels=["channel"]
    )
    for channel, count in facts["messages"].items():
        messages.add_metric([channel], count)
    yield messages
    sum_ok = GaugeMetricFamily(
        "huishou_records_sum_ok", "1: received is the sum of the outcomes", facts["sum_ok"]
    )
    yield sum_ok


def _store(facts: Facts) -> Iterator[Metric]:
    journal, disk = facts["journal"], facts["disk"]
    yield GaugeMetricFamily("huishou_journal_rows", "Newest row of the journal", journal["rows"])
    yield GaugeMetricFamily("huishou_journal_bytes", "Size of the journal on disk", journal["bytes"])
    yield GaugeMetricFamily(
        "huishou_journal_gaps",
        "Runs of missing records (100: or more)",
        journal["gaps"],
    )
    yield GaugeMetricFamily("huishou_records_lost", "Records that no one holds any more", journal["lost"])
    if disk is not None:
        yield GaugeMetricFamily(
            "huishou_disk_free_bytes", "Free space of the store's disk", disk["free_bytes"]
        )
        yield GaugeMetricFamily("huishou_disk_bytes", "Size of the store's disk", disk["total_bytes"])


def _lags(facts: Facts) -> Iterator[Metric]:
    """Sinks are told whether they ever announced themselves or not; other readers as they announce."""
    yield from _gauges(
        facts["sinks"],
        "sink",
        {
            "huishou_sink_lag_rows": ("Journal rows not yet written", "behind_rows"),
            "huishou_sink_lag_seconds": ("Age of the oldest row not yet written", "behind_s"),
            "huishou_sink_live_lag_seconds": ("Age of the oldest live row not yet written", "live_behind_s"),
            "huishou_sink_cursor": ("All rows up to here are written", "cursor"),
        },
    )
    for name, text, key in (
        ("huishou_sink_lines", "Lines written", "lines"),
        ("huishou_sink_refused_lines", "Lines that the database refused", "refused"),
    ):
        counter = CounterMetricFamily(name, text, labels=["sink"])
        for sink, one in facts["sinks"].items():
            counter.add_metric([sink], one[key])
        yield counter
    yield from _histogram(
        "huishou_sink_delay_seconds",
        "From a record's arrival to its line being written",
        {(sink,): one.get("delay") for sink, one in facts["sinks"].items()},
        ["sink"],
    )
    yield from _gauges(
        facts["readers"],
        "reader",
        {
            "huishou_reader_lag_rows": ("Journal rows that a reader has not done with", "behind_rows"),
            "huishou_reader_lag_seconds": ("Age of the oldest row that it has not done with", "behind_s"),
        },
    )


def _processes(processes: Mapping[str, Facts], supervisor: Facts) -> Iterator[Metric]:
    names = {**processes, "gateway": supervisor}
    up = GaugeMetricFamily("huishou_process_up", "Whether a process gives signs of life", labels=["process"])
    for name, facts in processes.items():
        up.add_metric([name], float(facts["up"]))
    yield up
    yield from _gauges(
        names,
        "process",
        {
            "huishou_process_beat_timestamp_seconds": ("Last sign of life (Unix time)", "beat_ms"),
            "huishou_process_start_time_seconds": ("Start of the process (Unix time)", "started_ms"),
            "huishou_process_resident_memory_bytes": ("Memory that is resident", "rss_bytes"),
        },
    )
    cpu = CounterMetricFamily("huishou_process_cpu_seconds", "CPU time, user and system", labels=["process"])
    for name, facts in names.items():
        if facts["up"] and "cpu_s" in facts:
            cpu.add_metric([name], facts["cpu_s"])
    yield cpu
    restarts = CounterMetricFamily(
        "huishou_process_restarts", "Times that a process was started anew", labels=["process"]
    )
    for name, child in supervisor.get("children", {}).items():
        restarts.add_metric([name], child["restarts"])
    yield restarts


def _intake(intake: Facts) -> Iterator[Metric]:
    for key, name, text in (
        ("queue", "huishou_intake_queue_messages", "Messages waiting for a commit"),
        ("queue_bytes", "huishou_intake_queue_bytes", "Bytes of the messages waiting for a commit"),
        ("stalled_s", "huishou_intake_stalled_seconds", "For how long messages wait without a commit"),
    ):
        if key in intake:
            yield GaugeMetricFamily(name, text, intake[key])
    for key, name, text in (
        ("committed_messages", "huishou_intake_messages", "Messages committed since intake started"),
        ("deferred", "huishou_intake_deferred_messages", "Messages of flooding devices that were put off"),
        ("reconnects", "huishou_broker_reconnects", "Connections to the broker since intake started"),
    ):
        if key in intake:
            yield CounterMetricFamily(name, text, intake[key])
    yield from _retention(intake.get("journal") or {})
    broker = intake.get("broker") or {}
    if "subscribed" in broker:
        up = float(bool(intake["up"] and broker["subscribed"]))
        yield GaugeMetricFamily("huishou_broker_subscribed", "1: connected to the broker and subscribed", up)
    delays = intake.get("delays", {})
    for key, name, text in (
        ("device_journal", "huishou_device_journal_delay_seconds", "From a device's sending to the commit"),
        (
            "receive_journal",
            "huishou_receive_journal_delay_seconds",
            "From a message's arrival to its commit",
        ),
    ):
        yield from _histogram(name, text, {(): delays.get(key)}, [])
    stations = intake.get("stations", {})
    if stations:
        well = GaugeMetricFamily("huishou_station_up", "Whether a polled station answers", labels=["station"])
        for station, state in stations.items():
            well.add_metric([station], float(not state.get("code")))
        yield well


def _retention(journal: Facts) -> Iterator[Metric]:
    """Limits that are not set are left out: then everything is kept."""
    for key, name, text, unit in (
        ("keep_bytes", "huishou_journal_keep_bytes", "Size at which the oldest rows are dropped", 1.0),
        ("keep_days", "huishou_journal_keep_seconds", "Age at which rows are dropped", 1 / 86_400),
        ("oldest_ms", "huishou_journal_oldest_timestamp_seconds", "When the oldest row came", 1_000.0),
    ):
        if journal.get(key):
            yield GaugeMetricFamily(name, text, journal[key] / unit)
    dropped = GaugeMetricFamily(
        "huishou_journal_dropped_today", "What retention dropped since midnight UTC", labels=["what"]
    )
    for what, count in journal.get("dropped_today", {}).items():
        dropped.add_metric([what], count)
    yield dropped


def _alarms(standing: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    raised = Counter(alarm["code"] for alarm in standing)
    family = GaugeMetricFamily(
        "huishou_alarm", "How many alarms of a kind stand (docs/operators.md)", labels=["code", "level"]
    )
    for code, row in ALARMS.items():
        family.add_metric([code, row.level], raised[code])
    yield family


def _fresh(devices: Iterable[Heard], now_ms: int) -> Iterator[Metric]:
    known = GaugeMetricFamily("huishou_devices", "Devices in the devices file", labels=["unit"])
    heard = GaugeMetricFamily("huishou_devices_heard", "Devices that were heard at all", labels=["unit"])
    longest = GaugeMetricFamily(
        "huishou_device_silence_max_seconds", "Longest time since a device was heard", labels=["unit"]
    )
    stale = GaugeMetricFamily(
        "huishou_devices_silent",
        "Devices not heard within a limit",
        labels=["unit", "limit_seconds"],
    )
    for unit, found in freshness(devices, now_ms).items():
        known.add_metric([unit], found.devices)
        heard.add_metric([unit], found.heard)
        longest.add_metric([unit], found.max_s)
        for limit, count in found.stale.items():
            stale.add_metric([unit, str(limit)], count)
    yield from (known, heard, longest, stale)


def _gauges(
    facts: Mapping[str, Facts], label: str, wanted: Mapping[str, tuple[str, str]]
) -> Iterator[Metric]:
    """One gauge per wanted family; what is told in ms becomes seconds, what is not told is left out."""
    for name, (text, key) in wanted.items():
        family = GaugeMetricFamily(name, text, labels=[label])
        for who, one in facts.items():
            if one.get(key) is not None:
                family.add_metric([who], one[key] / 1000 if key.endswith("_ms") else one[key])
        yield family


def _histogram(
    name: str, text: str, told: Mapping[tuple[str, ...], Facts | None], labels: list[str]
) -> Iterator[Metric]:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, facts in told.items():
        counts = counts_of(facts)
        if counts is not None and facts is not None:
            family.add_metric(list(values), buckets(counts), float(facts.get("sum", 0.0)))
    yield family
