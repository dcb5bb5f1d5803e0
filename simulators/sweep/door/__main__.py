"""`python -m simulators.sweep.door`: rounds of visits with mischief, a table, one JSON object as last line.

Exit 1 when anything was paid that did not happen, or happened and is not recorded, or no state is known.
"""

import json
import os
import random
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from simulators.sweep.door.judge import Verdict
from simulators.sweep.door.round import Round

_SHOWN = 20


def _play(one: Round) -> tuple[Round, Verdict]:
    return one, one.play()


@click.command()
@click.option("--sessions", type=click.IntRange(1), default=10_000, show_default=True, help="At least.")
@click.option("--days", type=float, default=3.0, show_default=True, help="Virtual days of a round.")
@click.option("--seed", type=int, help="Default: drawn, and printed.")
@click.option("--only", type=int, help="This round alone.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
def main(sessions: int, days: float, seed: int | None, only: int | None, jobs: int) -> None:
    """Play visits at a bin where everything goes wrong; hold what was recorded against what happened."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    console = Console(stderr=True)
    again = f"make sweep-door ARGS='--sessions {sessions} --days {days:g} --seed {seed}'"
    console.print(f"seed {seed}; the same again: {again}")
    counts: Counter[str] = Counter()
    findings: list[tuple[int, str, str]] = []
    number = only if only is not None else 0
    with (
        Progress(
            TextColumn("sessions"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        ) as progress,
        ProcessPoolExecutor(jobs) as pool,
    ):
        task = progress.add_task("sessions", total=sessions)
        while counts["sessions"] < sessions:
            batch = [Round(seed, number + k, days) for k in range(1 if only is not None else jobs)]
            number += len(batch)
            for one, verdict in pool.map(_play, batch):
                counts.update(verdict.counts)
                counts["rounds"] += 1
                findings += [(one.number, kind, detail) for kind, detail in verdict.findings]
            progress.update(task, completed=min(counts["sessions"], sessions))
            if only is not None:
                break
    _report(counts, findings, again)
    facts = {"seed": seed, "counts": dict(counts), "findings": Counter(kind for _, kind, _ in findings)}
    click.echo(json.dumps(facts))
    sys.exit(1 if findings else 0)


def _report(counts: Counter[str], findings: list[tuple[int, str, str]], again: str) -> None:
    console = Console()
    table = Table("what", "how often", title="Visits at a bin's doors where everything goes wrong")
    for name, count in sorted(counts.items()):
        table.add_row(name, f"{count:,}")
    console.print(table)
    for number, kind, detail in findings[:_SHOWN]:
        console.print(f"{kind}: {detail}\n  {again[:-1]} --only {number}'", markup=False, soft_wrap=True)
    found = f"{len(findings)} findings" if findings else "nothing paid that did not happen, nothing missing"
    console.print(f"{counts['sessions']:,} sessions, {counts['cut']:,} power cuts: {found}", markup=False)


if __name__ == "__main__":
    main()
