"""Make the small tables beside this file from the original data sets.

Run `python -m simulators.world.data.derive DIRECTORY`, where DIRECTORY holds `wyndham_bins/fill_daily.csv`,
`edinburgh_bins/collections.csv`, `jersey_trucks/positions.csv` and `tianjin_sun/clearsky_hourly_2025.csv`.
What each table means, and under which licence it stands, is said in README.md.
"""

import csv
import itertools
import json
import math
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

Row = dict[str, str]
EARTH_M_PER_DEG = 111_320.0


def quantiles(values: Iterable[float], steps: int = 20) -> list[float]:
    """Minimum, the `steps` - 1 inner quantiles, and maximum."""
    known = sorted(values)
    inner = statistics.quantiles(known, n=steps, method="inclusive")
    return [round(v, 2) for v in (known[0], *inner, known[-1])]


def wyndham(rows: list[Row]) -> dict[str, Any]:
    """Mean daily rise of fill of each bin (percent a day), and how weekdays differ.

    Only pairs of adjacent days without an alert count; a fall is an emptying, whose day tells nothing.
    """
    bins: dict[str, list[tuple[date, int, str]]] = defaultdict(list)
    for row in rows:
        bins[row["serial"]].append(
            (date.fromisoformat(row["date"]), int(row["fullness_0_10"]), row["reason"])
        )
    weekday: dict[int, list[int]] = defaultdict(list)
    speeds: list[float] = []
    for days in bins.values():
        days.sort()
        rises: list[int] = []
        for (day0, level0, why0), (day1, level1, why1) in itertools.pairwise(days):
            if (day1 - day0).days == 1 and "ALERT" not in (why0, why1) and level1 >= level0:
                rises.append(level1 - level0)
                weekday[day1.weekday()].append(level1 - level0)
        speeds.append(10 * statistics.mean(rises))
    mean = statistics.mean(x for rises in weekday.values() for x in rises)
    return {
        "fill_pct_per_day": [round(s, 1) for s in sorted(speeds)],
        "weekday_factor": [round(statistics.mean(weekday[d]) / mean, 2) for d in range(7)],
    }


def edinburgh(rows: list[Row]) -> dict[str, Any]:
    """When crews empty (share of each hour), how full bins then are (percent), how much was in
    them (litres).
    """
    hours = Counter(datetime.fromisoformat(r["time_europe_london"]).hour for r in rows)
    return {
        "emptying_hour_permille": [round(1000 * hours[h] / len(rows)) for h in range(24)],
        "fill_at_emptying_pct_quantiles": quantiles(float(r["fill_before_pct"]) for r in rows),
        "emptied_litre_quantiles": quantiles(float(r["volume_l"]) for r in rows),
    }


def jersey(rows: list[Row]) -> dict[str, Any]:
    """How long trucks stand, how far they drive between, how fast; from one position a minute."""
    trucks: dict[str, list[tuple[datetime, float, float]]] = defaultdict(list)
    for row in rows:
        when = datetime.fromisoformat(row["time_local"])
        trucks[row["truck"]].append((when, float(row["lat"]), float(row["lon"])))
    stands: list[float] = []
    drives: list[float] = []
    speeds: list[float] = []
    for track in trucks.values():
        track.sort()
        stand = drive = 0.0
        for (t0, lat0, lon0), (t1, lat1, lon1) in itertools.pairwise(track):
            seconds = (t1 - t0).total_seconds()
            if not 30 < seconds < 150:
                stand = drive = 0.0
                continue
            north = (lat1 - lat0) * EARTH_M_PER_DEG
            east = (lon1 - lon0) * EARTH_M_PER_DEG * math.cos(math.radians(lat0))
            metres = math.hypot(north, east)
            if metres / seconds > 28:  # over 100 km/h: a bad fix, not a truck
                continue
            if metres < 20:
                if drive:
                    drives.append(drive)
                stand, drive = stand + seconds, 0.0
            else:
                if stand:
                    stands.append(stand)
                stand, drive = 0.0, drive + metres
                speeds.append(metres / seconds * 3.6)
    return {
        "stand_s_quantiles": quantiles(stands),
        "drive_m_quantiles": quantiles(drives),
        "minute_speed_kmh_quantiles": quantiles(speeds),
    }


def tianjin(rows: list[Row]) -> dict[str, Any]:
    """Clear-sky global horizontal irradiance, W/m2: for each month the mean of each local hour (UTC+8)."""
    cells: dict[tuple[int, int], list[float]] = defaultdict(list)
    for row in rows:
        when = datetime.fromisoformat(row["hour_start"])
        cells[when.month, when.hour].append(float(row["ghi_clear_w_m2"]))
    return {
        "ghi_clear_w_m2": [[round(statistics.mean(cells[m, h])) for h in range(24)] for m in range(1, 13)]
    }


TABLES: dict[str, tuple[str, Callable[[list[Row]], dict[str, Any]]]] = {
    "wyndham.json": ("wyndham_bins/fill_daily.csv", wyndham),
    "edinburgh.json": ("edinburgh_bins/collections.csv", edinburgh),
    "jersey.json": ("jersey_trucks/positions.csv", jersey),
    "tianjin.json": ("tianjin_sun/clearsky_hourly_2025.csv", tianjin),
}


def main(directory: Path) -> None:
    """Write every table of `TABLES` beside this file."""
    for name, (source, derive) in TABLES.items():
        with (directory / source).open(newline="", encoding="utf-8") as file:
            table = derive(list(csv.DictReader(file)))
        lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in table.items())
        Path(__file__).with_name(name).write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
