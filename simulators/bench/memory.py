"""What the bin's firmware takes of the chip's heap: `make bench-memory`.

The whole application in a 32-bit MicroPython (`simulators.board.narrow`) with its own garbage collector, each
wake a start of its own as on the chip, run in place from the ROMFS image that the field gets. Of the first
day: what each module takes (beside it what it would take as `.mpy` copied into the heap) and what is alive
beside them. Of all days: the smallest of the wakes' largest free blocks, and whether what is alive grows with
what was recorded.

`--quick`: only the modules, of the first two hours (seconds).

Exit status 1 when a limit of the table is missed. The last line is one JSON object.
"""

import json
import sys
from collections.abc import Callable, Collection

import click
from rich.console import Console
from rich.progress import Progress

from simulators.bench.heap import DAY_MS, MODULES, START_MS, Look, fresh
from simulators.board.interpreter import InterpreterError

LIVE_LIMIT, DATA_LIMIT = 96 * 1024, 24 * 1024  # bytes
BLOCK_LIMIT = 0.02  # that the largest free block may shrink by
GROWTH_LIMIT = 0.5  # bytes a record: a heap block is 16
QUICK_MS = 2 * 3_600_000

Bar = Callable[[str, float], Callable[[int], None]]


def sizes(looks: list[Look]) -> dict[str, int]:
    """Of each module that was loaded in any wake, the most that it took."""
    found: dict[str, int] = {}
    for look in looks:
        for name, size in look.modules.items():
            found[name] = max(size, found.get(name, 0))
    return found


def first(seed: int, until_ms: int, bar: Bar) -> tuple[list[Look], dict[str, int]]:
    """The first day's looks with their modules, and the modules' sizes as `.mpy` copied into the heap."""
    days = (until_ms - START_MS) / DAY_MS
    with fresh(seed) as bench:
        placed = bench.run(until_ms, probe=MODULES, on_time=bar("from flash", days))
    with fresh(seed) as bench:
        copied = bench.run(until_ms, in_place=False, probe=MODULES, on_time=bar("copied", days))
    return placed, sizes(copied)


def table(console: Console, placed: dict[str, int], copied: dict[str, int], gone: Collection[str]) -> None:
    """Each module, the largest first."""
    console.print(f"{'module':32}{'from flash':>12}{'as .mpy':>12}   (bytes of heap, 32 bits)")
    for name, size in sorted(placed.items(), key=lambda row: -row[1]):
        if size or copied.get(name, 0):
            note = "   given back after use" if name in gone else ""
            console.print(f"{name:32}{size:>12}{copied.get(name, 0):>12}{note}")
    console.print(f"{'all':32}{sum(placed.values()):>12}{sum(copied.values()):>12}")


def day(looks: list[Look], number: int) -> list[Look]:
    """Those of the day with this number, from 1."""
    return [look for look in looks if (look.at_ms - START_MS) // DAY_MS == number - 1]


@click.command()
@click.option("--days", type=click.IntRange(min=2), default=7, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--quick", is_flag=True, help="only what the modules of the first two hours take")
def main(days: int, seed: int, quick: bool) -> None:
    """Measure, print a table for people and a JSON line for scripts."""
    console = Console(soft_wrap=True)
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:

            def bar(text: str, days: float) -> Callable[[int], None]:
                task = progress.add_task(text, total=days * DAY_MS)
                return lambda ms: progress.update(task, completed=ms - START_MS)

            placed, copied = first(seed, START_MS + (QUICK_MS if quick else DAY_MS), bar)
            if not quick:
                with fresh(seed) as bench:
                    ticking = bar(f"{days} days", days)
                    looks = bench.run(START_MS + DAY_MS, on_time=ticking)
                    early = bench.records()
                    looks += bench.run(START_MS + days * DAY_MS, on_time=ticking)
                    late = bench.records()
    except InterpreterError as error:
        raise click.ClickException(str(error)) from None
    modules = sizes(placed)
    most = max(placed, key=lambda look: look.live)
    table(console, modules, copied, {name for look in placed for name in look.gone})
    data = max(look.data for look in placed)
    result: dict[str, object] = {
        "bench": "memory",
        "live_b": most.live,
        "data_b": data,
        "peak_b": max(look.peak for look in placed),
        "modules": len(modules),
        "code_b": most.live - most.data,
        "modules_copied_b": sum(copied.values()),
    }
    rows: list[tuple[str, float, float, str]] = [
        ("alive at the end of a wake, the most of a day", most.live, LIVE_LIMIT, "B"),
        ("of it data (what is alive but for loaded modules)", data, DATA_LIMIT, "B"),
    ]
    if not quick:
        was, is_ = (min(look.largest for look in day(looks, number)) for number in (1, days))
        grown = max(x.live for x in day(looks, days)) - max(x.live for x in day(looks, 1))
        slope = grown / (late - early)
        result |= {
            "days": days,
            "largest_free_b": [was, is_],
            "records": late,
            "grown_b": grown,
        }
        shrunk = round((1 - is_ / was) * 1000, 1)
        rows += [
            (f"largest free block, day {days} below day 1", shrunk, BLOCK_LIMIT * 1000, "‰"),
            (f"alive, more for each of {late - early} records", round(slope, 3), GROWTH_LIMIT, "B"),
        ]
    console.print()
    console.print(f"{'most seen alive while awake (in a visit, its code too)':52}{result['peak_b']:>9} B")
    for what, found, limit, unit in rows:
        missed = "" if found <= limit else "MISSED"
        console.print(f"{what:52}{found:>9} {unit}  at most {limit:g} {unit}  {missed}")
    result["missed"] = [what for what, found, limit, _ in rows if found > limit]
    click.echo(json.dumps(result))
    sys.exit(1 if result["missed"] else 0)


if __name__ == "__main__":
    main()
