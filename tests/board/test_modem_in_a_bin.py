"""A bin on a modem, end to end in virtual time: real application, its modem's bytes, broker and gateway."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardware import load_board
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, Result, run
from simulators.world.bin import BinScene
from simulators.world.district import district
from simulators.world.truck import TruckScene
from tests.board.bench import START_MS

HOUR_MS = 3_600_000
PLAN = district(5)
DEVICE = next(unit.device for unit in PLAN.units if unit.board == "bin-s3-lte")


class Unit:
    """One bin of the district that has a modem, some hours long."""

    def __init__(self, path: Path, *, pace: float = 3.0) -> None:
        self.truth: list[dict[str, Any]] = []
        self.image = Image.create(path, DEVICE, "bin-s3-lte", PLAN.settings(DEVICE), 5, START_MS)
        self.scene = PLAN.scene(DEVICE, START_MS, truth=self.truth.append, pace=pace)
        assert isinstance(self.scene, BinScene)

    def live(self, hours: float) -> Result:
        until = self.image.now_ms + round(hours * HOUR_MS)
        result = run(self.image, self.scene, until, fidelity=Fidelity.FAST)
        assert result.halted is None
        assert "Traceback" not in (self.image.path / "vm.log").read_text(encoding="utf-8")
        return result

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(data) for _log, _seq, data in self.image.logged()]

    def delivered(self) -> int:
        """The newest record of the unbroken run that the gateway has."""
        heads: dict[str, int] = (self.image.peer or {"heads": {}})["heads"]
        return max(heads.values(), default=0)


def test_its_records_arrive_with_their_time_and_its_signal(tmp_path: Path) -> None:
    unit = Unit(tmp_path / "unit")
    unit.live(9)
    records = unit.records()
    deposits = [r["seq"] for r in records if r["kind"] == "deposit"]
    assert len(deposits) >= 5
    assert unit.delivered() >= deposits[-1]
    assert unit.delivered() >= len(records) - 12  # what is no news waits for the next upload
    assert {r["clock"] for r in records[10:]} <= {"ntp", "rtc", "back"}
    assert any(-113 <= r.get("rssi_dbm", 0) <= -51 for r in records)
    supply: Any = unit.scene.supply
    assert 0 < supply.used_mwh["modem"] < 0.5 * sum(supply.used_mwh.values())


def test_weeks_of_trouble_cost_nothing_but_time(tmp_path: Path) -> None:
    """One trouble after another, some hours each; once all is well, every record arrives."""
    unit = Unit(tmp_path / "unit")
    for fault in (
        "hangs",
        "denied",
        "hang-in-data",
        "sim-missing",
        "brown-out",
        "garbled",
        "no-data",
        "silent",
    ):
        unit.scene.set_fault("modem", fault)
        unit.live(2)
    unit.scene.set_fault("modem", None)
    unit.live(14)  # the longest pause between two tries is six hours
    records = unit.records()
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    assert unit.delivered() >= len(records) - 12
    assert len([r for r in records if r["kind"] == "boot" and r["reason"] == "watchdog"]) == 0


@pytest.mark.parametrize("fault", ["sim-missing", "denied"])
def test_a_modem_that_cannot_is_told_when_it_can_again(tmp_path: Path, fault: str) -> None:
    """The fault is on record by its own name from when it was found, and cleared by the next connection."""
    unit = Unit(tmp_path / "unit")
    code = {"denied": "cell-denied"}.get(fault, fault)
    unit.scene.set_fault("modem", fault)
    unit.live(4)
    faults = [(r["part"], r["code"], r["state"]) for r in unit.records() if r["kind"] == "fault"]
    assert ("radio", code, "raised") in faults
    assert unit.delivered() == 0
    unit.scene.set_fault("modem", None)
    unit.live(14)
    faults = [(r["part"], r["code"], r["state"]) for r in unit.records() if r["kind"] == "fault"]
    assert ("radio", code, "cleared") in faults
    assert faults.count(("radio", code, "raised")) == 1


def test_a_truck_that_loses_its_packets_or_its_modem_comes_back_by_itself(tmp_path: Path) -> None:
    """PPP stays up and carries nothing; later the module hangs: each time the link is found dead and built
    anew, and all that was kept arrives.
    """
    spec = replace(PLAN.trucks[0], board="truck-s3-lte")
    board = load_board(spec.board)
    settings = {
        **PLAN.settings(spec.device),
        "board": {"id": board["id"], "parts": board["parts"]},
        "network": {"apn": "cmiot"},
    }
    image = Image.create(tmp_path / "truck", spec.device, spec.board, settings, 5, START_MS)
    scene = TruckScene(spec, PLAN.rounds, 5, START_MS, None)
    heads = []
    for fault in (None, "no-data", "hang-in-data", None):
        scene.set_fault("modem", fault)
        result = run(image, scene, image.now_ms + HOUR_MS // 4, fidelity=Fidelity.FAST)
        assert result.halted is None
        assert image.peer
        heads.append(max(image.peer["heads"].values()))
    assert sorted(set(heads)) == heads
    records = [json.loads(data) for _log, _seq, data in image.logged()]
    assert heads[-1] >= len(records) - 30
