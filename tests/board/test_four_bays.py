"""A bin with four bays, its scales on one RS-485 line: the real firmware against truth."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardware import load_board
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.world.bin import BinScene, BinSpec
from simulators.world.build import BIN_E_G, BIN_MAX_G
from simulators.world.calibrate import calibration
from simulators.world.district import district

START_MS = 1_790_000_000_000  # a Monday afternoon in Tianjin
HOUR_MS = 3_600_000
BOARD = "bin4-s3"
CATEGORIES = ("paper", "plastic", "glass", "textile")
PLAN = district(1)


def spec() -> BinSpec:
    """The first bin of the district, with two bays more."""
    bays = tuple(
        replace(
            PLAN.bins[k].bays[0],
            bay=k + 1,
            category=category,
            scale=f"scale{k}",
            lock=f"lock{k}",
            ranger=None,
            volume_l=180,
            fill_pct_per_day=30.0,
        )
        for k, category in enumerate(CATEGORIES)
    )
    return replace(PLAN.bins[0], board=BOARD, bays=bays)


def settings(bin_spec: BinSpec) -> dict[str, Any]:
    """What it is provisioned with: four bays are data, no code."""
    board = load_board(BOARD)
    return {
        **PLAN.settings(bin_spec.device),
        "board": {"id": board["id"], "parts": board["parts"]},
        "bays": [
            {"bay": b.bay, "category": b.category, "scale": b.scale, "lock": b.lock} for b in bin_spec.bays
        ],
        "scales": {b.scale: calibration(b.cell, f"{b.scale}-1", BIN_MAX_G, BIN_E_G) for b in bin_spec.bays},
    }


def live(path: Path, hours: float, fault: str | None = None) -> tuple[list[dict[str, Any]], ...]:
    """(records, truth) of a busy bin."""
    bin_spec = spec()
    truth: list[dict[str, Any]] = []
    image = Image.create(path, bin_spec.device, BOARD, settings(bin_spec), 7, START_MS)
    scene = BinScene(bin_spec, 7, START_MS, lambda _after: None, truth.append, pace=12.0)
    if fault is not None:
        scene.set_fault("bus", fault)
    result = run(image, scene, START_MS + round(hours * HOUR_MS), fidelity=Fidelity.FAST)
    assert result.halted is None
    assert not (path / "vm.log").read_text(encoding="utf-8")
    return [json.loads(data) for _log, _seq, data in image.logged()], truth


@pytest.mark.parametrize(("fault", "at_least"), [(None, 12), ("garbled", 4)])
def test_each_bay_sells_what_was_put_into_it(tmp_path: Path, fault: str | None, at_least: int) -> None:
    records, truth = live(tmp_path / "unit", 8, fault)
    thanked = [t for t in truth if t["what"] == "deposit" and t["thanked"]]
    deposits = [r for r in records if r["kind"] == "deposit"]
    assert fault or {t["bay"] for t in thanked} == {1, 2, 3, 4}
    assert len(deposits) == len(thanked) >= at_least
    for record, true in zip(deposits, thanked, strict=True):
        assert record["bay"] == true["bay"]
        assert record["category"] == true["category"] == CATEGORIES[record["bay"] - 1]
        assert abs(record["net_g"] - true["mass_g"]) <= 2 * BIN_E_G
    readings = [r for r in records if r["kind"] == "reading" and "mass_g" in r]
    assert {r["bay"] for r in readings} == {1, 2, 3, 4}


def test_a_dead_line_sells_nothing_and_is_told_for_each_scale(tmp_path: Path) -> None:
    records, _truth = live(tmp_path / "unit", 3, "silent")
    assert not [r for r in records if r["kind"] == "deposit"]
    faults = {(r["part"], r["code"]) for r in records if r["kind"] == "fault" and r["state"] == "raised"}
    assert {(f"scale{k}", "scale-silent") for k in range(4)} <= faults
