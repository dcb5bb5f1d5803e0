"""`make bench-intake`: the same backlog, from the same broker into the same InfluxDB, by the gateway and by
Telegraf in turn; by thingsboard-gateway too, which knows only its own platform and gets a stand-in for it.

Each contestant has a persistent session, subscribed beforehand, in which the broker keeps the backlog. The
clock starts with the contestant's process and stops when InfluxDB has taken every reading; afterwards a
query counts them. CPU time is that of each process within this span, the start of Python and of Telegraf
included.
"""

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from simulators.bench.contestants import Contestant, contestants, drop_session, keep_session
from simulators.bench.machine import machine
from simulators.bench.rig import Rig, rig
from simulators.bench.watch import Meter, settle
from simulators.fleet import Fleet, Options

INFLIGHT = 20_000  # what suits Telegraf best; the gateway does not mind
LOOK_S = 0.1
SILENT_S = 15.0  # no further point for so long: it has lost some, or stopped
DEVICES = 1_000
STEP_MS = 60_000
WANTED = {  # (records a message, contestant): least ratio of the gateway's rate to its
    (10, "telegraf-memory"): 1.5,
    (10, "telegraf-disk"): 15.0,
    (1, "telegraf-memory"): 1.0,
    (1, "telegraf-disk"): 8.0,
}


@dataclass(frozen=True)
class Drain:
    """One contestant's way through one backlog. `stored`: readings that InfluxDB returns afterwards."""

    contestant: str
    records: int
    round: int
    readings: int
    seconds: float
    stored: int
    points_a_write: float  # as InfluxDB received them
    cpu_us: dict[str, float]  # per reading, by process

    @property
    def rate(self) -> float:
        """Readings a second, of those that are there in the end."""
        return self.stored / self.seconds if self.seconds > 0 else 0.0


def drain(bench: Rig, who: Contestant, backlog: Options, number: int, say: Console) -> Drain:
    """Fill a session, let its owner drain it, count."""
    run = f"{who.name}-{backlog.records}-{number}"
    readings = (backlog.messages or 0) * backlog.records
    access = bench.bucket(run)
    keep_session(bench, who.client(run))
    filled = asyncio.run(Fleet(backlog).run())
    if not filled["drained"]:
        raise click.ClickException(f"the broker did not take the backlog: {filled}")
    assert bench.influx.child  # noqa: S101 (the rig started it)
    assert bench.broker.child  # noqa: S101
    settle(bench.influx.child.pid)
    points_before = bench.points() if who.to_influxdb else (0, 0)
    meter = Meter({"influxd": bench.influx.child.pid, "mosquitto": bench.broker.child.pid})
    began_s = time.monotonic()
    started = who.start(bench, run, access, backlog)
    for name, child in started.processes.items():
        meter.add(name, child.pid)
    began_s = last_s = started.began_s or began_s
    before, writes_before = points_before
    points = writes = 0
    while points < readings and time.monotonic() - last_s < SILENT_S:
        time.sleep(LOOK_S)
        total, writes = started.taken()
        now = total - before
        if now != points:
            points, last_s = now, time.monotonic()
    cpu = meter.cpu_s()
    stored, doubled = started.stored()
    started.stop()
    drop_session(bench, who.client(run))
    result = Drain(
        *(who.name, backlog.records, number, readings, round(last_s - began_s, 3), stored),
        round(points / max(1, writes - writes_before), 1),
        {name: round(1e6 * seconds / readings, 2) for name, seconds in cpu.items()},
    )
    lost = f", LOST {readings - stored}" if stored != readings else ""
    say.print(
        f"  round {number}, {backlog.records} a message, {who.name}: {readings} readings in "
        f"{result.seconds:.1f} s = {result.rate:,.0f}/s{lost}"
    )
    for line in doubled:
        say.print(f"    doubled: {line}", markup=False)
    for name, child in started.processes.items():
        if stored != readings:
            say.print(f"{name}: {child.last_words(5)}", markup=False)
    return result


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option("--records", "sizes", default="10,1", show_default=True, help="Records a message, in turn.")
@click.option(
    "--readings", type=int, default=2_000_000, show_default=True, help="Of a backlog (at 1: a third)."
)
@click.option("--only", help="Contestants, separated by commas.")
@click.option("--seed", default=1, show_default=True)
def main(rounds: int, sizes: str, readings: int, only: str | None, seed: int) -> None:
    """Drain the same backlog by the gateway and by Telegraf, in turn, and compare."""
    say = Console(stderr=True, highlight=False)
    known = contestants()
    chosen = only.split(",") if only else list(known)
    if not known.keys() >= set(chosen):
        raise click.UsageError(f"--only {only}: expected names out of {', '.join(known)}")
    drains: list[Drain] = []
    for name in chosen:
        known[name].prepare()
    with rig(inflight=INFLIGHT) as bench:
        for records in map(int, sizes.split(",")):
            messages = readings // records if records > 1 else readings // 3
            for number in range(1, rounds + 1):
                for name in chosen if number % 2 else reversed(chosen):  # who goes first alternates
                    count = messages // 10 if known[name].slow else messages
                    drains.append(
                        drain(bench, known[name], backlog(bench, records, count, seed), number, say)
                    )
    result = summary(drains)
    _show(result)
    click.echo(json.dumps({"bench": "intake", **machine(), **result}))
    if not result["complete"]:
        raise SystemExit(1)


