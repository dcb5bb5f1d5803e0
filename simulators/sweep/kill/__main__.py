"""`python -m simulators.sweep.kill`: rounds of killing, a table, and one JSON object as the last line.

Exit 1 when anything was lost, doubled, altered, or did not work again.
"""

import json
import math
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from simulators.servers.broker import Kind
from simulators.servers.errors import ServerError
from simulators.sweep.kill.plan import What
from simulators.sweep.kill.round import Result, Round, run
from simulators.sweep.kill.stand import StandError


@click.command()
@click.option("--kills", type=click.IntRange(1), default=320, show_default=True, help="In all.")
@click.option("--rounds", type=click.IntRange(1), default=8, show_default=True, help="Each starts empty.")
@click.option("--broker", type=click.Choice([*get_args(Kind), "both"]), default="both", show_default=True)
@click.option("--seed", type=int, help="Default: drawn, and printed.")
@click.option("--only", type=int, help="This round alone.")
@click.option("--restores/--no-restores", default=True, help="Back up and restore in the middle, too.")
@click.option("--within", type=float, default=10.0, show_default=True, help="Seconds to work again.")
@click.option("--keep", is_flag=True, help="Keep the files of each round; those of a failed one always stay.")
def main(
    kills: int,
    rounds: int,
    broker: str,
    seed: int | None,
    only: int | None,
    restores: bool,
    within: float,
    keep: bool,
) -> None:
    """Kill everything at random instants under load, and count afterwards."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    options = f"--kills {kills} --rounds {rounds} --broker {broker} --seed {seed}"
    options += "" if restores else " --no-restores"
    planned = [one for one in _rounds(kills, rounds, broker, seed, restores) if only in (None, one.number)]
    console = Console(stderr=True)
    console.print(f"seed {seed}; the same again: make sweep-kill ARGS='{options}'")
    results: list[Result] = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task("", total=sum(len(one.plan()) for one in planned))
        for one in planned:
            directory = Path(tempfile.mkdtemp(prefix=f"huishou-sweep-{one.number}-"))
            label = f"round {one.number} ({one.broker})"
            try:
                say = partial(_show, bar, task, label)
                result = run(one, directory, say, partial(bar.advance, task))
            except (StandError, ServerError) as error:
                result = Result(one, problems=[f"[{error.code}] {error}"])
            result.problems += _late(result, within)
            results.append(result)
            _say(console, result, directory, options)
            if not (result.problems or keep):
                shutil.rmtree(directory)
    console.print(_table(results))
    summary = _summary(results, seed, options)
    click.echo(json.dumps(summary))
    sys.exit(0 if summary["ok"] else 1)


def _show(bar: Progress, task: TaskID, label: str, text: str) -> None:
    bar.update(task, description=f"{label}: {text}")


def _rounds(kills: int, rounds: int, broker: str, seed: int, restores: bool) -> list[Round]:
    """The brokers in turn; every other pair of rounds has restores in it."""
    kinds = get_args(Kind) if broker == "both" else (broker,)
    cycle = ((), (What.RESTORE, What.ROLLBACK)) if restores else ((),)
    return [
        Round(
            seed,
            number,
            kinds[number % len(kinds)],
            kills // rounds + (number < kills % rounds),
            cycle[number // len(kinds) % len(cycle)],
        )
        for number in range(rounds)
    ]


def _late(result: Result, within_s: float) -> list[str]:
    return [
        f"{name}: {who} worked again only after {max(seconds):.1f} s (allowed: {within_s:g} s)"
        for who, measured in (("intake", result.ready_s), ("the writer", result.written_s))
        for name, seconds in measured.items()
        if max(seconds) > within_s
    ]


def _say(console: Console, result: Result, directory: Path, options: str) -> None:
    round_, records = result.round, result.records
    head = f"round {round_.number} ({round_.broker}), {result.kills} kills, {result.took_s:.0f} s"
    if not result.problems:
        console.print(f"{head}: {records['fleet']} records, three equal ledgers")
        return
    console.print(f"{head}: [bold red]{len(result.problems)} problems[/]", *result.problems, sep="\n  ")
    console.print(f"  files: {directory}\n  again: make sweep-kill ARGS='{options} --only {round_.number}'")


def _table(results: list[Result]) -> Table:
    table = Table(title="seconds until all works again")
    for heading in ("what", "times", "intake p50", "p99", "max", "writer p50", "p99", "max"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    ready, written = _merged(results)
    for name in sorted(ready):
        cells = [name, str(len(ready[name])), *_cells(ready[name]), *_cells(written.get(name, []))]
        table.add_row(*cells)
    every = [seconds for measured in ready.values() for seconds in measured]
    every_written = [seconds for measured in written.values() for seconds in measured]
    table.add_section()
    table.add_row("all", str(len(every)), *_cells(every), *_cells(every_written))
    return table


def _merged(results: list[Result]) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    ready: dict[str, list[float]] = defaultdict(list)
    written: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for into, measured in ((ready, result.ready_s), (written, result.written_s)):
            for name, seconds in measured.items():
                into[name] += seconds
    return ready, written


def _cells(seconds: list[float]) -> list[str]:
    return [f"{value:.2f}" for value in _quantiles(seconds).values()] if seconds else ["", "", ""]


def _quantiles(seconds: list[float]) -> dict[str, float]:
    """Nearest rank."""
    ordered = sorted(seconds)
    if not ordered:
        return {}
    ranks = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[math.ceil(len(ordered) * rank) - 1], 3) for name, rank in ranks.items()}


def _summary(results: list[Result], seed: int, options: str) -> dict[str, Any]:
    ready, written = _merged(results)
    records: dict[str, int] = defaultdict(int)
    differences: dict[str, int] = defaultdict(int)
    for result in results:
        for name, value in result.records.items():
            records[name] += value
        for difference in result.comparison.differences:
            differences[difference.what] += 1
    return {
        "sweep": "kill",
        "seed": seed,
        "again": f"make sweep-kill ARGS='{options}'",
        "ok": all(not result.problems for result in results) and bool(results),
        "kills": sum(result.kills for result in results),
        "kills_by_broker": {
            kind: sum(result.kills for result in results if result.round.broker == kind)
            for kind in get_args(Kind)
        },
        "rounds": len(results),
        "seconds": round(sum(result.took_s for result in results), 1),
        "records": dict(records),
        "lost": differences["missing"],
        "doubled": differences["doubled"],
        "altered": differences["altered"],
        "unexpected": differences["unexpected"],
        "ready_s": _quantiles([s for measured in ready.values() for s in measured]),
        "writer_ready_s": _quantiles([s for measured in written.values() for s in measured]),
        "problems": [problem for result in results for problem in result.problems],
    }


if __name__ == "__main__":
    main()
