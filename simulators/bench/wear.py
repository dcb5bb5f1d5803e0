"""How fast the flash log wears its flash out, beside littlefs: `python -m simulators.bench.wear [--small]`.

One trace (records of 64 bytes, acknowledged by the message) goes through the firmware's own ring and through
the real littlefs of MicroPython, both inside the real interpreter, on a flash that counts each erase and each
byte that is programmed. From that: erases a record, write amplification (bytes programmed a byte of record),
and the years that 1 MiB with 100,000 cycles a sector lasts at one record a second. littlefs is taken to level
its wear over the whole device in the long run, which flatters it: its mean counts, as for the ring. For
people a table, for scripts one JSON object in the last line; the exit status is 1 when the ring misses one.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer

import click
from rich.progress import Progress

from simulators.board.program import invocation

SECTORS = 256
CYCLES = 100_000
SIZE = 64
ERASES_LIMIT = 1 / 50
AMPLIFICATION_LIMIT = 1.3
YEARS_LIMIT = 20
YEAR_S = 31_557_600
_PROGRAM = Path(__file__).parent / "vm" / "wear_run.py"
_DEADLINE_S = 900


@dataclass(frozen=True, slots=True)
class Case:
    """A store under one pattern. `store`: `ring`, or after how many records littlefs is flushed. `batch`:
    records a message; `late`: messages on their way when the next is sent."""

    store: str | int
    records: int
    batch: int
    late: int

    @property
    def name(self) -> str:
        """For people."""
        if self.store == "ring":
            return "ring"
        return "littlefs, each durable" if self.store == 1 else f"littlefs, {self.store} at once"


@dataclass(frozen=True, slots=True)
class Wear:
    """What a case cost."""

    case: Case
    erases: int
    programmed: int
    most_worn: int

    @property
    def per_record(self) -> float:
        """Erases a record."""
        return self.erases / self.case.records

    @property
    def amplification(self) -> float:
        """Bytes programmed a byte of record."""
        return self.programmed / (self.case.records * SIZE)

    @property
    def years(self) -> float:
        """Until every sector of 1 MiB has had its cycles, at one record a second."""
        return SECTORS * CYCLES / self.per_record / YEAR_S

    @property
    def sound(self) -> bool:
        """Within the limits, which are the ring's alone."""
        return self.case.store != "ring" or (
            self.per_record <= ERASES_LIMIT
            and self.amplification <= AMPLIFICATION_LIMIT
            and self.years >= YEARS_LIMIT
        )


def measure(case: Case, progress: Progress) -> Wear:
    """Run one case in the interpreter."""
    task = progress.add_task(f"{case.name}, {case.batch} a message", total=case.records)
    arguments = {**asdict(case), "sectors": SECTORS, "size": SIZE}
    command, environment = invocation([_PROGRAM], heap="16M", args=arguments)
    last: dict[str, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        deadline = Timer(_DEADLINE_S, process.kill)
        deadline.start()
        for line in process.stdout or ():
            last = json.loads(line)
            progress.update(task, completed=last.get("done", case.records))
        process.wait()
        deadline.cancel()
    if process.returncode or "erases" not in last:
        raise click.ClickException(f"{case}: the interpreter ended with status {process.returncode}")
    return Wear(case, last["erases"], last["programmed"], last["most_worn"])


def cases(small: bool) -> list[Case]:
    """The ring over several laps; littlefs, which works much more a record, for long enough to be steady."""
    ring, little = (16_000, 1_500) if small else (120_000, 12_000)
    patterns = ((3, 1), (20, 1), (100, 4))  # a truck at once, a truck, a bin's or a backlog
    return [
        Case(store, ring if store == "ring" else little, batch, late)
        for store in ("ring", 1, 16)
        for batch, late in patterns
    ]


@click.command()
@click.option("--small", is_flag=True, help="A lap and a bit instead of nine: a few seconds.")
def main(small: bool) -> None:
    """Print erases, write amplification and years of the flash log and of littlefs on the same trace."""
    with Progress(transient=True) as progress:
        found = [measure(case, progress) for case in cases(small)]
    click.echo(f"records of {SIZE} bytes; years: {SECTORS * 4} KiB of {CYCLES:,} cycles, one record a second")
    numbers = f"{'erases':>8}{'a record':>10}{'programmed':>12}{'years':>9}"
    click.echo(f"{'store':24}{'a message':>10}{'records':>9}{numbers}")
    for w in found:
        numbers = f"{w.erases:>8}{w.per_record:>10.4f}{w.amplification:>10.2f} ×{w.years:>9.1f}"
        missed = "" if w.sound else "  missed"
        click.echo(f"{w.case.name:24}{w.case.batch:>10}{w.case.records:>9}{numbers}{missed}")
    limits = f"{ERASES_LIMIT:>10.4f}{AMPLIFICATION_LIMIT:>10.2f} ×{YEARS_LIMIT:>9.1f}"
    click.echo(f"{'limits of the ring':51}{limits}")
    rows = [
        {
            **asdict(w),
            "per_record": round(w.per_record, 5),
            "amplification": round(w.amplification, 3),
            "years": round(w.years, 1),
        }
        for w in found
    ]
    click.echo(json.dumps({"bench": "wear", "ok": all(w.sound for w in found), "rows": rows}))
    if not all(w.sound for w in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
