"""`make sweep-catchup`: 72 hours without a database at a scaled rate, then catching up under live load.

The scale is the number by which the outage is shortened: 10,000 devices at a message a minute make 43.2
million messages in 72 h; at scale 200 the journal holds 216,000 when InfluxDB comes back. What is asked for
is the same at any scale: the backlog goes at least 5 times as fast as messages arrive, and live data is at
most 5 s late meanwhile.

Live lateness is strict: at each sample, the age of the oldest record made since InfluxDB's return that is not
in it. Records made are told by the fleet each second, points are counted by query.
"""

import json
import time
import urllib.request
from bisect import bisect_left
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from simulators.bench.load import FleetRun, running
from simulators.bench.machine import machine
from simulators.bench.rig import Rig, Store, rig
from simulators.fleet import Options
from simulators.servers import influxdb
from simulators.servers.process import wait_until

HOURS = 72
FASTER = 5.0
LATE_S = 5.0
FILL_S = 1800.0
CATCH_UP_S = 1800.0
EVERY_S = 1.0
Sample = dict[str, float]


def lateness(made: list[tuple[float, int]], at_s: float, written: int) -> float:
    """Age in s, at a time, of record number `written` + 1; 0: it was not made by then. Pure.

    `made`: how many records there were at times, both ascending; between them a straight line.
    """
    place = bisect_left(made, written + 1, key=lambda one: one[1])
    if place == len(made):
        return 0.0
    (after_s, after), (before_s, before) = made[place], made[max(0, place - 1)]
    share = (written + 1 - before) / (after - before) if after > before else 1.0
    return max(0.0, at_s - (before_s + share * (after_s - before_s)))


def quantile(values: list[float], share: float) -> float:
    """The value under which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class CatchUp:
    """One run."""

    def __init__(self, bench: Rig, devices: int, scale: float, note: Progress) -> None:
        self.bench = bench
        self.rate = devices / 60.0
        self.messages = int(HOURS * 3600 * self.rate / scale)
        self.old = bench.fleet(Options(prefix="old", devices=devices, records=1, window=1))
        live = Options(prefix="live", devices=min(devices, 1000), records=1, rate=self.rate, seed=2)
        self.live = bench.fleet(live)
        self.access = bench.bucket("catchup")
        self.samples: list[Sample] = []
        self.made: list[tuple[float, int]] = []
        self._note = note
        self._task = note.add_task("InfluxDB stops", total=None)

    def run(self) -> dict[str, Any]:
        """Fill, return, catch up, count."""
        store = self.bench.store("catchup", self.access, self.old, also=[self.live])
        self.bench.influx.stop()
        with running(self.bench, store):
            self._say(f"the journal takes {self.messages:,} messages")
            # On a busy machine an acknowledgement may take long: sending again would only make it longer.
            more = ("--messages", str(self.messages), "--drain", "300", "--stall", "120")
            filled = FleetRun(self.bench, self.old, "fill", *more).result(FILL_S)
            live = FleetRun(self.bench, self.live, "live", "--drain", "60")
            live.began()
            self._say("InfluxDB is back")
            self.bench.influx.start(influxdb.find() or influxdb.build())
            back_s = time.time()
            took_s = self._watch(store, live, back_s)
            self._say("what is left is written")
            live.child.stop(90.0)  # it makes no more, drains, and sums up
            lived = live.result(1.0)
            records = filled["made"] + lived["made"]
            wait_until(lambda: self.bench.count(self.access) >= records, 120.0, 2.0)
            points = self.bench.count(self.access)
        settled = [one["late_s"] for one in self.samples]
        backlog = self.samples[0]["owed"]
        speed = backlog / took_s if took_s else 0.0
        return {
            "scale": HOURS * 3600 * self.rate / self.messages,
            "outage_messages": self.messages,
            "arrival_per_s": round(self.rate, 1),
            "catch_up_s": round(took_s, 1),
            "times_arrival": round(speed / self.rate, 1),
            "live_late_s": {
                "p50": round(quantile(settled, 0.5), 2),
                "p99": round(quantile(settled, 0.99), 2),
                "max": round(max(settled), 2),
            },
            "in_order": all(
                a["cursor"] <= b["cursor"] for a, b in zip(self.samples, self.samples[1:], strict=False)
            ),
            "records": records,
            "points": points,
            "drained": filled["drained"] and lived["drained"],
            "caught_up": took_s > 0,
        }

    def _watch(self, store: Store, live: FleetRun, back_s: float) -> float:
        """Sample until the backlog is empty; how long that took, 0: it never was. Then live alone a while."""
        took_s, end_s = 0.0, back_s + CATCH_UP_S
        began_s, base = float("inf"), None
        while time.time() < end_s:
            told, at_s = live.now(), time.time()
            began_s = min(began_s, at_s - told["seconds"])
            self.made.append((began_s + told["seconds"], told["made"]))
            base = told["made"] if base is None else base
            written = self._live_points(back_s)
            seen_s = time.time()
            sink = dict(store.status("writer").get("sinks", {}).get("influxdb", {}))
            made = self._made_since(back_s, seen_s)
            if sink:
                sample = {
                    "at_s": seen_s - back_s,
                    "owed": float(sink["backlog_rows"]),
                    "cursor": float(sink["cursor"]),
                    "late_s": lateness(made, seen_s, written),
                }
                if sample["owed"] or self.samples:
                    self.samples.append(sample)
                    self._say(f"{int(sample['owed']):,} rows owed, live data {sample['late_s']:.1f} s late")
                if self.samples and not sample["owed"] and not took_s:
                    took_s = sample["at_s"]
                    end_s = min(end_s, time.time() + 10)
            time.sleep(max(0.0, EVERY_S - (time.time() - at_s)))
        return took_s

    def _made_since(self, back_s: float, until_s: float) -> list[tuple[float, int]]:
        """How many records were made since InfluxDB's return, at times.

        What the fleet has not told yet follows from its rate, which is steady.
        """
        before = [one for one in self.made if one[0] <= back_s]
        after = [one for one in self.made if one[0] > back_s]
        base = before[-1][1] + self.rate * (back_s - before[-1][0]) if before else 0
        if not before and after:
            base = after[0][1] - self.rate * (after[0][0] - back_s)
        last_s, last = self.made[-1]
        after.append((until_s, round(last + self.rate * (until_s - last_s))))
        return [(back_s, 0), *((at, max(0, round(count - base))) for at, count in after)]

    def _live_points(self, since_s: float) -> int:
        """Points of records that the live fleet made since then."""
        since = datetime.fromtimestamp(since_s, UTC).isoformat().replace("+00:00", "Z")
        flux = (
            f'from(bucket: "{self.access.bucket}") |> range(start: {since}, stop: 2100-01-01T00:00:00Z)'
            ' |> filter(fn: (r) => r._field == "seq" and r.device =~ /^live-/) |> count() |> group() |> sum()'
        )
        request = urllib.request.Request(  # noqa: S310 (our own http address)
            f"{self.access.url}/api/v2/query?org={self.access.org}",
            data=json.dumps({"query": flux, "dialect": {"header": True, "annotations": []}}).encode(),
            headers={"Authorization": f"Token {self.access.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            rows = [line.split(",") for line in answer.read().decode().split("\r\n") if line]
        return int(rows[1][rows[0].index("_value")]) if len(rows) > 1 else 0

    def _say(self, words: str) -> None:
        self._note.update(self._task, description=words)


def plot(samples: list[Sample], result: dict[str, Any], file: Path) -> None:
    """Rows owed and live lateness over time, as SVG."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "huishou"
    from matplotlib import pyplot

    at = [one["at_s"] for one in samples]
    figure, (owed, late) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 5), layout="constrained")
    owed.fill_between(at, [one["owed"] / 1000 for one in samples], color="#4c78a8", alpha=0.5)
    owed.set_ylabel("backlog, 1000 rows")
    owed.set_title(
        f"72 h without InfluxDB at 1:{result['scale']:.0f}: caught up in {result['catch_up_s']:.0f} s,"
        f" {result['times_arrival']:.0f} times the rate of arrival"
    )
    late.plot(at, [one["late_s"] for one in samples], color="#e45756")
    late.axhline(LATE_S, color="grey", linestyle="--", linewidth=1)
    late.set_ylabel("live data late, s")
    late.set_xlabel("seconds since InfluxDB is back")
    late.set_ylim(0, max(LATE_S * 1.2, *(one["late_s"] for one in samples)))
    for axes in (owed, late):
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})


