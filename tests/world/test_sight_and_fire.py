"""Fill sensors and fires of the simulated world, and what the firmware makes of them: whole units, real
firmware.
"""

from pathlib import Path

import pytest

from tests.world.watched import SUMMER_MS, WINTER_MS, Watched


@pytest.mark.parametrize("start_ms", [WINTER_MS, SUMMER_MS], ids=["frost", "summer"])
@pytest.mark.parametrize("litres", [0, 300, 600])
def test_the_fill_is_right_in_frost_and_in_summer(tmp_path: Path, start_ms: int, litres: int) -> None:
    unit = Watched(tmp_path, start_ms)
    bay = unit.scene.bays[1]
    bay.fill_up(60 * litres, 1000 * litres * bay.spec.volume_l // 600)
    unit.go_on(6)
    assert len(unit.fills()) >= 36
    for pct in unit.fills():
        assert pct == pytest.approx(round(100 * bay.fill), abs=1)
    assert unit.faults("ranger0") == []


def test_without_correction_frost_would_show(tmp_path: Path) -> None:
    """The sin is in the model: a sensor that is wrongly called self-correcting is wrong in winter."""
    unit = Watched(tmp_path, WINTER_MS, ref_dc=None)
    bay = unit.scene.bays[1]
    bay.fill_up(18_000, bay.spec.volume_l * 500)
    unit.go_on(6)
    assert min(pct or 0 for pct in unit.fills()) <= 48


def test_a_sensor_of_light_is_read_through_the_same_driver(tmp_path: Path) -> None:
    unit = Watched(tmp_path, SUMMER_MS, "bin-s3-tof")
    bay = unit.scene.bays[1]
    bay.fill_up(18_000, bay.spec.volume_l * 500)
    unit.go_on(6)
    assert len(unit.fills()) >= 36
    for pct in unit.fills():
        assert pct == pytest.approx(50, abs=4)  # 30 mm of its 60, and centimetres


@pytest.mark.parametrize(
    ("board", "fault", "code"),
    [
        ("bin-s3", "silent", "ranger-silent"),
        ("bin-s3", "garbled", "ranger-garbled"),
        ("bin-s3-tof", "garbled", "ranger-garbled"),
        ("bin-s3", "blind", "ranger-no-echo"),
        ("bin-s3", "dirty", "ranger-dirty"),
        ("bin-s3-tof", "dirty", "ranger-dirty"),
        ("bin-s3", "blocked", "ranger-blocked"),
    ],
)
def test_each_fault_of_a_fill_sensor_is_told_once_and_cleared_once(
    tmp_path: Path, board: str, fault: str, code: str
) -> None:
    unit = Watched(tmp_path, SUMMER_MS, board)
    bay = unit.scene.bays[1]
    bay.fill_up(6_000, bay.spec.volume_l * 300)
    unit.go_on(1)
    assert unit.faults("ranger0") == []
    unit.scene.set_fault("ranger0", fault)
    unit.go_on(4)
    assert (code, "raised") in unit.faults("ranger0")
    if fault != "dirty":
        assert unit.fills()[-1] is None, "unknown is absent"
    unit.scene.set_fault("ranger0", None)
    unit.go_on(3)
    told = unit.faults("ranger0")
    assert [state for c, state in told if c == code] == ["raised", "cleared"]
    assert sorted(told) == sorted({*told}), "nothing twice"
    assert unit.fills()[-1] == pytest.approx(30, abs=5)


@pytest.mark.parametrize(("fault", "within_min"), [("burning", 21), ("smouldering", 46)])
def test_a_fire_is_told_and_cleared_when_it_is_out(tmp_path: Path, fault: str, within_min: int) -> None:
    unit = Watched(tmp_path, SUMMER_MS)
    unit.go_on(0.5, network="up")
    unit.scene.set_fault("climate", fault)
    began_ms = unit.image.now_ms
    unit.go_on(1)
    raised = [r for r in unit.records("fault") if r["code"] == "overheated"]
    assert [r["state"] for r in raised] == ["raised"]
    assert raised[0]["t"] - began_ms <= within_min * 60_000
    unit.scene.set_fault("climate", None)
    unit.go_on(2)
    told = [r["state"] for r in unit.records("fault") if r["code"] == "overheated"]
    assert told == ["raised", "cleared"]


def test_a_fire_in_a_bin_that_sleeps_for_an_hour_wakes_it(tmp_path: Path) -> None:
    """By then the sensor would have burnt: the thermostat needs no program and no power."""
    unit = Watched(tmp_path, SUMMER_MS, wake_s=3600)
    unit.go_on(1.2, network="up")
    unit.scene.set_fault("climate", "burning")
    began_ms = unit.image.now_ms
    unit.go_on(0.6, network="up")
    raised = [r for r in unit.records("fault") if r["code"] == "overheated"]
    assert [r["state"] for r in raised] == ["raised"]
    assert raised[0]["t"] - began_ms <= 5 * 60_000
    assert len(unit.records("reading")) <= 6, "and then it sleeps on, fire or no fire"
    unit.scene.set_fault("climate", None)
    unit.go_on(5)
    told = [r["state"] for r in unit.records("fault") if r["code"] == "overheated"]
    assert told == ["raised", "cleared"]


def test_a_thermometer_that_is_off_is_told_and_is_no_fire(tmp_path: Path) -> None:
    unit = Watched(tmp_path, SUMMER_MS)
    unit.scene.set_fault("climate", "disconnected")
    unit.go_on(3)
    unit.scene.set_fault("climate", None)
    unit.go_on(2)
    assert unit.faults("temperature") == [("sensor-range", "raised"), ("sensor-range", "cleared")]
