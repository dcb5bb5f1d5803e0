"""How long a bin's load cells are powered: `python -m simulators.bench.bridge [--days N]`.

A 350-ohm bridge at 3.3 V takes 31 mW, 747 mWh a day when it is always on: more than all else in a solar bin
together. Firmware, board and world are the real ones in virtual time; the time is taken from the pins that
switch the supplies. The bins look at themselves every 10 minutes (the firmware's default, the most often that
is used). For people a table, for scripts one JSON object in the last line; the exit status is 1 when a scale
was powered for 1 % of an idle day or longer.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.scene import Stimulus
from simulators.world.bin import BinScene, BinSpec, Collection
from simulators.world.district import District, district
from simulators.world.four_bays import four_bay_settings, four_bay_spec
from simulators.world.transmitter import scale_pins

DAY_MS = 86_400_000
START_MS = 1_780_243_200_000  # 2026-05-31T16:00Z: midnight in Tianjin
LIMIT_PCT = 1.0
BRIDGE_MW = 3300**2 / 350 / 1000
WAKE_S = 600
_DAYS = {"idle": 0.0, "ordinary": 1.0, "busy": 5.0}
"""Visitors, as a multiple of a normal day's."""


class Metered(BinScene):
    """A bin whose output pins are timed."""

    def __init__(self, spec: BinSpec, seed: int, pace: float, plan: Callable[[int], Any]) -> None:
        super().__init__(spec, seed, START_MS, plan, None, pace)
        self._since: dict[int, int] = {}
        self.on_ms: dict[int, int] = {}
        self.times: dict[int, int] = {}

    def pin_out(self, now_ms: int, pin: int, level: int) -> list[Stimulus]:
        """As the bin's; and the time is taken."""
        if level:
            self._since[pin] = now_ms
            self.times[pin] = self.times.get(pin, 0) + 1
        elif pin in self._since:
            self.on_ms[pin] = self.on_ms.get(pin, 0) + now_ms - self._since.pop(pin)
        return super().pin_out(now_ms, pin, level)


@dataclass(frozen=True, slots=True)
class Powered:
    """One scale over some days: how long it had its supply, and how often it was switched on."""

    board: str
    day: str
    scale: str
    days: float
    on_s: float
    times: int
    readings: int

    @property
    def pct(self) -> float:
        """Share of the time, in per cent."""
        return self.on_s / (self.days * 864)

    @property
    def mwh_per_day(self) -> float:
        """What a 350-ohm bridge takes a day."""
        return BRIDGE_MW * self.on_s / 3600 / self.days


def measure(board: str, day: str, days: float, seed: int) -> list[Powered]:
    """Run one bin and time its supplies."""
    plan = district(seed)
    spec, settings = plan.bins[0], plan.settings(plan.bins[0].device)
    if board == "bin4-s3":
        spec, settings = four_bay_spec(plan), four_bay_settings(plan)
    settings = {**settings, "wake_s": WAKE_S}
    scene = Metered(spec, seed, _DAYS[day], (lambda _after: None) if day == "idle" else plan_of(plan))
    with tempfile.TemporaryDirectory(prefix="huishou-bench-") as folder:
        image = Image.create(Path(folder), spec.device, board, settings, seed, START_MS)
        result = run(image, scene, START_MS + round(days * DAY_MS), fidelity=Fidelity.FAST)
        records = [json.loads(data) for _log, _seq, data in image.logged()]
    if result.halted is not None:
        raise click.ClickException(f"the firmware ended: {result.halted}")
    out = []
    for bay in spec.bays:
        pin = scale_pins(settings["board"]["parts"], bay.scale)["power"]
        readings = sum(r["kind"] == "reading" and r["bay"] == bay.bay and "mass_g" in r for r in records)
        on_s = scene.on_ms.get(pin, 0) / 1000
        out.append(Powered(board, day, bay.scale, days, on_s, scene.times.get(pin, 0), readings))
    return out


def plan_of(plan: District) -> Callable[[int], Collection | None]:
    """The collections of the district's first bin."""
    return lambda after_ms: plan.collection(0, after_ms)


@click.command()
@click.option("--days", type=click.FloatRange(min=0, min_open=True, max=60), default=1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
def main(days: float, seed: int) -> None:
    """Print how long each load cell is powered, by kind of day."""
    click.echo(f"load cells powered, mean of {days:g} virtual days, a look every {WAKE_S // 60} minutes")
    click.echo(f"{'board':9}{'day':10}{'scale':8}{'on a day':>10}{'share':>9}{'mWh a day':>11}"
               f"{'times':>7}{'weights':>9}")  # fmt: skip
    found: list[Powered] = []
    for board in ("bin-s3", "bin4-s3"):
        for day in _DAYS:
            found += (rows := measure(board, day, days, seed))
            for p in rows:
                numbers = f"{p.on_s / days:>8.0f} s{p.pct:>7.3f} %{p.mwh_per_day:>11.2f}"
                click.echo(
                    f"{board:9}{day:10}{p.scale:8}{numbers}{p.times / days:>7.0f}{p.readings / days:>9.0f}"
                )
    click.echo(f"{'':19}{'always on':12}{86_400:>6} s{100:>7} %{BRIDGE_MW * 24:>11.2f}")
    worst = max(p.pct for p in found if p.day == "idle")
    unread = [p.scale for p in found if p.day == "idle" and not p.readings]
    click.echo(
        json.dumps(
            {
                "bench": "bridge",
                "days": days,
                "idle_worst_pct": round(worst, 4),
                "limit_pct": LIMIT_PCT,
                "powered_pct": {f"{p.board} {p.day} {p.scale}": round(p.pct, 4) for p in found},
            }
        )
    )
    if worst >= LIMIT_PCT or unread:
        sys.exit(1)


if __name__ == "__main__":
    main()
