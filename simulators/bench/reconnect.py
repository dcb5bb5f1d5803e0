"""`python -m simulators.bench.reconnect`: a thousand units after a restart of their broker; how even their
return is. The firmware's own back-off, virtual time, connects counted per second at the broker.

Units that are always connected (trucks, bins that are held awake) lose it in one instant and come back by
`Backoff`; bins that sleep try at their wakes, as `app/bin.py` does. The rate is counted from the moment at
which the broker takes connections again until the last unit is back; its mean is units by that time. Exit 1
when a peak is over five times the mean.
"""

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from simulators.board.firmware import edge

Backoff: Any = edge("edge.link.backoff").Backoff
MOST = 5.0  # peak by mean
REFUSED_MS = 300  # what a refused attempt takes: the name, one way and back
WAKE_MS, LIMIT_MS = 600_000, 6 * 3_600_000  # of a sleeping bin: between wakes, and of its back-off
OUTAGES_S = (1, 5, 20, 60, 300, 3600, 6 * 3600)


@dataclass(frozen=True, slots=True)
class Return:
    """How a fleet came back. Rates are connects a second at the broker, by `bucket_s`."""

    sort: str
    outage_s: int
    units: int
    attempts: int
    last_s: float
    mean: float
    peak: float
    bucket_s: int

    @property
    def ratio(self) -> float:
        return self.peak / self.mean


def connected(outage_ms: int, backoff: Callable[[], Any]) -> tuple[list[int], int]:
    """(when each always-connected unit is let in, attempts of all): lost at 0, taken from `outage_ms` on."""
    units = [backoff() for _ in range(1000)]
    due = [(unit.failed(0), n) for n, unit in enumerate(units)]

    def again(n: int, now: int) -> int:
        over = now + REFUSED_MS
        pause: int = units[n].failed(over)
        return over + pause

    return _until_all_are_in(due, outage_ms, again)


def sleeping(rng: random.Random, outage_ms: int) -> tuple[list[int], int]:
    """The same of bins that sleep: each has something to send, tries at a wake, and then not before its pause
    is over."""
    units = [Backoff(rng.randrange, WAKE_MS, LIMIT_MS) for _ in range(1000)]
    phases = [rng.randrange(WAKE_MS) for _ in units]

    def again(n: int, now: int) -> int:
        ready: int = now + units[n].failed(now)
        return ready + (phases[n] - ready) % WAKE_MS

    return _until_all_are_in([(phase, n) for n, phase in enumerate(phases)], outage_ms, again)


def _until_all_are_in(
    due: list[tuple[int, int]], outage_ms: int, again: Callable[[int, int], int]
) -> tuple[list[int], int]:
    heapify(due)
    into, attempts = [], 0
    while due:
        now, n = heappop(due)
        attempts += 1
        if now >= outage_ms:
            into.append(now)
        else:
            heappush(due, (again(n, now), n))
    return into, attempts


def measured(sort: str, outage_s: int, into: list[int], attempts: int) -> Return:
    """Rates from the moment the broker is back until the last unit is in, per second; where fewer than ten
    come in a second on average, per the time in which ten do: less says nothing but chance."""
    start = outage_s * 1000
    last_s = (max(into) - start) / 1000
    bucket_s = max(1, math.ceil(10 * last_s / len(into)))
    buckets = Counter((t - start) // (bucket_s * 1000) for t in into)
    whole = max(buckets) + 1
    return Return(
        sort,
        outage_s,
        len(into),
        attempts,
        last_s,
        len(into) / (whole * bucket_s),
        max(buckets.values()) / bucket_s,
        bucket_s,
    )


def play(seed: int, outage_s: int, sort: str) -> Return:
    """One restart of the broker."""
    rng = random.Random(f"{seed}/{outage_s}/{sort}")
    if sort == "connected":
        into, attempts = connected(outage_s * 1000, lambda: Backoff(rng.randrange))
    else:
        into, attempts = sleeping(rng, outage_s * 1000)
    return measured(sort, outage_s, into, attempts)


@click.command()
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--runs", type=click.IntRange(1), default=20, show_default=True, help="Of each; the worst is shown."
)
def main(seed: int, runs: int) -> None:
    """Let a thousand units lose their broker, for a second up to six hours; how they come back."""
    table = Table(title=f"1,000 units after their broker's restart; the worst of {runs} runs each")
    for heading in (
        "units",
        "away, s",
        "attempts a unit",
        "last one back, s",
        "mean/s",
        "peak/s",
        "peak by mean",
    ):
        table.add_column(heading, justify="left" if heading == "units" else "right")
    worst = []
    for sort in ("connected", "sleeping"):
        for outage_s in OUTAGES_S:
            one = max((play(seed + k, outage_s, sort) for k in range(runs)), key=lambda found: found.ratio)
            worst.append(one)
            table.add_row(
                sort,
                f"{outage_s:,}",
                f"{one.attempts / one.units:.1f}",
                f"{one.last_s:,.0f}",
                f"{one.mean:.2f}",
                f"{one.peak:.2f}",
                f"{one.ratio:.1f}",
            )
    Console(width=110).print(table)
    top = max(one.ratio for one in worst)
    click.echo(json.dumps({"seed": seed, "runs": runs, "worst_peak_by_mean": round(top, 2), "at_most": MOST}))
    sys.exit(1 if top > MOST else 0)


if __name__ == "__main__":
    main()
