"""A Tianjin December with haze, then dark days: `python -m simulators.bench.winter [--days N] [--dark N]`.

One bin of `hardware/boards/bin-s3.toml` with its stated panel and battery, the real firmware in virtual
time. The sky is the clear-sky table of December times 0.5 (haze), then no light at all for the last days.
The air is the climate's; the charger puts nothing into a cell below 0 °C, and the cold keeps charge back.
Asked is:

- no weighing lost: each visitor who was thanked has a deposit in the log, of the right mass;
- the door opens on the last day: of each visit of that day one can say how it ended, and doors opened;
- the ledger that the firmware keeps is within 2 % of what the battery model gave out.

For people a table by day, for scripts one JSON object in the last line, a picture in run/bench/winter.svg;
the exit status is 1 when one of these does not hold.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from simulators.board.chip import Chip
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.world.bin import BinScene
from simulators.world.district import district
from simulators.world.weather import DAY_MS

LEVELS = ("normal", "saver", "survival", "dark")
HAZE = 0.5
LIMIT_PCT = 2.0
START_MS = int(datetime(2026, 11, 30, 16, tzinfo=UTC).timestamp() * 1000)  # December 1st, 00:00 in Tianjin
SVG = Path("run/bench/winter.svg")
_SAMPLE_MS = 3_600_000


@dataclass
class Sample:
    """The cell at one instant, as the world knows it and as the firmware believes it."""

    t: int
    charge_mwh: float
    inside_c: float
    level: str
    believed_pct: int | None


@dataclass
class Winter:
    """What a run gave."""

    days: int
    dark_days: int
    start_ms: int
    spent_mwh: dict[str, float] = field(default_factory=dict)
    """By the battery model."""
    ledger_mwh: float = 0.0
    """By the firmware."""
    gained_mwh: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    cuts: int = 0

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.days * DAY_MS

    @property
    def ledger_error_pct(self) -> float:
        """Of the firmware's sum, against the model's."""
        spent = sum(self.spent_mwh.values())
        return 100 * (self.ledger_mwh - spent) / spent

    def lost(self) -> list[str]:
        """Weighings that were thanked for and are not in the log as they happened."""
        deposits = [r for r in self.records if r["kind"] == "deposit"]
        out = []
        for true in self.truth:
            if true["what"] != "deposit" or not true["thanked"]:
                continue
            mine = [
                d
                for d in deposits
                if 0 <= d["t"] - true["t"] < 40_000
                and d["bay"] == true["bay"]
                and abs(d["net_g"] - true["mass_g"]) <= 2 * d["e_g"]
            ]
            if len(mine) != 1:
                day = 1 + _day(true["t"], self.start_ms)
                what = f"{true['mass_g']} g in bay {true['bay']}"
                out.append(f"day {day}: {what} at {true['t']}: {len(mine)} records")
        return out

    def opened(self, day: int) -> int:
        """How often a door was opened on a day (counted from 0)."""
        return sum(
            t["what"] == "door" and t["state"] == "open" and _day(t["t"], self.start_ms) == day
            for t in self.truth
        )

    def refused(self, day: int) -> int:
        """Visits of a day that the battery ended."""
        return sum(
            r["kind"] == "session" and r.get("code") == "battery-low" and _day(r["t"], self.start_ms) == day
            for r in self.records
        )


def _day(t_ms: int, start_ms: int) -> int:
    return (t_ms - start_ms) // DAY_MS


class Watched(BinScene):
    """A bin whose cell is looked at once an hour, and which tells how the chip's memory puts it."""

    on_sample: Callable[[], None]

    def on_sample_due(self) -> None:
        """An hour has passed."""
        self.on_sample()
        self.after(_SAMPLE_MS, "sample_due")


