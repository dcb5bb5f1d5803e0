"""`make sweep-commands`: power cuts within every flash operation of a command, replies lost besides.

Torn by several shares. One line a kind of end, and one JSON object; exit 1 when a promise was broken.

    python -m tests.commands.sweep [--rounds N] [--round CUT TORN LOST]
"""

import argparse
import itertools
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click
from rich.progress import track

from tests.commands.cuts import Round, play

SHARES = (0, 17, 128, 255)  # of a torn operation that happen, in 1/256
LAST = 40  # operations from a start: beyond the command's last


def one(cut: int, torn: int, lost: int) -> Round:
    with tempfile.TemporaryDirectory() as folder:
        return play(Path(folder), cut, torn, lost)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=10_000, help="at most so many")
    parser.add_argument("--round", type=int, nargs=3, metavar=("CUT", "TORN", "LOST"), help="this one alone")
    options = parser.parse_args()
    plans = list(itertools.product(range(1, LAST), SHARES, (0, 1)))
    plans = [tuple(options.round)] if options.round else plans[:: max(1, len(plans) // options.rounds)]
    ends: Counter[str] = Counter()
    cuts: Counter[str] = Counter()
    broken = []
    for cut, torn, lost in track(plans, "power cuts", disable=not sys.stderr.isatty()):
        found = one(cut, torn, lost)
        ends[f"{found.state} {found.code} bolt pulled {found.pulled} times"] += 1
        cuts.update(found.result.counters.cut)
        if problem := found.problem():
            broken.append({"cut": cut, "torn": torn, "lost": lost, "problem": problem})
            click.echo(f"{problem}: python -m tests.commands.sweep --round {cut} {torn} {lost}")
    for end, count in sorted(ends.items()):
        click.echo(f"{count:5}  {end}")
    click.echo(json.dumps({"rounds": len(plans), "ends": ends, "cuts": cuts, "broken": broken}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
