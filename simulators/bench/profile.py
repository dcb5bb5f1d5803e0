"""`make profile-intake`: where the gateway's microseconds go while it drains a backlog.

py-spy looks at the running process 200 times a second, from outside; each look at a thread that works
counts for the innermost function of the gateway on its stack (what C code does, such as SQLite's or
msgspec's, counts for the line that called it). The looks are scaled to the process's CPU time per reading.
"""

import asyncio
import json
import shutil
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from simulators.bench.contestants import drop_session, keep_session
from simulators.bench.intake import INFLIGHT, SILENT_S, backlog
from simulators.bench.machine import machine
from simulators.bench.rig import Rig, rig
from simulators.bench.watch import use
from simulators.fleet import Fleet
from simulators.servers.process import Child, wait_until

LOOKS_HZ = 200
TOP = 12


def by_function(folded: str) -> Counter[tuple[str, str]]:
    """Looks by (file, function) from py-spy's raw stacks: the innermost frame of the gateway. Pure."""
    looks: Counter[tuple[str, str]] = Counter()
    for line in folded.splitlines():
        stack, _, count = line.rpartition(" ")
        if not count.isdigit():
            continue
        looks[_owner(stack.split(";"))] += int(count)
    return looks


def _owner(frames: list[str]) -> tuple[str, str]:
    """`function (file:line)` outermost first."""
    for frame in reversed(frames):
        name, _, place = frame.partition(" (")
        file = place.rpartition(":")[0] or place.rstrip(")")
        at = file.find("gateway/")
        if at >= 0:
            return ("(start)", "imports") if name == "<module>" else (file[at:], name)
    if any("importlib" in frame for frame in frames):
        return "(start)", "imports"
    return "(other)", frames[-1].partition(" (")[0]


def drain(bench: Rig, process: str, records: int, readings: int) -> dict[str, Any]:
    """Profile one process over one backlog; the other one does its part unwatched, before or beside it."""
    fleet = backlog(bench, records, readings // records, seed=1)
    name = f"profile-{process}-{records}"
    access = bench.bucket(name)
    store = bench.store(name, access, fleet)
    keep_session(bench, store.client)
    asyncio.run(Fleet(fleet).run())
    before = bench.points()[0]
    if process == "writer":  # its backlog is a full journal
        intake = bench.gateway(store, "intake")
        _idle(intake)
        intake.stop()
    child = bench.gateway(store, process)
    out = bench.directory / f"{name}.folded"
    watcher = _watch(bench, child, out)
    if process == "writer":
        done = wait_until(lambda: bench.points()[0] - before >= readings, 10 * SILENT_S, 0.2)
    else:
        done = _idle(child)
    cpu_s = use(child.pid).cpu_s
    child.stop()
    watcher.wait(20)
    drop_session(bench, store.client)
    if not done or not out.is_file():
        raise click.ClickException(f"not profiled: {child.last_words()}\n{watcher.last_words()}")
    looks = by_function(out.read_text())
    total = sum(looks.values())
    cpu_us = 1e6 * cpu_s / readings
    return {
        "process": process,
        "records": records,
        "cpu_us": round(cpu_us, 2),
        "looks": total,
        "functions": [
            {"file": file, "function": function, "us": round(cpu_us * count / total, 2)}
            for (file, function), count in looks.most_common(TOP)
        ],
        "files": _files(looks, cpu_us / total),
    }


def _files(looks: Counter[tuple[str, str]], us_a_look: float) -> dict[str, float]:
    files: Counter[str] = Counter()
    for (file, _), count in looks.items():
        files[file] += count
    return {file: round(us_a_look * count, 2) for file, count in files.most_common()}


def _watch(bench: Rig, child: Child, out: Path) -> Child:
    spy = shutil.which("py-spy") or str(Path(sys.executable).with_name("py-spy"))
    argv = [spy, "record", "--pid", str(child.pid), "--format", "raw", "--output", str(out)]
    argv += ["--rate", str(LOOKS_HZ), "--duration", "600", "--nonblocking"]
    return bench.children.start("py-spy", argv, log=out.with_suffix(".log"))


def _idle(child: Child, after_s: float = 3.0) -> bool:
    """Wait until a process that has worked works no more; whether it still lives."""
    began_s = time.monotonic()
    last = use(child.pid).cpu_s
    quiet = 0
    while child.running and quiet < 2 and time.monotonic() - began_s < 10 * SILENT_S:
        time.sleep(0.5)
        now = use(child.pid).cpu_s
        quiet = quiet + 1 if now - last < 0.03 and time.monotonic() - began_s > after_s else 0
        last = now
    return child.running


@click.command()
@click.option(
    "--readings", type=int, default=300_000, show_default=True, help="At 10 a message; at 1: a third."
)
@click.option("--processes", default="intake,writer", show_default=True)
@click.option("--records", "sizes", default="10,1", show_default=True)
def main(readings: int, processes: str, sizes: str) -> None:
    """Where the microseconds of intake and writer go."""
    found = []
    with rig(inflight=INFLIGHT) as bench:
        for process in processes.split(","):
            found += [
                drain(bench, process, records, readings if records > 1 else readings // 3)
                for records in map(int, sizes.split(","))
            ]
    for one in found:
        title = f"{one['process']}, {one['records']} a message: {one['cpu_us']} µs a reading"
        table = Table(title=title)
        for column in ("µs a reading", "share", "function", "file"):
            table.add_column(column)
        for function in one["functions"]:
            share = function["us"] / one["cpu_us"] if one["cpu_us"] else 0
            table.add_row(str(function["us"]), f"{share:.0%}", function["function"], function["file"])
        Console(width=120).print(table)
    click.echo(json.dumps({"bench": "profile", **machine(), "profiles": found}))


if __name__ == "__main__":
    main()
