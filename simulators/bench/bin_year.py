"""CPU time of one simulated bin-year at each fidelity: `python -m simulators.bench.bin_year [--days N]`.

The firmware is the real one, set as the district sets its bins; the year is the first bin's from 1
January. Fewer days are scaled up and marked so. For people a table, for scripts one JSON object in the last
line.
"""

import json
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.world.district import district

DAY_MS = 86_400_000
YEAR_DAYS = 365
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@dataclass(frozen=True, slots=True)
class Cost:
    """What `days` of one bin took, in seconds of CPU: the world's side and the interpreter's."""

    fidelity: Fidelity
    days: float
    world_s: float
    firmware_s: float
    wakes: int
    records: int

    @property
    def year_s(self) -> float:
        """For a whole year (scaled, when `days` is less)."""
        return (self.world_s + self.firmware_s) * YEAR_DAYS / self.days


def _cpu() -> tuple[float, float]:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, children.ru_utime + children.ru_stime


def measure(fidelity: Fidelity, days: float, seed: int) -> Cost:
    """Run one bin for `days` and count the CPU time of both sides."""
    plan = district(seed)
    device = plan.bins[0].device
    with tempfile.TemporaryDirectory(prefix="huishou-bench-") as folder:
        image = Image.create(Path(folder), device, "bin-s3", plan.settings(device), seed, START_MS)
        scene = plan.scene(device, START_MS)
        before = _cpu()
        result = run(image, scene, START_MS + round(days * DAY_MS), fidelity=fidelity)
        after = _cpu()
        records = sum(1 for _ in image.logged())
    if result.halted is not None:
        raise click.ClickException(f"the firmware ended: {result.halted}")
    return Cost(fidelity, days, after[0] - before[0], after[1] - before[1], result.counters.wakes, records)


@click.command()
@click.option(
    "--days", type=click.FloatRange(min=0, min_open=True, max=YEAR_DAYS), default=14, show_default=True
)
@click.option("--seed", type=int, default=1, show_default=True)
def main(days: float, seed: int) -> None:
    """Print the CPU time of a bin-year at each fidelity."""
    extrapolated = days < YEAR_DAYS
    note = f"extrapolated from {days:g} days" if extrapolated else "measured whole"
    click.echo(f"CPU seconds of one bin-year ({note})")
    click.echo(f"{'fidelity':10}{'a year':>10}{'firmware':>10}{'world':>8}{'a wake-up':>12}{'records':>9}")
    costs = []
    for fidelity in Fidelity:
        cost = measure(fidelity, days, seed)
        costs.append(cost)
        scale = YEAR_DAYS / days
        a_wake_ms = (cost.world_s + cost.firmware_s) * 1000 / max(cost.wakes, 1)
        seconds = f"{cost.year_s:>8.0f} s{cost.firmware_s * scale:>8.0f} s{cost.world_s * scale:>6.0f} s"
        click.echo(f"{fidelity:10}{seconds}{a_wake_ms:>9.2f} ms{cost.records * scale:>9.0f}")
    click.echo(
        json.dumps(
            {
                "bench": "bin-year",
                "days": days,
                "extrapolated": extrapolated,
                "cpu_s_per_year": {str(c.fidelity): round(c.year_s, 1) for c in costs},
                "wakes": {str(c.fidelity): c.wakes for c in costs},
            }
        )
    )


if __name__ == "__main__":
    main()
