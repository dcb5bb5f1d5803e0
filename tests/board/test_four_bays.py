"""A bin with four bays, its scales on one RS-485 line: the real firmware against truth."""

import json
from pathlib import Path
from typing import Any

import pytest

from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.world.bin import BinScene
from simulators.world.build import BIN_E_G
from simulators.world.district import district
from simulators.world.four_bays import BOARD, CATEGORIES, four_bay_settings, four_bay_spec

START_MS = 1_790_000_000_000  # a Monday night in Tianjin; eight hours on it is noon
HOUR_MS = 3_600_000
PLAN = district(1)
Lines = list[dict[str, Any]]


def live(path: Path, hours: float, fault: str | None = None) -> tuple[Lines, Lines]:
    """(records, truth) of a busy bin."""
    spec = four_bay_spec(PLAN)
    truth: Lines = []
    image = Image.create(path, spec.device, BOARD, four_bay_settings(PLAN), 7, START_MS)
    scene = BinScene(spec, 7, START_MS, lambda _after: None, truth.append, pace=12.0)
    if fault is not None:
        scene.set_fault("bus", fault)
    result = run(image, scene, START_MS + round(hours * HOUR_MS), fidelity=Fidelity.FAST)
    assert result.halted is None
    assert not (path / "vm.log").read_text(encoding="utf-8")
    return [json.loads(data) for _log, _seq, data in image.logged()], truth


def ends(records: Lines) -> Lines:
    """How each visit ended that put something in or may have."""
    return [
        r for r in records if r["kind"] == "deposit" or (r["kind"] == "session" and r["outcome"] == "fault")
    ]


@pytest.mark.parametrize("fault", [None, "garbled"])
def test_each_bay_sells_what_was_put_into_it(tmp_path: Path, fault: str | None) -> None:
    records, truth = live(tmp_path / "unit", 8, fault)
    thanked = [t for t in truth if t["what"] == "deposit" and t["thanked"]]
    deposits = ends(records) if fault else [r for r in records if r["kind"] == "deposit"]
    assert {t["bay"] for t in thanked} == {1, 2, 3, 4}
    assert len(deposits) == len(thanked) >= 12
    for record, true in zip(deposits, thanked, strict=True):
        assert record["bay"] == true["bay"]
        if record["kind"] == "session":  # a line that has been bad for long: taken, but not sold by weight
            assert record["code"] == "scale-jumps"
            continue
        assert record["category"] == true["category"] == CATEGORIES[record["bay"] - 1]
        assert abs(record["net_g"] - true["mass_g"]) <= 2 * BIN_E_G
    assert sum(r["kind"] == "deposit" for r in deposits) >= 4
    readings = [r for r in records if r["kind"] == "reading" and "mass_g" in r]
    assert {r["bay"] for r in readings} == {1, 2, 3, 4}


def test_a_dead_line_sells_nothing_and_is_told_for_each_scale(tmp_path: Path) -> None:
    records, _truth = live(tmp_path / "unit", 3, "silent")
    assert not [r for r in records if r["kind"] == "deposit"]
    faults = {(r["part"], r["code"]) for r in records if r["kind"] == "fault" and r["state"] == "raised"}
    assert {(f"scale{k}", "scale-silent") for k in range(4)} <= faults
