"""The unmodified firmware in these scenes: what it records is what really happened, within what its scale
can tell.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from simulators.board import virtual
from simulators.board.image import Image
from simulators.world.district import district

HOUR_MS = 3_600_000


def _run(
    tmp_path: Path, device: str, start: int, hours: float, **more: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What really happened, and what the firmware logged."""
    plan = district(5)
    truth: list[dict[str, Any]] = []
    scene = plan.scene(device, start, truth=truth.append, **more)
    board = plan.unit(device).board
    image = Image.create(tmp_path / device, device, board, plan.settings(device), 5, start)
    virtual.run(image, scene, start + int(hours * HOUR_MS), fidelity=virtual.Fidelity.FAST)
    return truth, [json.loads(data) for _, _, data in image.logged()]


def _of(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line.get("kind", line.get("what")) == kind]


def test_a_bins_deposits_are_weighed_right(world: Any, tmp_path: Path) -> None:
    truth, logged = _run(tmp_path, "bin-006", world.MONDAY_MS + 7 * HOUR_MS, 12, pace=8)
    thanked = [line for line in _of(truth, "deposit") if line["thanked"]]
    records = _of(logged, "deposit")
    assert len(thanked) > 30
    for real in thanked:
        record = next(r for r in records if 0 <= r["t"] - real["t"] < 20_000)
        assert (record["bay"], record["category"]) == (real["bay"], real["category"])
        assert record["user"].startswith(real["token"])
        assert record["net_g"] == pytest.approx(real["mass_g"], abs=2 * record["e_g"])
    for real in _of(truth, "collect"):
        assert any(
            r["bay"] == real["bay"] and abs(r["net_g"] - real["mass_g"]) <= 60 for r in _of(logged, "collect")
        )


def test_a_trucks_lifts_are_weighed_right(world: Any, tmp_path: Path) -> None:
    truth, logged = _run(tmp_path, "truck-02", world.MONDAY_MS, 1.8)
    lifts, weighs = _of(truth, "lift"), _of(logged, "weigh")
    assert len(lifts) > 15
    assert [w["ident"] for w in weighs] == [x["ident"] for x in lifts]
    for real, record in zip(lifts, weighs, strict=True):
        # e is 100 g; the cell's zero drifts with the temperature, which the net weight does not see.
        assert record["gross_g"] == pytest.approx(real["gross_g"], abs=300)
        assert record["tare_g"] == pytest.approx(real["tare_g"], abs=300)
        assert record["net_g"] == pytest.approx(real["contents_g"], abs=150)
    assert [h["opened"] for h in _of(truth, "handle") if h["where"] == "unload"] == [True]
    assert {f["fence"] for f in _of(logged, "fence")} >= {"district", "station"}


def test_a_disconnected_scale_is_found(world: Any, tmp_path: Path) -> None:
    _, logged = _run(tmp_path, "bin-001", world.MONDAY_MS, 1, faults={"scale0": "disconnected"})
    assert any(f["part"] == "scale0" and f["state"] == "raised" for f in _of(logged, "fault"))
