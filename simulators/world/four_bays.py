"""A bin with four bays, its scales on one RS-485 line: the first of a district, rebuilt on `bin4-s3`."""

from dataclasses import replace
from typing import Any

from hardware import load_board
from simulators.world.bin import BinSpec
from simulators.world.build import BIN_E_G, BIN_MAX_G
from simulators.world.calibrate import calibration
from simulators.world.district import District

BOARD = "bin4-s3"
CATEGORIES = ("paper", "plastic", "glass", "textile")
_VOLUME_L = 180
_FILL_PCT_PER_DAY = 30.0


def four_bay_spec(plan: District) -> BinSpec:
    """Four bays with the cells of the district's first four bins."""
    bays = tuple(
        replace(
            plan.bins[k].bays[0],
            bay=k + 1,
            category=category,
            scale=f"scale{k}",
            lock=f"lock{k}",
            ranger=None,
            volume_l=_VOLUME_L,
            fill_pct_per_day=_FILL_PCT_PER_DAY,
        )
        for k, category in enumerate(CATEGORIES)
    )
    return replace(plan.bins[0], board=BOARD, bays=bays)


def four_bay_settings(plan: District) -> dict[str, Any]:
    """What it is provisioned with: four bays are data, no code."""
    spec = four_bay_spec(plan)
    board = load_board(BOARD)
    return {
        **plan.settings(spec.device),
        "board": {"id": board["id"], "parts": board["parts"], "energy": board["energy"]},
        "bays": [{"bay": b.bay, "category": b.category, "scale": b.scale, "lock": b.lock} for b in spec.bays],
        "scales": {b.scale: calibration(b.cell, f"{b.scale}-1", BIN_MAX_G, BIN_E_G) for b in spec.bays},
    }
