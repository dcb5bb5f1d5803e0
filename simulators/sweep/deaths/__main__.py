"""`python -m simulators.sweep.deaths`: every death many times, a table of what was named, one JSON object as
last line.

Exit 1 when a death's cause was named rightly in less than 95 % of its trials.
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

from simulators.sweep.deaths.trial import DEATHS, Outcome, Trial

_LEAST_PCT = 95
_SHOWN = 10


def _play(trial: Trial) -> Outcome:
    return trial.play()


@click.command()
@click.option("--each", type=click.IntRange(1), default=60, show_default=True, help="Trials of each death.")
@click.option("--seed", type=int, help="Default: drawn, and printed.")
@click.option("--death", type=click.Choice(DEATHS), help="This one alone.")
@click.option("--only", type=int, help="The trial of this number alone.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
def main(each: int, seed: int | None, death: str | None, only: int | None, jobs: int) -> None:
    """Kill a device in twelve ways at random instants; ask it afterwards what it died of."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    console = Console(stderr=True)
    again = f"make sweep-deaths ARGS='--each {each} --seed {seed}'"
    console.print(f"seed {seed}; the same again: {again}")
    numbers = range(each) if only is None else [only]
    trials = [Trial(seed, name, number) for number in numbers for name in ([death] if death else DEATHS)]
    outcomes: list[Outcome] = []
    with (
        Progress(
            TextColumn("deaths"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        ) as progress,
        ProcessPoolExecutor(jobs) as pool,
    ):
        task = progress.add_task("deaths", total=len(trials))
        for outcome in pool.map(_play, trials):
            if outcome.happened:
                outcomes.append(outcome)
            progress.advance(task)
    right_pct = {name: _right_pct([o for o in outcomes if o.death == name]) for name in DEATHS}
    right_pct = {name: right for name, right in right_pct.items() if right >= 0}
    _report(outcomes, right_pct, again)
    named = {name: dict(Counter(_name(o) for o in outcomes if o.death == name)) for name in right_pct}
    facts = {"seed": seed, "trials": len(trials), "deaths": len(outcomes), "whole_pct": _right_pct(outcomes)}
    click.echo(json.dumps({**facts, "right_pct": right_pct, "named": named}))
    sys.exit(1 if min(right_pct.values()) < _LEAST_PCT else 0)


def _right_pct(outcomes: list[Outcome]) -> float:
    """How many were named rightly; -1: there is none."""
    return round(100 * sum(o.right for o in outcomes) / len(outcomes), 1) if outcomes else -1


def _name(outcome: Outcome) -> str:
    if outcome.cause == outcome.box:
        return outcome.cause
    return f"{outcome.cause}; black box: {outcome.box}"


def _report(outcomes: list[Outcome], right_pct: dict[str, float], again: str) -> None:
    console = Console()
    table = Table(
        "death", "trials", "rightly named", "named as", title="Deaths of a device, and what it says of them"
    )
    for death, right in right_pct.items():
        here = [outcome for outcome in outcomes if outcome.death == death]
        names = Counter(_name(outcome) for outcome in here).most_common()
        table.add_row(
            death, str(len(here)), f"{right} %", ", ".join(f"{name} {count}" for name, count in names)
        )
    console.print(table)
    for outcome in [outcome for outcome in outcomes if not outcome.right][:_SHOWN]:
        where = f"{outcome.death}, a {outcome.unit}: {_name(outcome)}"
        console.print(
            where,
            f"\n  {again[:-1]} --death {outcome.death} --only {outcome.number}'",
            markup=False,
            soft_wrap=True,
        )


if __name__ == "__main__":
    main()