def winter(
    days: int,
    dark_days: int,
    seed: int,
    index: int,
    charge: float,
    cell_mwh: float,
    on_time: Callable[[int], None],
    haze: float = HAZE,
) -> Winter:
    """Run one bin through it. `charge`: share of a full cell at the start."""
    plan = district(seed)
    spec = plan.bins[index]
    # An open street: the table is all there is.
    spec = replace(spec, solar=replace(spec.solar, shade=1.0, cell_mwh=cell_mwh))
    settings = {**plan.settings(spec.device), "battery": {"mwh": round(cell_mwh)}}
    out = Winter(days, dark_days, START_MS)
    scene = Watched(spec, seed, START_MS, lambda after: plan.collection(index, after), out.truth.append)
    supply = scene.supply
    dark_ms = START_MS + (days - dark_days) * DAY_MS
    clear = scene.climate.weather.clear_w_m2
    supply.sky = lambda t_ms: 0.0 if t_ms >= dark_ms else haze * clear(t_ms)
    supply.charge_mwh = charge * supply.capacity_mwh
    with tempfile.TemporaryDirectory(prefix="huishou-winter-") as folder:
        image = Image.create(Path(folder) / "unit", spec.device, spec.board, settings, seed, START_MS)
        memory: dict[str, Any] = {}

        def sample() -> None:
            supply.count()
            level, believed = memory.get("power", ["normal", None])[:2]
            pct = None if believed is None else believed // 100
            inside_c = scene.climate.inside_c()
            out.samples.append(Sample(scene.now, supply.charge_mwh, inside_c, level, pct))

        def read_memory(chip: Chip) -> None:
            if chip.memory:
                memory.update(json.loads(chip.memory[4:]))

        scene.on_sample = sample
        scene.after(1, "sample_due")
        result = run(image, scene, out.end_ms, fidelity=Fidelity.FAST, on_time=on_time, on_boot=read_memory)
        if result.halted is not None:
            raise click.ClickException(f"the firmware ended: {result.halted}")
        noise = (Path(folder) / "unit" / "vm.log").read_text(encoding="utf-8")
        if "Traceback" in noise:
            raise click.ClickException(f"the firmware said: {noise[:2000]}")
        out.records = [json.loads(data) for _log, _seq, data in image.logged()]
    supply.count()
    out.spent_mwh = {name: round(mwh, 3) for name, mwh in sorted(supply.used_mwh.items()) if name != "leak"}
    out.gained_mwh = supply.gained_mwh
    out.ledger_mwh = memory["energy"][4] / 3600
    out.cuts = sum(t["what"] == "battery" for t in out.truth)
    return out


def table(found: Winter, spec_mwh: float) -> list[str]:
    """Day by day: light, cell, level, use, doors."""
    lines = [
        f"{'December':>8}{'cell':>7}{'believed':>10}{'coldest':>9}{'level':>10}{'opened':>8}{'refused':>9}{'records':>9}"
    ]
    for day in range(found.days):
        mine = [s for s in found.samples if _day(s.t, found.start_ms) == day]
        if not mine:
            continue
        last = mine[-1]
        worst = max((s.level for s in mine), key=LEVELS.index)
        believed = "-" if last.believed_pct is None else f"{last.believed_pct} %"
        records = sum(_day(r["t"], found.start_ms) == day for r in found.records)
        dark = "*" if day >= found.days - found.dark_days else " "
        coldest = min(s.inside_c for s in mine)
        cell = f"{day + 1:>7}{dark}{100 * last.charge_mwh / spec_mwh:>5.0f} %{believed:>10}{coldest:>6.1f} °C"
        lines.append(f"{cell}{worst:>10}{found.opened(day):>8}{found.refused(day):>9}{records:>9}")
    return lines


def ledger(found: Winter) -> list[str]:
    """What each consumer took."""
    total = sum(found.spent_mwh.values())
    lines = [f"{'consumer':12}{'mWh a day':>12}{'share':>8}"]
    for name, mwh in sorted(found.spent_mwh.items(), key=lambda item: -item[1]):
        lines.append(f"{name:12}{mwh / found.days:>12.1f}{100 * mwh / total:>6.1f} %")
    lines.append(f"{'all':12}{total / found.days:>12.1f}")
    return lines


