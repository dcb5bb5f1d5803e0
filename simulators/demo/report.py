"""What a run ends with: the three ledgers compared, and a JSON document that says so."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gateway.devices import parse_devices
from simulators.demo import ledgers, points_read, stored
from simulators.demo.city import City
from simulators.demo.ledgers import FIRMWARE, INFLUXDB, JOURNAL, Comparison
from simulators.demo.mishaps import Mishap
from simulators.demo.points import Unit
from simulators.demo.rundir import Plan, RunDir
from simulators.demo.services import Event
from simulators.demo.stations import Stations
from simulators.servers.influxdb import Access

_SHOWN = 50  # differences of each sort that are written out; all are counted


def compare(run: RunDir, city: City, stations: Stations, access: Access) -> Comparison:
    """Read all three ledgers of a run and compare them. Takes seconds; blocks."""
    devices = parse_devices((run.path / "devices.json").read_bytes())
    units = {name: Unit(device.unit, device.site) for name, device in devices.items()}
    logged = [*city.logged(), *stations.logged()]
    return ledgers.compare(logged, stored.journal(run.store), points_read.influxdb(access), units)


def document(
    comparison: Comparison,
    *,
    plan: Plan,
    left: list[str],
    mishaps: list[Mishap],
    events: list[Event],
    restarts: dict[str, int],
    took_s: dict[str, float],
) -> dict[str, Any]:
    """The report as JSON-ready data."""
    differences: dict[str, list[str]] = {"missing": [], "doubled": [], "altered": [], "unexpected": []}
    for difference in comparison.differences:
        differences[difference.what].append(str(difference))
    return {
        "equal": comparison.equal and not left,
        "first_difference": first_difference(comparison, left),
        "records": {ledger: comparison.total(ledger) for ledger in (FIRMWARE, JOURNAL, INFLUXDB)},
        "by_kind": {kind: dict(counts) for kind, counts in sorted(comparison.counts.items())},
        "by_device": {device: dict(counts) for device, counts in sorted(comparison.devices.items())},
        "difference_counts": {what: len(found) for what, found in differences.items()},
        "differences": {what: found[:_SHOWN] for what, found in differences.items()},
        "not_drained": left,
        "plan": asdict(plan),
        "mishaps": [str(mishap) for mishap in mishaps],
        "restarts": restarts,
        "events": [{"at_s": round(event.at_s, 1), "text": event.text} for event in events],
        "took_s": {what: round(seconds, 1) for what, seconds in took_s.items()},
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def first_difference(comparison: Comparison, left: list[str]) -> str | None:
    """The first thing that is wrong, in one line; None when nothing is."""
    if comparison.differences:
        return str(comparison.differences[0])
    return f"not drained: {left[0]}" if left else None


def write(file: Path, report: dict[str, Any]) -> None:
    """Write the report; a reader never sees half of it."""
    scratch = file.with_name(file.name + ".new")
    scratch.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
    scratch.replace(file)
