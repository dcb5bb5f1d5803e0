"""Fuzz every target: `python -m tests.fuzz.campaign`. A table for people; as last line one JSON object.

Each target runs in processes of its own, with bounds on time an input and on memory. An input that broke an
invariant is kept in tests/fuzz/corpus, where the tests replay it for ever; the campaign goes on without it.
Exit 1 when there was any. What inputs reached new code is remembered between runs (`--memory`).
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.fuzz.replay import CORPUS, all_targets, group_of
from tests.fuzz.target import Target

RSS_MB = 700
START_S = 60.0  # on top of a run's own time: importing, instrumenting, reading the corpus
MOST_FINDINGS = 5  # of one target, then it has had enough
_COVERAGE = re.compile(r"cov: (\d+) ft: (\d+)")
_RUNS = re.compile(r"stat::number_of_executed_units: (\d+)")
_RSS = re.compile(r"stat::peak_rss_mb: +(\d+)")
_BROKEN = re.compile(r"^(?: === Uncaught Python exception: ===\n(.+)|(==\d+== ERROR: .+))$", re.MULTILINE)


@dataclass
class Outcome:
    """What came of one target."""

    target: Target
    executions: int = 0
    seconds: float = 0.0
    coverage: int = 0
    features: int = 0
    rss_mb: int = 0
    findings: list[str] = field(default_factory=list)


@click.command()
@click.option("--seconds", type=float, default=660.0, show_default=True, help="CPU seconds, all targets.")
@click.option("--target", "names", multiple=True, help="These alone.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="At the same time.")
@click.option(
    "--memory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("~/.cache/huishou/fuzz").expanduser(),
    show_default="~/.cache/huishou/fuzz",
    help="Inputs that reached something new, kept for the next run.",
)
def main(seconds: float, names: tuple[str, ...], jobs: int, memory: Path) -> None:
    """Feed every decoder with bad bytes, guided by coverage."""
    targets = [one for one in all_targets() if not names or one.name in names]
    if unknown := set(names) - {one.name for one in targets}:
        raise click.BadParameter(f"no target {', '.join(sorted(unknown))}", param_hint="--target")
    share = seconds / sum(one.weight for one in targets)
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as bar, ThreadPoolExecutor(jobs) as pool:
        task = bar.add_task("fuzzing", total=len(targets))

        def one(target: Target) -> Outcome:
            outcome = fuzz(target, share * target.weight, memory / target.name)
            bar.advance(task)
            return outcome

        # the long ones first, so that the last second is not one job's alone
        outcomes = list(pool.map(one, sorted(targets, key=lambda target: -target.weight)))
    console.print(_table(outcomes))
    for outcome in outcomes:
        for finding in outcome.findings:
            console.print(f"[bold red]{outcome.target.name}[/]: {finding}")
    summary = _summary(outcomes)
    click.echo(json.dumps(summary))
    sys.exit(1 if summary["findings"] else 0)


def fuzz(target: Target, seconds: float, memory: Path) -> Outcome:
    """Run a target for so long, again after each finding."""
    outcome = Outcome(target)
    memory.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (memory / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    with tempfile.TemporaryDirectory(prefix="huishou-fuzz-") as folder:
        words = Path(folder) / "words"
        words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
        left = seconds
        while left > 1 and len(outcome.findings) < MOST_FINDINGS:
            began = time.monotonic()
            _run(target, left, memory, Path(folder), words, outcome)
            took = time.monotonic() - began
            outcome.seconds += took
            left -= took
    return outcome


def _run(target: Target, seconds: float, memory: Path, folder: Path, words: Path, outcome: Outcome) -> None:
    """One process, until its time is over or something broke."""
    command = [sys.executable, "-m", "tests.fuzz.engine", group_of(target), target.name]
    command += [f"-max_total_time={max(1, int(seconds))}", f"-rss_limit_mb={RSS_MB}", "-print_final_stats=1"]
    command += [f"-artifact_prefix={folder}/", str(memory)]
    command += [f"-dict={words}"] if target.words else []  # an empty one is an error to libFuzzer
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds + START_S, check=False
        )
        output, code = done.stdout.decode("utf-8", "replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        output = (late.stdout or b"").decode("utf-8", "replace")
        code = -1
    for found in _COVERAGE.finditer(output):
        outcome.coverage = max(outcome.coverage, int(found[1]))
        outcome.features = max(outcome.features, int(found[2]))
    outcome.executions += sum(int(found[1]) for found in _RUNS.finditer(output))
    outcome.rss_mb = max([outcome.rss_mb, *(int(found[1]) for found in _RSS.finditer(output))])
    if code == 0:
        return
    broken = _BROKEN.search(output)
    words_of = (broken[1] or broken[2]) if broken else output[-400:]
    kept = [_keep(target, file) for file in folder.glob("*-*")]
    outcome.findings.append(f"{words_of} ({', '.join(kept) or f'no input kept; exit {code}'})")


def _escaped(word: bytes) -> str:
    """As libFuzzer's dictionaries want it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


def _keep(target: Target, artifact: Path) -> str:
    """Where the tests will find it."""
    kind = artifact.name.partition("-")[0]
    place = CORPUS / target.name / f"{kind}-{hashlib.sha256(artifact.read_bytes()).hexdigest()[:12]}"
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(artifact, place)
    return str(place.relative_to(CORPUS.parents[2]))


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(title="fuzzing")
    for heading in ("target", "executions", "execs/s", "coverage", "features", "MB", "seconds", "findings"):
        table.add_column(heading, justify="left" if heading == "target" else "right")
    for one in outcomes:
        rate = one.executions / one.seconds if one.seconds else 0
        table.add_row(
            one.target.name,
            f"{one.executions:,}",
            f"{rate:,.0f}",
            str(one.coverage),
            str(one.features),
            str(one.rss_mb),
            f"{one.seconds:.0f}",
            str(len(one.findings)),
        )
    return table


def _summary(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "fuzz": {
            one.target.name: {
                "executions": one.executions,
                "coverage": one.coverage,
                "features": one.features,
                "peak_rss_mb": one.rss_mb,
                "seconds": round(one.seconds, 1),
                "findings": one.findings,
            }
            for one in outcomes
        },
        "seconds": round(sum(one.seconds for one in outcomes), 1),
        "executions": sum(one.executions for one in outcomes),
        "findings": sum(len(one.findings) for one in outcomes),
        "again": "make fuzz",
    }


if __name__ == "__main__":
    main()
