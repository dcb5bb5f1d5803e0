"""The power budget of each bin board, from data alone: `python -m simulators.bench.budget [--write]`.

What each consumer takes is in `hardware/boards/`, what a day is like in `hardware/usage.toml`. It is an
estimate to design with; `make sweep-winter` is the real firmware's own day, and a test holds the two
together. `--write` puts the table into docs/energy.md.
"""

import json
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from hardware import load_board

BOARDS = ("bin-s3", "bin-s3-lte", "bin4-s3", "bin-s3-mppt")
PAGE = Path("docs/energy.md")
BEGIN, END = "<!-- budget: python -m simulators.bench.budget --write -->\n", "<!-- end of the budget -->\n"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Budget:
    """One board's day in mWh, by consumer; what its battery holds and what the sun gives it in December."""

    board: str
    used: dict[str, float]
    battery_mwh: int
    sun_mwh: float

    @property
    def total(self) -> float:
        """mWh a day."""
        return sum(self.used.values())

    @property
    def dark_days(self) -> float:
        """How long a full battery lasts at 0 °C without any light and without sparing anything."""
        return 0.9 * self.battery_mwh / self.total


def usage() -> dict[str, Any]:
    """`hardware/usage.toml`."""
    return tomllib.loads((files("hardware") / "usage.toml").read_text(encoding="utf-8"))


def budget(name: str, day: dict[str, Any]) -> Budget:
    """The budget of a board."""
    board = load_board(name)
    energy = board["energy"]
    look, visit, upload = day["look"], day["visit"], day["upload"]
    awake_s = look["times"] * look["awake_s"] + visit["times"] * visit["awake_s"]
    scale_s = look["times"] * look["scale_s"] + visit["times"] * visit["scale_s"]
    on_s = {
        "hx711": scale_s,
        "transmitter": scale_s + (look["times"] + visit["times"]) * 1.5,  # until it gives its first value
        "ranger": look["times"] * look["ranger_s"],
        "tof": look["times"] * look["ranger_s"],
    }
    used: dict[str, float] = {}

    def add(name: str, draw: dict[str, int], seconds: float, pulls: float) -> None:
        uj = draw.get("awake_uw", 0) * awake_s + draw.get("sleep_uw", 0) * (_DAY_S - awake_s)
        uj += draw.get("on_uw", 0) * seconds
        used[name] = (uj / 1000 + draw.get("pull_mj", 0) * pulls) / 3600

    radio_s = upload["modem_s" if "modem" in board["parts"] else "radio_s"]
    for consumer, draw in energy["draws"].items():
        add(consumer, draw, upload["times"] * radio_s, 0)
    for part, entry in board["parts"].items():
        if "energy" in entry:
            add(part, entry["energy"], on_s.get(entry["driver"], 0), visit["times"] * visit["pulls"])
    sun = day["sun"]
    light_h = sun["clear_wh_m2"] / 1000 * sun["haze"]
    sun_mwh = energy["panel_mw"] * sun["panel"] * light_h * energy["charge_pct"] / 100
    return Budget(name, used, energy["battery"]["mwh"], sun_mwh)


def table(found: list[Budget]) -> list[str]:
    """Markdown."""
    names = list(dict.fromkeys(_kind(name) for b in found for name in b.used))
    out = ["| mWh a day | " + " | ".join(f"`{b.board}`" for b in found) + " |", "|---|" + "---|" * len(found)]
    for kind in names:
        sums = [sum(mwh for name, mwh in b.used.items() if _kind(name) == kind) for b in found]
        if max(sums) < 0.05:
            continue  # nothing on an ordinary day
        out.append(f"| {kind} | " + " | ".join(f"{mwh:.1f}" if mwh else "" for mwh in sums) + " |")
    out.append("| **all** | " + " | ".join(f"**{b.total:.0f}**" for b in found) + " |")
    out.append("| sun in a hazy December | " + " | ".join(f"{b.sun_mwh:.0f}" for b in found) + " |")
    out.append("| battery, mWh | " + " | ".join(f"{b.battery_mwh}" for b in found) + " |")
    out.append(
        "| dark days at 0 °C, nothing spared | " + " | ".join(f"{b.dark_days:.0f}" for b in found) + " |"
    )
    return out


def _kind(name: str) -> str:
    """Parts of a kind stand in one row: `scale0` and `scale1` are the scales."""
    base = name.rstrip("0123456789")
    return base if base == name else base + "s"


@click.command()
@click.option("--write", is_flag=True, help="Put the table into docs/energy.md.")
def main(write: bool) -> None:
    """Print the power budget of each bin board."""
    found = [budget(name, usage()) for name in BOARDS]
    lines = table(found)
    click.echo("\n".join(lines))
    if write:
        text = PAGE.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN, 1)
        PAGE.write_text(
            head + BEGIN + "\n".join(lines) + "\n" + END + rest.split(END, 1)[1], encoding="utf-8"
        )
    click.echo(json.dumps({"bench": "budget", "mwh_per_day": {b.board: round(b.total, 1) for b in found},
                           "dark_days": {b.board: round(b.dark_days, 1) for b in found}}))  # fmt: skip


if __name__ == "__main__":
    main()