def plot(found: Winter, spec_mwh: float, file: Path) -> None:
    """Charge as it was and as it was believed, the levels, the cold."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "huishou"
    from matplotlib import pyplot

    figure, (top, low) = pyplot.subplots(
        2, 1, figsize=(10, 6), sharex=True, layout="constrained", height_ratios=(3, 1)
    )
    x = [1 + (s.t - found.start_ms) / DAY_MS for s in found.samples]
    top.plot(x, [100 * s.charge_mwh / spec_mwh for s in found.samples], color="black", label="in the cell")
    known = [
        (at, s.believed_pct) for at, s in zip(x, found.samples, strict=True) if s.believed_pct is not None
    ]
    top.plot(
        [k[0] for k in known],
        [k[1] for k in known],
        color="#e45756",
        linewidth=1,
        label="as the firmware counts",
    )
    for place, level in enumerate(LEVELS[1:], 1):
        here = [s.level == level for s in found.samples]
        top.fill_between(x, 0, 100, where=here, color="#4c78a8", alpha=0.1 * place, linewidth=0, label=level)
    top.axvline(1 + found.days - found.dark_days, color="grey", linestyle=":", linewidth=1)
    top.set_ylim(0, 100)
    top.set_ylabel("charge, % of a full cell")
    top.set_title(f"A bin in December: half the clear sky's light, then {found.dark_days} days of none")
    top.legend(fontsize="small", loc="lower left")
    low.plot(x, [s.inside_c for s in found.samples], color="#4c78a8", linewidth=1)
    low.axhline(0, color="grey", linewidth=0.5)
    low.set_ylabel("in the box, °C")
    low.set_xlabel("December")
    for axes in (top, low):
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


@click.command()
@click.option("--days", type=click.IntRange(1, 60), default=31, show_default=True)
@click.option("--dark", "dark_days", type=click.IntRange(0, 60), default=14, show_default=True)
@click.option(
    "--charge",
    type=click.FloatRange(0.05, 1.0),
    default=0.7,
    show_default=True,
    help="Of the cell, at first.",
)
@click.option(
    "--cell", "cell_mwh", type=click.FloatRange(min=1_000), help="Another battery than the stated one, mWh."
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--bin", "index", type=click.IntRange(0), default=0, show_default=True, help="Which of the district."
)
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), default=SVG, show_default=True)
def main(
    days: int, dark_days: int, charge: float, cell_mwh: float | None, seed: int, index: int, svg: Path
) -> None:
    """Print how a bin comes through the winter."""
    spec_mwh = cell_mwh or district(seed).bins[index].solar.cell_mwh
    with Progress(
        TextColumn("December {task.description}"), BarColumn(), TimeRemainingColumn(), transient=True
    ) as bar:
        task = bar.add_task("1", total=days)

        def on_time(t_ms: int) -> None:
            done = (t_ms - START_MS) / DAY_MS
            bar.update(task, completed=done, description=str(int(done) + 1))

        found = winter(days, dark_days, seed, index, charge, spec_mwh, on_time)
    for line in table(found, spec_mwh):
        click.echo(line)
    click.echo("* no light at all")
    for line in ledger(found):
        click.echo(line)
    plot(found, spec_mwh, svg)
    lost = found.lost()
    thanked = sum(t["what"] == "deposit" and t["thanked"] for t in found.truth)
    error_pct = found.ledger_error_pct
    misses = [f"lost: {text}" for text in lost]
    if not found.opened(days - 1):
        misses.append("no door was opened on the last day")
    if abs(error_pct) > LIMIT_PCT:
        misses.append(f"the ledger is {error_pct:+.2f} % off the battery model's sum")
    if found.cuts:
        misses.append(f"the supply was cut {found.cuts} times")
    model_mwh = sum(found.spent_mwh.values())
    click.echo(f"{thanked} thanked deposits, {len(lost)} lost; picture: {svg}")
    click.echo(f"ledger {found.ledger_mwh:.0f} mWh, battery model {model_mwh:.0f} mWh: {error_pct:+.2f} %")
    for text in misses:
        click.echo(f"MISS {text}")
    if misses:
        options = f"--days {days} --dark {dark_days} --charge {charge} --cell {spec_mwh:g}"
        options += f" --seed {seed} --bin {index}"
        click.echo(f"again: python -m simulators.bench.winter {options}")
    click.echo(json.dumps({
        "bench": "winter", "days": days, "dark_days": dark_days, "seed": seed, "bin": index,
        "thanked": thanked, "lost": len(lost), "opened_last_day": found.opened(days - 1),
        "ledger_mwh": round(found.ledger_mwh, 1), "model_mwh": round(model_mwh, 1),
        "ledger_error_pct": round(error_pct, 3), "cuts": found.cuts,
        "last_charge_pct": round(100 * found.samples[-1].charge_mwh / spec_mwh, 1), "misses": len(misses),
    }))  # fmt: skip
    sys.exit(bool(misses))


if __name__ == "__main__":
    main()
