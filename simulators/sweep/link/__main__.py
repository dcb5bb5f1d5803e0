"""`python -m simulators.sweep.link`: faults of every kind against the firmware's link, a table, one JSON
object as last line. Exit 1 when one was overcome too late, or never, or a record was lost.
"""

import json
import os
import random
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from simulators.sweep.link.faults import KINDS
from simulators.sweep.link.round import Outcome, Round, firmware

IN_A_ROUND = 12
_SHOWN = 20


def rounds(seed: int, faults: int) -> list[Round]:
    """At least `faults` faults, every kind as often as every other, in a random order."""
    rng = random.Random(seed)
    kinds: list[str] = []
    while len(kinds) < faults:
        kinds += rng.sample(list(KINDS), len(KINDS))
    return [
        Round(seed * 100_000 + n, kinds[at : at + IN_A_ROUND])
        for n, at in enumerate(range(0, len(kinds), IN_A_ROUND))
    ]


def _play(one: Round) -> Round:
    return one.play()


@click.command()
@click.option("--faults", type=click.IntRange(1), default=525, show_default=True, help="At least.")
@click.option("--seed", type=int, help="Default: drawn, and printed.")
@click.option("--only", type=int, help="This round alone.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
def main(faults: int, seed: int | None, only: int | None, jobs: int) -> None:
    """Play faults one after the other; measure how long the device takes to be back."""
    seed = random.SystemRandom().randrange(10_000) if seed is None else seed
    console = Console(stderr=True)
    again = f"make sweep-link ARGS='--faults {faults} --seed {seed}'"
    console.print(f"seed {seed}; the same again: {again}")
    plan = rounds(seed, faults)
    if only is not None:
        plan = plan[only : only + 1]
    firmware()
    done: list[tuple[int, Round]] = []
    with (
        Progress(
            TextColumn("faults"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        ) as progress,
        ProcessPoolExecutor(jobs) as pool,
    ):
        task = progress.add_task("faults", total=sum(len(one.kinds) for one in plan))
        for number, one in enumerate(pool.map(_play, plan), only or 0):
            done.append((number, one))
            progress.advance(task, len(one.kinds))
    misses = _report(done, again)
    outcomes = [outcome for _, one in done for outcome in one.outcomes]
    backs = [outcome.back_s for outcome in outcomes if outcome.back_s is not None]
    facts = {
        "seed": seed,
        "faults": len(outcomes),
        "wedged": sum(outcome.back_s is None for outcome in outcomes),
        "worst_back_s": max(backs, default=None),
        "misses": len(misses),
        "lost": sum(len(one.lost) for _, one in done),
    }
    click.echo(json.dumps(facts))
    sys.exit(1 if misses else 0)


def _worst(values: list[float]) -> str:
    return f"{max(values):,.1f}" if values else "–"


def _report(done: list[tuple[int, Round]], again: str) -> list[str]:
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for _, one in done:
        for outcome in one.outcomes:
            by_kind[outcome.fault.kind].append(outcome)
    table = Table(
        title="Faults of network and broker; seconds until the link saw it, and was back after its end"
    )
    for heading in ("fault", "times", "seen, worst", "at most", "back, middle", "worst", "at most", "misses"):
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for name, kind in KINDS.items():
        found = by_kind[name]
        if not found:
            continue
        backs = sorted(outcome.back_s for outcome in found if outcome.back_s is not None)
        table.add_row(
            name,
            str(len(found)),
            _worst([outcome.seen_s for outcome in found if outcome.seen_s is not None and kind.seen_s]),
            f"{kind.seen_s:g}" if kind.seen_s else "–",
            f"{backs[len(backs) // 2]:,.1f}" if backs else "–",
            _worst(backs),
            f"{max(outcome.fault.bound_s + outcome.every_s for outcome in found):,.0f}",
            str(sum(bool(outcome.miss) for outcome in found) or "–"),
        )
    console = Console(width=110)
    console.print(table)
    misses = []
    for number, one in done:
        told = [f"{outcome.fault}: {outcome.miss}" for outcome in one.outcomes if outcome.miss]
        told += [f"lost: {lost}" for lost in one.lost]
        misses += [f"{miss}\n  {again[:-1]} --only {number}'" for miss in told]
    for miss in misses[:_SHOWN]:
        console.print(miss, markup=False, soft_wrap=True)
    return misses


if __name__ == "__main__":
    main()
