"""`make bench-latency`: from publish to `down/ack` ("it is on disk") at half the highest rate.

First the highest rate: the fleet in a closed loop, as fast as `down/ack` frees its records, the gateway
whole and InfluxDB beside it. Then half of that at a steady rate. Both delays are measured at the device: to
the broker's PUBACK, and to the `down/ack` that covers the message, which the gateway sends after the
journal's commit: so the commit lies between the two.
"""

import json
from dataclasses import replace
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from simulators.bench.load import FleetRun, highest_rate, running
from simulators.bench.machine import machine
from simulators.bench.rig import Rig, rig
from simulators.fleet import Options

P99_MS = 50.0


def measure(bench: Rig, fleet: Options, seconds: float) -> dict[str, Any]:
    """The highest rate, then the delays at half of it."""
    name = f"latency-{fleet.records}"
    store = bench.store(name, bench.bucket(name), fleet)
    with running(bench, store) as gateway:
        highest = highest_rate(bench, gateway, fleet, seconds, f"{name}-highest")
        # The same devices go on in new logs: another seed, another log id.
        half = replace(fleet, seed=fleet.seed + 1, rate=highest["messages_per_s"] / 2)
        run = FleetRun(bench, half, f"{name}-half", "--seconds", str(seconds), "--warmup", "3")
        done = run.result(seconds + fleet.drain_s + 60)
    return {
        "records": fleet.records,
        "highest": highest,
        "half_messages_per_s": round(half.rate or 0, 1),
        "made_per_s": round(done["made"] / done["seconds"]),
        "freed_per_s": round(done["freed"] / (done["seconds"] + done["drain_seconds"])),
        "puback": done["puback_delay"],
        "ack": done["ack_delay"],
        "drained": done["drained"],
    }


@click.command()
@click.option("--seconds", type=click.FloatRange(min=5), default=30.0, show_default=True, help="Of each run.")
@click.option("--records", "sizes", default="1,10", show_default=True)
@click.option("--devices", type=int, default=1000, show_default=True)
def main(seconds: float, sizes: str, devices: int) -> None:
    """Delays from publish to acknowledgement at half the highest rate."""
    say = Console(stderr=True)
    found = []
    with say.status("") as status:
        for records in map(int, sizes.split(",")):
            status.update(f"{records} records a message: highest rate, then half of it")
            with rig() as bench:  # of its own: a broker keeps for ever what a gateway that has gone would get
                found.append(measure(bench, Options(devices=devices, records=records, window=2), seconds))
    table = Table(title="From publish to acknowledgement at half the highest rate, ms")
    for column in ("records a message", "highest, messages/s", "half", "", "p50", "p99", "max"):
        table.add_column(column)
    for one in found:
        for what, label in (("puback", "PUBACK (broker)"), ("ack", "down/ack (on disk)")):
            delay = one[what]
            table.add_row(
                *(str(one["records"]), f"{one['highest']['messages_per_s']:,.0f}"),
                *(f"{one['half_messages_per_s']:,.0f}", label),
                *(str(delay[key]) for key in ("p50_ms", "p99_ms", "max_ms")),
            )
    Console(width=120).print(table)
    holds = all(one["drained"] and (one["ack"]["p99_ms"] or 1e9) <= P99_MS for one in found)
    click.echo(json.dumps({"bench": "latency", **machine(), "runs": found, "holds": holds}))
    if not holds:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
