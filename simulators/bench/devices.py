"""`make bench-devices`: what 10,000 devices cost that send one message a minute, and 1,000 quiet ones.

The whole gateway runs (supervisor, intake, writer, page), InfluxDB and Mosquitto beside it. CPU in per cent
of one core, resident memory and its growth by a straight line through all samples, with its standard error.
Each device first delivers some hours of history: what a gateway remembers of its devices is full then, and
growth is growth.
"""

import json
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from gateway.metrics import snapshot
from simulators.bench.load import FleetRun, Series, level, parts, running, sample
from simulators.bench.machine import machine
from simulators.bench.rig import Rig, rig
from simulators.fleet import Options
from simulators.servers.process import wait_until

CPU_PERCENT = 15.0
QUIET_PERCENT = 1.0
RSS_MB = 256.0
GROWTH_MB_H = 1.0
EVERY_S = 2.0
HISTORY = 130  # records of each device: more than the checks look back
SETTLE_S = 30.0
JUST_NOW = 1_000  # rows, of some 170 a second
LEVEL_S = 900.0  # the page takes a history in while it leaves the processor to others
HISTORY_S = 300.0  # to deliver that, at most


def measure(bench: Rig, fleet: Options, seconds: float, name: str) -> dict[str, Any]:
    """One fleet, one fresh gateway; what each process used."""
    store = bench.store(name, bench.bucket(name), fleet)
    with running(bench, store) as gateway:
        # A history at once is a long queue: a device that lost patience would only make it longer.
        patience_s = HISTORY_S + LEVEL_S + 2 * SETTLE_S
        more = ("--seconds", str(seconds + patience_s), "--stall", str(HISTORY_S))
        run = FleetRun(bench, fleet, f"{name}-fleet", *more)
        if not wait_until(lambda: _level(run.now()), HISTORY_S - 2 * SETTLE_S, 0.5):
            raise RuntimeError(f"the history was not taken in {HISTORY_S:g} s: {run.now()}")
        if not wait_until(lambda: _shown(store.path), LEVEL_S, 0.5):
            raise RuntimeError(f"the page has not taken the history in within {LEVEL_S:g} s")
        level(bench, gateway, SETTLE_S)
        before = run.now()
        series = sample(parts(gateway), seconds, EVERY_S)
        after = run.now()
        run.child.stop(30)
    span_s = after["seconds"] - before["seconds"]
    if span_s < seconds - 2 * EVERY_S:
        raise RuntimeError(f"the devices ended {seconds - span_s:.0f} s too early: {after}")
    return {
        "devices": fleet.devices,
        "seconds": round(seconds),
        "messages_per_s": round((after["pubacks"] - before["pubacks"]) / span_s, 1),
        "ack_delay": after.get("ack_delay"),
        "processes": {name: _figures(one) for name, one in series.items()},
        "sum": {
            "cpu_percent": round(sum(one.cpu_percent() for one in series.values()), 2),
            "rss_mb": round(sum(one.rss[-1] for one in series.values()) / 1e6, 1),
        },
    }


def _shown(store: Path) -> bool:
    """Whether the page shows all that the journal holds, but for what is just coming in."""
    behind = snapshot(store, int(time.time() * 1000))["readers"].get("page", {}).get("behind_rows")
    return behind is not None and behind < JUST_NOW


def _level(facts: dict[str, Any]) -> bool:
    """Whether all that was on flash at the start is acknowledged."""
    return bool(facts.get("freed")) and facts["held"] < facts["devices"]


def _figures(series: Series) -> dict[str, float]:
    growth, error = series.growth()
    return {
        "cpu_percent": round(series.cpu_percent(), 2),
        "rss_mb": round(series.rss[-1] / 1e6, 1),
        "growth_mb_h": round(growth, 2),
        "growth_error_mb_h": round(error, 2),
    }


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(min=0.2), default=10.0, show_default=True, help="60: a soak."
)
@click.option("--quiet-minutes", type=click.FloatRange(min=0.2), default=2.0, show_default=True)
@click.option("--devices", type=int, default=10_000, show_default=True)
@click.option("--records", type=int, default=1, show_default=True, help="In a message.")
def main(minutes: float, quiet_minutes: float, devices: int, records: int) -> None:
    """CPU and memory of the gateway with many devices, and with quiet ones."""
    say = Console(stderr=True)
    with rig() as bench, say.status("") as status:
        status.update(f"{devices} devices at one message a minute, {minutes:g} min")
        many = Options(
            hold=10_000_000,
            devices=devices,
            records=records,
            rate=devices / 60,
            per_connection=500,
            history=HISTORY,
        )
        busy = measure(bench, many, minutes * 60, "busy")
        status.update(f"1000 quiet devices, {quiet_minutes:g} min")
        quiet = measure(
            bench, Options(devices=1000, rate=0.001, history=HISTORY), quiet_minutes * 60, "quiet"
        )
    _show(f"{devices} devices, one message a minute", busy)
    _show("1000 quiet devices", quiet)
    gateway = [busy["processes"][name] for name in ("intake", "writer")]
    verdict = {
        "cpu": sum(one["cpu_percent"] for one in gateway) <= CPU_PERCENT,
        "rss": sum(one["rss_mb"] for one in gateway) <= RSS_MB,
        "growth": all(one["growth_mb_h"] - 2 * one["growth_error_mb_h"] < GROWTH_MB_H for one in gateway),
        "quiet": quiet["sum"]["cpu_percent"] < QUIET_PERCENT,
    }
    click.echo(json.dumps({"bench": "devices", **machine(), "busy": busy, "quiet": quiet, "holds": verdict}))
    if not all(verdict.values()):
        raise SystemExit(1)


def _show(title: str, found: dict[str, Any]) -> None:
    table = Table(title=f"{title} ({found['messages_per_s']} messages/s seen, {found['seconds']} s)")
    for column in ("process", "CPU, % of a core", "RSS, MB", "growth, MB/h"):
        table.add_column(column, justify="right" if column != "process" else "left")
    for name, one in found["processes"].items():
        growth = f"{one['growth_mb_h']:+.2f} ± {one['growth_error_mb_h']:.2f}"
        table.add_row(name, f"{one['cpu_percent']:.2f}", f"{one['rss_mb']:.1f}", growth)
    table.add_row("sum", f"{found['sum']['cpu_percent']:.2f}", f"{found['sum']['rss_mb']:.1f}", "")
    Console().print(table)


if __name__ == "__main__":
    main()