def failures(result: dict[str, Any]) -> list[str]:
    """What was asked for and missed."""
    asked = {
        "the backlog was not written in time": result["caught_up"],
        f"the backlog went less than {FASTER:g} times as fast as messages arrive": result["times_arrival"]
        >= FASTER,
        f"live data was more than {LATE_S:g} s late": result["live_late_s"]["max"] <= LATE_S,
        "the backlog was not written in order": result["in_order"],
        "points and records differ": result["points"] == result["records"],
        "the fleet holds records that were not acknowledged": result["drained"],
    }
    return [words for words, held in asked.items() if not held]


@click.command()
@click.option("--devices", type=click.IntRange(60), default=10_000, show_default=True)
@click.option("--scale", type=click.FloatRange(1), default=200.0, show_default=True, help="Outage 1:SCALE.")
@click.option("--plot", "file", type=click.Path(path_type=Path), default=Path("run/bench/catchup.svg"))
def main(devices: int, scale: float, file: Path) -> None:
    """72 h without InfluxDB, scaled; then catching up under live load."""
    say = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=say, transient=True) as note, rig() as bench:
        run = CatchUp(bench, devices, scale, note)
        result = run.run()
    plot(run.samples, result, file)
    table = Table(title="72 h without InfluxDB, then catching up under live load")
    for name, value in result.items():
        table.add_row(name.replace("_", " "), str(value))
    table.add_row("plot", str(file))
    Console().print(table)
    missed = failures(result)
    for words in missed:
        say.print(f"[red]MISSED[/red]: {words}")
    if missed:
        say.print(f"again: make sweep-catchup ARGS='--devices {devices} --scale {scale:g}'")
    click.echo(json.dumps({"sweep": "catchup", **result, "missed": missed, "machine": machine()}))
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
