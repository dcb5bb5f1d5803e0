"""`make bench-flood`: what one device that publishes without measure leaves to the others.

The others send at a steady rate, half of the highest. Once alone, then beside a device that floods with new
valid records, with one message for ever, or with garbage, on a connection of its own and as fast as the
broker confirms. What counts is what `down/ack` frees for the others, and how late.
"""

import json
from dataclasses import replace
from typing import Any, get_args

import click
from rich.console import Console
from rich.table import Table

from simulators.bench.load import FleetRun, highest_rate, running
from simulators.bench.machine import machine
from simulators.bench.rig import Rig, Store, rig
from simulators.fleet import Flood, Options
from simulators.fleet.options import FloodKind

LEFT = 0.9
WARMUP_S = 3.0


def alone_or_not(
    bench: Rig, others: Options, seconds: float, kind: FloodKind | None, seed: int
) -> dict[str, Any]:
    """One run of the others, beside a flood or not."""
    name = kind or "alone"
    mine = replace(others, seed=seed, drain_s=10.0)
    flood = None
    if kind:
        wild = Options(
            prefix="wild", seed=seed, devices=1, rate=0.001, records=others.records, flood=Flood(kind)
        )
        flood = FleetRun(bench, wild, f"flood-{name}-wild", "--seconds", str(seconds + 4), "--drain", "0")
    run = FleetRun(bench, mine, f"flood-{name}", "--seconds", str(seconds), "--warmup", str(WARMUP_S))
    done = run.result(seconds + 60)
    sent = flood.result(60)["flood_messages"] if flood else 0
    return {
        "flood": name,
        # what was freed while the flood lasted: the drain after it does not count
        "freed_per_s": round(done["freed_while_making"] / done["seconds"], 1),
        "ack": done["ack_delay"],
        "drained": done["drained"],
        "flood_messages_per_s": round(sent / (seconds + 4)),
    }


def measure(bench: Rig, store: Store, others: Options, seconds: float) -> list[dict[str, Any]]:
    """All runs on one gateway."""
    with running(bench, store) as gateway:
        highest = highest_rate(bench, gateway, others, seconds, "flood-highest")
        steady = replace(others, rate=highest["messages_per_s"] / 2)
        kinds: list[FloodKind | None] = [None, *get_args(FloodKind)]
        return [
            alone_or_not(bench, steady, seconds, kind, others.seed + 1 + number)
            for number, kind in enumerate(kinds)
        ]


@click.command()
@click.option("--seconds", type=click.FloatRange(min=5), default=20.0, show_default=True, help="Of each run.")
@click.option("--records", type=int, default=10, show_default=True)
@click.option("--devices", type=int, default=500, show_default=True)
def main(seconds: float, records: int, devices: int) -> None:
    """What a flood from one device leaves to the others."""
    others = Options(devices=devices, records=records, window=2)
    with rig() as bench, Console(stderr=True).status("others alone, then beside each kind of flood"):
        also = Options(prefix="wild", devices=1)
        store = bench.store("flood", bench.bucket("flood"), others, also=(also,))
        runs = measure(bench, store, others, seconds)
    alone = runs[0]
    table = Table(title=f"Others: {devices} devices at half the highest rate")
    for column in ("beside", "flood, messages/s", "freed, records/s", "left", "p50, ms", "p99, ms"):
        table.add_column(column)
    for one in runs:
        one["left"] = round(one["freed_per_s"] / alone["freed_per_s"], 3) if alone["freed_per_s"] else 0.0
        table.add_row(
            *(one["flood"], f"{one['flood_messages_per_s']:,}", f"{one['freed_per_s']:,.0f}"),
            *(f"{one['left']:.1%}", str(one["ack"]["p50_ms"]), str(one["ack"]["p99_ms"])),
        )
    Console(width=120).print(table)
    holds = all(one["left"] >= LEFT for one in runs)
    click.echo(json.dumps({"bench": "flood", **machine(), "runs": runs, "holds": holds}))
    if not holds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
