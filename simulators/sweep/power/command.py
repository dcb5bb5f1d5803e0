"""The sweep as a command: rounds on all cores, a table, one JSON object as last line; exit 1 on any finding.

A round that fails is made small, saved, and named with the command that plays it again.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from simulators.sweep.door.judge import Verdict
from simulators.sweep.power.plan import Plan, draw
from simulators.sweep.power.round import MakeStore, play
from simulators.sweep.power.shrink import MOST_TRIES, shrink

SAVED = Path("run/sweep-power")
_SHOWN = 20


def _played(plan: Plan, make: MakeStore) -> tuple[Plan, Verdict]:
    return plan, play(plan, make)


def _rounds(pool: ProcessPoolExecutor, jobs: int, seed: int, boots: int, make: MakeStore) -> Iterator[Future]:  # type: ignore[type-arg]
    """Round after round, `jobs` at a time, for ever."""
    number = 0
    running: set[Future[tuple[Plan, Verdict]]] = set()
    while True:
        while len(running) < jobs:
            running.add(pool.submit(_played, draw(seed, number, boots), make))
            number += 1
        done, running = wait(running, return_when=FIRST_COMPLETED)
        yield from done


def sweep(make: MakeStore) -> click.Command:
    """The command, with gateways from `make`."""

    @click.command()
    @click.option("--points", type=click.IntRange(1), default=10_000, show_default=True, help="At least.")
    @click.option("--boots", type=click.IntRange(1), default=120, show_default=True, help="Of a round.")
    @click.option("--seed", type=int, help="Default: drawn, and printed.")
    @click.option("--only", type=int, help="This round alone.")
    @click.option(
        "--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A saved one."
    )
    @click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
    @click.option("--tries", type=click.IntRange(0), default=MOST_TRIES, show_default=True, help="To shrink.")
    def main(
        points: int,
        boots: int,
        seed: int | None,
        only: int | None,
        replay: Path | None,
        jobs: int,
        tries: int,
    ) -> None:
        """Cut the power at flash operations of a bin at a rude broker; count what the journal has."""
        console = Console(stderr=True)
        seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
        began_s = time.monotonic()
        counts: Counter[str] = Counter()
        failed: list[tuple[Plan, Verdict]] = []
        if replay is not None or only is not None:
            plan = Plan.load(replay) if replay is not None else draw(seed, only or 0, boots)
            seed = plan.seed
            verdict = play(plan, make)
            counts.update(verdict.counts)
            counts["rounds"] += 1
            failed += [(plan, verdict)] if verdict.findings else []
        else:
            console.print(
                f"seed {seed}: make sweep-power ARGS='--points {points} --boots {boots} --seed {seed}'"
            )
            with _progress(console) as progress, ProcessPoolExecutor(jobs) as pool:
                task = progress.add_task("power cuts", total=points)
                for future in _rounds(pool, jobs, seed, boots, make):
                    plan, verdict = future.result()
                    counts.update(verdict.counts)
                    counts["rounds"] += 1
                    failed += [(plan, verdict)] if verdict.findings else []
                    progress.update(task, completed=min(counts["points"], points))
                    if counts["points"] >= points:
                        break
                pool.shutdown(cancel_futures=True)
        _report(console, counts, failed)
        saved = [_save(console, plan, verdict, make, tries) for plan, verdict in failed[:3]] if tries else []
        kinds = Counter(kind for _, verdict in failed for kind, _ in verdict.findings)
        seconds = round(time.monotonic() - began_s, 1)
        facts = {"sweep": "power", "seed": seed, "points": counts["points"], "seconds": seconds}
        click.echo(json.dumps({**facts, "findings": kinds, "saved": saved, "counts": dict(counts)}))
        sys.exit(1 if failed else 0)

    return main


def _progress(console: Console) -> Progress:
    columns = TextColumn("power cuts"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, console=console)


def _report(console: Console, counts: Counter[str], failed: list[tuple[Plan, Verdict]]) -> None:
    table = Table("what", "how often", title="Power cuts at flash operations, at a broker that misbehaves")
    for name, count in sorted(counts.items()):
        table.add_row(name, f"{count:,}")
    console.print(table)
    shown = [(plan, kind, detail) for plan, verdict in failed for kind, detail in verdict.findings][:_SHOWN]
    for plan, kind, detail in shown:
        console.print(f"round {plan.name}: {kind}: {detail[:600]}", markup=False, soft_wrap=True)
    found = f"{len(failed)} rounds with findings" if failed else "0 lost, 0 doubled, 0 altered"
    console.print(f"{counts['points']:,} cuts, {counts['records']:,} records in the journal: {found}")


def _save(console: Console, plan: Plan, verdict: Verdict, make: MakeStore, tries: int) -> str:
    """Make a failing plan small, save it, say how to play it again."""
    kinds = {kind for kind, _ in verdict.findings}
    small = shrink(plan, partial(_fails, make=make, kinds=kinds), tries)
    path = SAVED / f"{plan.seed}-{plan.number}.json"
    small.save(path)
    console.print(
        f"round {plan.name}: {len(plan.cuts)} cuts made {len(small.cuts)}, {len(plan.rude)} rude connections"
        f" {len(small.rude)}; again: make sweep-power ARGS='--replay {path}'",
        markup=False,
        soft_wrap=True,
    )
    return str(path)


def _fails(plan: Plan, make: MakeStore, kinds: set[str]) -> bool:
    return bool({kind for kind, _ in play(plan, make).findings} & kinds)
