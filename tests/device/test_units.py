"""Whole units in virtual time: what the firmware logs is what happened, and is fit for the contract."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.contract import decode_record
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.world.district import district
from tests.device.test_nmea import truth as log_truth

START_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
PLAN = district(1)


@dataclass
class Life:
    """One unit's life so far: its image, its truth, and how to go on. All it logs must be fit for the
    contract.
    """

    device: str
    image: Image
    truth: list[dict[str, Any]]

    def go_on(self, hours: float, network: str = "up", **more: Any) -> None:
        now = self.image.now_ms
        scene = PLAN.scene(self.device, now, state=self.image.scene, truth=self.truth.append, **more)
        result = run(self.image, scene, now + int(hours * HOUR_MS), fidelity=Fidelity.FAST, network=network)
        assert result.halted is None
        assert not self.image.complaints()
        for _log, seq, data in self.image.logged():
            item = decode_record(data)
            assert (item.code, item.seq) == (None, seq), (item.detail, data)

    def records(self, kind: str | None = None) -> list[dict[str, Any]]:
        found = [json.loads(data) for _log, _seq, data in self.image.logged()]
        return [r for r in found if kind in (None, r["kind"])]

    def happened(self, what: str) -> list[dict[str, Any]]:
        return [event for event in self.truth if event["what"] == what]


@pytest.fixture
def unit(tmp_path: Path) -> Any:
    def make(device: str, **settings: Any) -> Life:
        board = PLAN.unit(device).board
        doc = {**PLAN.settings(device), **settings}
        return Life(device, Image.create(tmp_path / device, device, board, doc, 7, START_MS), [])

    return make


@pytest.mark.parametrize("device", ["bin-002", "truck-03"])
def test_what_is_logged_is_delivered(unit: Any, device: str) -> None:
    life = unit(device)
    life.go_on(6 if device.startswith("bin") else 0.5)
    assert life.image.peer["heads"][f"{device}/{next(life.image.logged())[0]}"] >= len(life.records()) - 8


def test_records_made_before_the_clock_was_known_get_their_time_before_they_are_sent(unit: Any) -> None:
    """Without a network for half a day since power-on; then time comes, and all that waited is dated back."""
    life = unit("bin-004")
    scene = PLAN.scene("bin-004", START_MS, truth=life.truth.append, pace=4.0, faults={"network": "down"})
    up_ms = START_MS + 12 * HOUR_MS

    def network_returns(now_ms: int) -> None:
        if now_ms >= up_ms and scene.network.fault:
            scene.set_fault("network", None)

    run(life.image, scene, START_MS + 20 * HOUR_MS, fidelity=Fidelity.FAST, on_time=network_returns)
    records = life.records()
    assert Counter(r["clock"] for r in records).keys() == {"back", "ntp", "rtc"}
    assert [r["t"] for r in records] == sorted(r["t"] for r in records)
    back = [r for r in records if r["clock"] == "back"]
    assert back[0]["kind"] == "boot"
    assert back[0]["t"] - START_MS < 10_000
    deposits = [r for r in back if r["kind"] == "deposit"]
    happened = [e for e in life.happened("deposit") if e["thanked"] and e["t"] < back[-1]["t"]]
    assert len(happened) >= 3
    assert len(deposits) == len(happened)
    for record, event in zip(deposits, happened, strict=True):
        assert 0 <= record["t"] - event["t"] < 15_000


def test_a_disconnected_scale_is_told_and_its_bay_closed_while_the_other_serves(unit: Any) -> None:
    life = unit("bin-003")
    life.go_on(12, pace=2.0, faults={"scale0": "disconnected"})
    faults = [(r["part"], r["code"], r["state"]) for r in life.records("fault")]
    assert ("scale0", "scale-at-rail", "raised") in faults
    assert {r["bay"] for r in life.records("deposit")} == {2}
    assert all("mass_g" not in r for r in life.records("reading") if r["bay"] == 1)
    assert not [e for e in life.happened("door") if e["door"] == "lock0"]
    life.go_on(3, faults={"scale0": None})  # four good looks
    states = [r["state"] for r in life.records("fault") if r["part"] == "scale0"]
    assert states == ["raised", "cleared"], "said once, although the power was away in between"
    assert life.records("reading")[-2]["mass_g"] >= 0


def test_a_silent_ranger_and_a_jammed_lock_are_told_by_name(unit: Any) -> None:
    life = unit("bin-007")
    life.go_on(12, pace=2.0, faults={"ranger0": "silent", "lock1": "jammed"})
    raised = {(r["part"], r["code"]) for r in life.records("fault") if r["state"] == "raised"}
    assert raised >= {("ranger0", "ranger-silent"), ("lock1", "lock-jammed")}
    assert {("fault", "lock-jammed")} <= {(r["outcome"], r.get("code")) for r in life.records("session")}


def test_a_dead_network_costs_no_record_and_all_arrive_afterwards(unit: Any) -> None:
    life = unit("bin-005")
    life.go_on(2)
    life.go_on(48, network="down")
    life.go_on(8)
    (head,) = life.image.peer["heads"].values()
    records = life.records()
    assert [r["seq"] for r in records] == list(range(1, len(records) + 1))
    assert head >= len(records) - 30, "all but what was written since the last upload"


def test_a_truck_weighs_each_container_obeys_the_fences_and_tells_true_places(unit: Any) -> None:
    life = unit("truck-04")
    life.go_on(0.2)
    life.go_on(0.7)  # the power was away in between, at its station
    lifts, weighings = life.happened("lift"), life.records("weigh")
    assert len(weighings) >= 8
    assert len(lifts) - len(weighings) in (0, 1)
    for lift, weighing in zip(lifts, weighings, strict=False):
        assert weighing["ident"] == lift["ident"]
        assert weighing["stable"]
        assert abs(weighing["gross_g"] - lift["gross_g"]) <= 100
        assert abs(weighing["tare_g"] - lift["tare_g"]) <= 100
        assert weighing["net_g"] == weighing["gross_g"] - weighing["tare_g"]
    inside: set[str] = set()
    for record in life.records():
        if record["kind"] == "fence":
            assert (record["fence"] in inside) == (record["event"] == "exit"), "enter and exit take turns"
            inside ^= {record["fence"]}
        elif record["kind"] == "door" and record["state"] in ("unlocked", "locked"):
            if record["cause"] == "power":
                assert record["state"] == "locked", "what is found after a power cut is safe"
                continue
            assert record["cause"] == "fence"
            assert (record["state"] == "unlocked") == ("station" in inside)
    assert {"enter", "exit"} == {r["event"] for r in life.records("fence") if r["fence"] == "station"}
    assert Counter(r["clock"] for r in life.records("position")).keys() == {"gnss"}


def test_every_recorded_log_gives_only_places_that_it_reports(tmp_path: Path, nmea_log: bytes) -> None:
    scene, settings = PLAN.replay(nmea_log, START_MS)
    settings["gnss"].update(every_ms=0, every_m=0)
    settings.pop("ntp", None)  # it would contradict a log of another year
    image = Image.create(tmp_path / "truck", settings["device"], "truck-s3", settings, 7, START_MS)
    result = run(image, scene, scene.end_ms + 5000)
    assert result.halted is None
    assert not image.complaints()
    places, without = log_truth(nmea_log)
    reported = {place for found in places.values() for place in found}
    found = [json.loads(data) for _log, _seq, data in image.logged()]
    positions = [r for r in found if r["kind"] == "position"]
    assert {(r["lat_e7"], r["lon_e7"]) for r in positions} <= reported
    assert {r["clock"] for r in positions} <= {"gnss"}
    assert len(positions) >= len(set(places) - without) * 9 // 10 - 1
