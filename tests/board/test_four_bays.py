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
    assert not image.complaints()
    return [json.loads(data) for _log, _seq, data in image.logged()], truth


@pytest.mark.parametrize("fault", [None, "garbled"])
def test_each_bay_sells_what_was_put_into_it(tmp_path: Path, fault: str | None) -> None:
    records, truth = live(tmp_path / "unit", 8, fault)
    put_in = [t for t in truth if t["what"] == "deposit"]
    deposits = [r for r in records if r["kind"] == "deposit"]
    if fault is None:
        assert len(deposits) == len(put_in) >= 12
        assert {r["bay"] for r in deposits} == {1, 2, 3, 4}
    else:  # on a line that has been bad for long a bay takes and does not sell
        assert len(put_in) >= len(deposits) >= 3
    for record in deposits:
        true = min(put_in, key=lambda t: abs(record["t"] - t["t"]))
        put_in.remove(true)
        assert 0 <= record["t"] - true["t"] < 30_000
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
