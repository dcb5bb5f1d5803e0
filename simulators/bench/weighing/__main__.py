"""`make bench-weighing`: run the bench, print its tables and, last, one JSON object; exit 1 on any miss."""

import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from simulators.bench.machine import machine
from simulators.bench.weighing.campaign import PARTS, SMALL, Results, Sizes, run
from simulators.bench.weighing.plot import plot
from simulators.bench.weighing.verification import LOADS_E, TEMPERATURES_C, greatest, mpe_e


def _verification(results: Results) -> Table:
    table = Table(title="Greatest error at verification in e (OIML R 76-1, class III), by load in e")
    table.add_column("°C", justify="right", no_wrap=True)
    for load_e in LOADS_E:
        table.add_column(str(load_e), justify="right", no_wrap=True)
    found = greatest(results.points)
    for temp_c in TEMPERATURES_C:
        table.add_row(str(temp_c), *(f"{found[temp_c, load]:+.2f}" for load in LOADS_E))
    table.add_row("mpe", *(f"±{mpe_e(load):.1f}" for load in LOADS_E), style="dim")
    return table


def _faults(results: Results) -> Table:
    table = Table(title="Faults injected at random instants")
    for column in ("fault", "where", "injected", "found", "cleared", "median", "longest"):
        table.add_column(column, justify="left" if column in ("fault", "where") else "right")
    for f in sorted(results.faults, key=lambda f: (f.fault.slow, f.fault.knob, f.where)):
        median, longest = f.minutes()
        counts = (str(f.injected), str(len(f.after_ms)), str(f.cleared))
        table.add_row(f.fault.knob, f.where, *counts, _duration(median), _duration(longest))
    return table


def _duration(minutes: float) -> str:
    if minutes < 100:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 2_880 else f"{minutes / 1_440:.1f} d"


def _visits(results: Results) -> Table:
    table = Table(title="Visits that are no plain deposit")
    for column in ("what", "right", "refused", "wrong", "refused as"):
        table.add_column(column, justify="right" if column in ("right", "refused", "wrong") else "left")
    for name, told in results.told.items():
        refused = sum(told.refused.values())
        why = ", ".join(f"{code} {n}" for code, n in told.refused.most_common(3))
        table.add_row(name, str(told.right), str(refused), str(len(told.wrong)), why)
    return table


def facts(results: Results) -> dict[str, object]:
    """The numbers that are asked for."""
    d = results.deposits
    all_visits = len(d.errors) + sum(d.refused.values()) + d.wrong
    return {
        "deposits": len(d.errors),
        "within_1e": round(d.within(1), 5),
        "within_2e": round(d.within(2), 5),
        "refused": round(sum(d.refused.values()) / max(all_visits, 1), 5),
        "verified": len(results.points),
        "beyond_r76": sum(not p.within for p in results.points),
        "faults_injected": sum(f.injected for f in results.faults),
        "faults_missed": sum(len(f.missed) for f in results.faults),
        "found_after_min": {
            f"{f.fault.knob} ({f.where})": [round(m, 1) for m in f.minutes()] for f in results.faults
        },
        "device_years": round(results.days / 365, 2),
        "false_alarms": results.false_alarms,
        "power_cuts": results.cuts.cuts,
        "torn_writes": results.cuts.torn,
        "zero_moved_e": round(results.cuts.moved_e, 3),
    }


@click.command()
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@click.option("--small", is_flag=True, help="What a test can afford, instead of the whole.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="These only; all by default.")
@click.option("--plot", "file", type=click.Path(path_type=Path), default=Path("run/bench/weighing.svg"))
def main(seed: int, jobs: int, small: bool, parts: tuple[str, ...], file: Path) -> None:
    """The firmware's weighing against simulated load cells, weather, people, faults and power cuts."""
    say, out = Console(stderr=True), Console()
    before = machine()
    sizes = SMALL if small else Sizes()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=say, transient=True) as progress:
        bar = progress.add_task("begins", total=None)

        def told(part: str, done: int, of: int) -> None:
            progress.update(bar, description=f"{part} ({done} of {of})", completed=done, total=of)

        results = run(seed, sizes, jobs, told, parts or PARTS)
    if results.points:
        out.print(_verification(results))
    if results.told:
        out.print(_visits(results))
    if results.faults:
        out.print(_faults(results))
    if results.points and results.deposits.errors:
        plot(results.points, results.deposits, file)
    summary = Table(title="Asked for", show_header=False)
    for name, value in facts(results).items():
        if isinstance(value, dict):
            continue  # it has a table
        summary.add_row(name.replace("_", " "), str(value))
    for code, count in results.deposits.refused.most_common():
        summary.add_row(f"refused as {code}", str(count))
    summary.add_row("plot", str(file))
    out.print(summary)
    missed = results.missed(sizes)
    for words in missed:
        say.print(f"[red]MISSED[/red]: {words}")
    if missed:
        again = [f"--seed {seed}", *(["--small"] if small else []), *(f"--part {part}" for part in parts)]
        say.print(f"again: make bench-weighing ARGS='{' '.join(again)}'")
    click.echo(json.dumps({"bench": "weighing", "seed": seed, **facts(results), "missed": missed, **before}))
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main()