def backlog(bench: Rig, records: int, messages: int, seed: int) -> Options:
    """History that ends about now: record times differ within a device, so that no point hides another."""
    span_ms = messages * records // DEVICES * STEP_MS
    return bench.fleet(
        Options(
            seed=seed,
            devices=DEVICES,
            records=records,
            messages=messages,
            step_ms=STEP_MS,
            start_ms=time.time_ns() // 1_000_000 - span_ms - 2 * STEP_MS,
            acks=False,
            states=False,
        )
    )


def summary(drains: list[Drain]) -> dict[str, Any]:
    """Rates, CPU and ratios by size of message; each ratio within one round, so that noise is shared."""
    sizes: dict[int, dict[str, list[Drain]]] = defaultdict(lambda: defaultdict(list))
    for one in drains:
        sizes[one.records][one.contestant].append(one)
    out: dict[str, Any] = {
        "complete": all(one.stored == one.readings for one in drains if one.contestant == "huishou"),
        "sizes": {},
    }
    for records, by_name in sizes.items():
        ratios = {}
        for name, theirs in by_name.items():
            if name != "huishou" and "huishou" in by_name:
                found = [ours.rate / one.rate for ours, one in zip(by_name["huishou"], theirs, strict=True)]
                ratios[name] = {**_spread(found, 2), "wanted": WANTED.get((records, name))}
        out["sizes"][str(records)] = {
            "rates": {name: _spread([one.rate for one in runs], 0) for name, runs in by_name.items()},
            "cpu_us": {
                name: {
                    process: round(median(one.cpu_us[process] for one in runs), 1)
                    for process in runs[0].cpu_us
                }
                for name, runs in by_name.items()
            },
            "points_a_write": {
                name: median(one.points_a_write for one in runs) for name, runs in by_name.items()
            },
            "missing": {
                name: sum(one.readings - one.stored for one in runs) for name, runs in by_name.items()
            },
            "ratios": ratios,
        }
    out["drains"] = [asdict(one) for one in drains]
    return out


def _spread(values: list[float], digits: int) -> dict[str, float]:
    return {
        "min": round(min(values), digits),
        "median": round(median(values), digits),
        "max": round(max(values), digits),
    }


def _show(result: dict[str, Any]) -> None:
    table = Table(title="Backlog to InfluxDB complete")
    for column in (
        "records a message",
        "",
        "readings/s (min – max)",
        "huishou is",
        "points a write",
        "CPU µs a reading",
    ):
        table.add_column(column)
    for records, size in result["sizes"].items():
        for name, rate in size["rates"].items():
            ratio = size["ratios"].get(name)
            cpu = size["cpu_us"][name]
            table.add_row(
                records,
                name,
                f"{rate['median']:,.0f} ({rate['min']:,.0f} – {rate['max']:,.0f})",
                f"{ratio['median']} × ({ratio['min']} – {ratio['max']})" if ratio else "",
                f"{size['points_a_write'][name]:,.0f}",
                ", ".join(f"{process} {value}" for process, value in sorted(cpu.items())),
            )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
