"""`make sweep-crash`: power cuts at every operation of the journal's disk, and what is left each time.

Each workload is run once with all its disk operations written down; then the power is cut after each of
them, with everything unsynced gone, kept, or kept by a seeded choice, and the journal has to go on with what
is left. Prints a table and, as last line, one JSON object; exits 1 when anything is lost, doubled or altered.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from simulators.disk import Cut, Keep, cuts
from tests.disk.crashing import Judge, record

BATCHES = 40
CHOICES = 2  # seeded ones at each operation, beside nothing and everything
SHOWN = 20  # findings printed
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - where there is one: images are read back at once and thrown away


class Swept(Struct):
    """One workload: how many cuts were made, and what was wrong after which."""

    seed: int
    operations: int
    cuts: int
    wrong: list[tuple[Cut, str]]


def sweep(seed: int, batches: int, synchronous: str, wanted: Cut | None = None) -> Swept:
    """All cuts of one workload, or one of them."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as directory:
        recording = record(Path(directory) / "run", seed, batches, synchronous)
        judge = Judge(recording, Path(directory))
        done = Swept(seed, len(recording.log), 0, [])
        for cut in cuts(recording.log, CHOICES) if wanted is None else [wanted]:
            done.cuts += 1
            if wrong := judge.wrong(cut):
                done.wrong.append((cut, wrong))
        return done


def sweeps(options: argparse.Namespace) -> Iterator[Swept]:
    """Workload after workload, `jobs` at a time, until at least `points` cuts were made."""
    done, last, seed = 0, 0, options.seed  # `last`: how many one workload made
    running: set[Future[Swept]] = set()
    with ProcessPoolExecutor(options.jobs) as pool:
        while done < options.points:
            while len(running) < options.jobs and done + len(running) * last < options.points:
                running.add(pool.submit(sweep, seed, options.batches, options.synchronous))
                seed += 1
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                last = future.result().cuts
                done += last
                yield future.result()
        for future in running:  # those under way count as well
            yield future.result()


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = _options().parse_args(argv)
    console, began_s = Console(stderr=True), time.monotonic()
    if options.at is not None:
        cut = Cut(options.at, Keep(options.keep), options.choice)
        found = [sweep(options.seed, options.batches, options.synchronous, cut)]
    else:
        found = []
        with Progress(console=console) as progress:
            task = progress.add_task("power cuts", total=options.points)
            for one in sweeps(options):
                found.append(one)
                progress.advance(task, one.cuts)
    found.sort(key=lambda one: one.seed)
    _print(console, found, options)
    wrong = sum(len(one.wrong) for one in found)
    result = {
        "sweep": "crash",
        "workloads": len(found),
        "operations": sum(one.operations for one in found),
        "cuts": sum(one.cuts for one in found),
        "wrong": wrong,
        "synchronous": options.synchronous,
        "seconds": round(time.monotonic() - began_s, 1),
    }
    print(json.dumps(result))  # noqa: T201
    return 1 if wrong else 0


def _print(console: Console, found: list[Swept], options: argparse.Namespace) -> None:
    table = Table("workload", "disk operations", "power cuts", "wrong", title="Power cuts")
    for one in found:
        table.add_row(str(one.seed), str(one.operations), str(one.cuts), str(len(one.wrong)))
    console.print(table)
    shown = [(one.seed, cut, words) for one in found for cut, words in one.wrong][:SHOWN]
    for seed, cut, words in shown:
        console.print(
            f"{words}\n  again: python -m tests.disk.sweep_crash --batches {options.batches} --synchronous"
            f" {options.synchronous} --seed {seed} --at {cut.at} --keep {cut.keep} --choice {cut.seed}",
            soft_wrap=True,
            highlight=False,
        )


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--points", type=int, default=10_000, help="power cuts, at least (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first workload")
    parser.add_argument("--batches", type=int, default=BATCHES, help="of a workload (%(default)s)")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: the cores)"
    )
    parser.add_argument(
        "--synchronous", default="FULL", help="OFF or NORMAL show that the sweep finds what is lost"
    )
    parser.add_argument("--at", type=int, help="one cut only: after so many operations of --seed's workload")
    parser.add_argument("--keep", default=Keep.NONE.value, choices=[keep.value for keep in Keep])
    parser.add_argument("--choice", type=int, default=0, help="the seed of --keep some")
    return parser


if __name__ == "__main__":
    sys.exit(main())
