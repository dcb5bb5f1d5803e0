"""What the bin's firmware takes of the chip's heap: `make bench-memory`.

The whole application in a 32-bit MicroPython (`simulators.board.narrow`) with its own garbage collector, each
wake a start of its own as on the chip, run in place from the ROMFS image that the field gets. Of the first
day: what each module takes (beside it what it would take as `.mpy` copied into the heap) and what is alive
beside them, also in a bin that has a modem. Of all days: whether the largest free block at the end of a wake
shrinks (the mean of the last thirty days' wakes beside the first thirty's: every wake starts with an empty
heap, and what a single one did moves its own block by several per cent), the smallest that any wake left, and
whether what is alive grows with what was recorded.

`--quick`: only the modules, of the first two hours (seconds).

Exit status 1 when a limit of the table is missed. The last line is one JSON object.
"""

import json
import sys
from collections.abc import Callable, Collection
from statistics import fmean, median_low

import click
from rich.console import Console
from rich.progress import Progress

from simulators.bench.heap import DAY_MS, MODULES, START_MS, Look, fresh
from simulators.board.interpreter import InterpreterError

LIVE_LIMIT, DATA_LIMIT = 96 * 1024, 24 * 1024  # bytes
MONTH = 30  # days
BLOCK_LIMIT = 20  # per mille, by which the largest free block may shrink
GROWTH_LIMIT = 1024  # bytes from the first day to the last, however many records lie between
QUICK_MS = 2 * 3_600_000

Bar = Callable[[str, int], Callable[[int], None]]
"""From a text and the time at its end (ms since 1970) to what hears the time of now."""
Row = tuple[str, float, float | None, str]
"""What, how much, at most (None: only told), unit."""


def sizes(looks: list[Look]) -> dict[str, int]:
    """Of each module that was loaded in any wake, the most that it took."""
    found: dict[str, int] = {}
    for look in looks:
        for name, size in look.modules.items():
            found[name] = max(size, found.get(name, 0))
    return found


def wakes(seed: int, until_ms: int, bar: Bar, board: str = "bin-s3", in_place: bool = True) -> list[Look]:
    """The heap at the end of each wake from the start on, with what each module takes."""
    text = f"{board}, {'from flash' if in_place else 'copied'}"
    with fresh(seed, board) as bench:
        on_time = bar(text, until_ms)
        return bench.run(until_ms, probe=MODULES, in_place=in_place, on_time=on_time)


def year(seed: int, days: int, bar: Bar) -> tuple[list[Look], list[int]]:
    """The heap at the end of each wake of so many days; how many records there were after the first day and
    after the last.
    """
    records = []
    with fresh(seed) as bench:
        on_time = bar(f"{days} days", START_MS + days * DAY_MS)
        looks = bench.run(START_MS + DAY_MS, on_time=on_time)
        records.append(bench.records())
        looks += bench.run(START_MS + days * DAY_MS, on_time=on_time)
        records.append(bench.records())
    return looks, records


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


def first_day(placed: list[Look], modem: list[Look]) -> tuple[list[Row], dict[str, object]]:
    """What the first day says, as rows for people and as fields of the JSON line."""
    most = max(placed, key=lambda look: look.live)
    data, with_modem = max(look.data for look in placed), max(look.live for look in modem)
    rows: list[Row] = [
        ("alive at the end of a wake, the most of a day", most.live, LIVE_LIMIT, "B"),
        ("of it data (what is alive but for loaded modules)", data, DATA_LIMIT, "B"),
        ("alive in a bin with a modem", with_modem, LIVE_LIMIT, "B"),
        ("of it data", max(look.data for look in modem), DATA_LIMIT, "B"),
        ("most seen alive while awake (in a visit, its code too)", max(x.peak for x in placed), None, "B"),
        ("the same with a modem", max(look.peak for look in modem), None, "B"),
    ]
    found: dict[str, object] = {"live_b": most.live, "code_b": most.live - most.data, "data_b": data}
    return rows, found | {"peak_b": max(look.peak for look in placed), "live_modem_b": with_modem}


def all_days(looks: list[Look], records: list[int], days: int) -> tuple[list[Row], dict[str, object]]:
    """The same of what changes over the days."""
    span = min(MONTH, days // 2)
    spans = range(1, 1 + span), range(days + 1 - span, days + 1)
    was, is_ = (round(fmean(look.largest for n in numbers for look in day(looks, n))) for numbers in spans)
    smallest = min(look.largest for look in looks)
    one, other = (median_low(look.largest for look in day(looks, number)) for number in (1, days))
    grown = max(look.live for look in day(looks, days)) - max(look.live for look in day(looks, 1))
    later = records[1] - records[0]
    rows: list[Row] = [
        (f"largest free block, last {span} days below first", _below(is_, was), BLOCK_LIMIT, "‰"),
        (f"the same, day {days} below day 1 (medians; they scatter)", _below(other, one), None, "‰"),
        (f"the smallest that any of {len(looks)} wakes left", smallest, None, "B"),
        (f"alive, day {days} above day 1, {later} records later", grown, GROWTH_LIMIT, "B"),
    ]
    found = {"largest_free_b": [was, is_], "median_free_b": [one, other], "smallest_free_b": smallest}
    return rows, {"days": days, **found, "records": records[1], "grown_b": grown}


def _below(later_b: int, earlier_b: int) -> float:
    """How much smaller it is, per mille."""
    return round(1000 - 1000 * later_b / earlier_b, 1)


@click.command()
@click.option("--days", type=click.IntRange(min=2), default=7, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--quick", is_flag=True, help="only what the modules of the first two hours take")
def main(days: int, seed: int, quick: bool) -> None:
    """Measure, print a table for people and a JSON line for scripts."""
    console = Console(soft_wrap=True)
    until_ms = START_MS + (QUICK_MS if quick else DAY_MS)
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:

            def bar(text: str, until_ms: int) -> Callable[[int], None]:
                task = progress.add_task(text, total=until_ms - START_MS)
                return lambda ms: progress.update(task, completed=ms - START_MS)

            placed = wakes(seed, until_ms, bar)
            copied = sizes(wakes(seed, until_ms, bar, in_place=False))
            rows, result = first_day(placed, wakes(seed, until_ms, bar, "bin-s3-lte"))
            if not quick:
                more, found = all_days(*year(seed, days, bar), days)
                rows, result = rows + more, result | found
    except InterpreterError as error:
        raise click.ClickException(str(error)) from None
    table(console, sizes(placed), copied, {name for look in placed for name in look.gone})
    console.print()
    missed = []
    for what, is_, limit, unit in rows:
        verdict = ""
        if limit is not None:
            verdict = f"at most {limit:g} {unit}  {'' if is_ <= limit else 'MISSED'}"
            missed += [what] if is_ > limit else []
        console.print(f"{what:56}{is_:>9} {unit}  {verdict}")
    result |= {"modules": len(sizes(placed)), "copied_b": sum(copied.values()), "missed": missed}
    click.echo(json.dumps({"bench": "memory"} | result))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
