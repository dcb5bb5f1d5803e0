"""End to end in virtual time: real firmware in the real interpreter, the real journal and dispatcher.

Whatever is cut, lost or replayed, a bolt is pulled once at most, and the operator is told what is true.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from simulators.board.image import Image
from simulators.board.virtual import run
from simulators.world.district import district
from tests.commands.cuts import DEVICE, MINUTE, START, play
from tests.commands.desk import Desk

TORN = (0, 128, 255)


@pytest.mark.parametrize("cut", range(10, 22))
def test_a_power_cut_within_any_flash_operation_of_a_command(tmp_path: Path, cut: int) -> None:
    found = play(tmp_path, cut, TORN[cut % len(TORN)])
    assert found.result.counters.cut, "nothing was cut: the sweep goes too far"
    assert found.problem() == "", found


def test_without_a_cut_it_is_done_and_the_sweep_covers_all_of_it(tmp_path: Path) -> None:
    found = play(tmp_path, 60)
    assert not found.result.counters.cut
    assert (found.state, found.pulled, found.problem()) == ("done", 1, "")
    assert [one["state"] for one in found.replies] == ["accepted", "done"]


@pytest.mark.parametrize("lost", [1, 2])
def test_a_lost_reply_costs_time_and_nothing_else(tmp_path: Path, lost: int) -> None:
    found = play(tmp_path, None, lost=lost)
    assert (found.state, found.pulled) == ("done", 1)


class Unit:
    """A unit of the district with a gateway's desk, run on and on."""

    def __init__(self, folder: Path, device: str, board: str, **settings: Any) -> None:
        self.plan, self.device = district(5), device
        self.settings = self.plan.settings(device) | settings
        self.image = Image.create(folder / "unit", device, board, self.settings, 5, START)
        self.desk = Desk(folder / "gateway", device, self.settings["key"], self.settings["unit"])
        self.truth: list[dict[str, Any]] = []

    def run(self, minutes: int) -> None:
        image = self.image
        scene = self.plan.scene(
            self.device, image.now_ms, state=image.scene, pace=0.0001, truth=self.truth.append
        )
        until_ms = image.now_ms + minutes * MINUTE
        run(image, scene, until_ms, on_network=self.desk.attach)

    def logged(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.records() if one["kind"] == kind]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(record) for _, _, record in self.image.logged()]

    def ask(self, name: str, *words: str, life_s: int | None = None, minutes: int = 2) -> tuple[str, str]:
        """How a command stands after some minutes."""
        id_ = self.desk.ask(self.image.now_ms, name, *words, life_s=life_s)
        self.run(minutes)
        asked = self.desk.stands(id_)
        return asked.state, asked.code


@pytest.fixture
def bin_(tmp_path: Path) -> Any:
    unit = Unit(tmp_path, DEVICE, "bin-s3")
    yield unit
    unit.desk.close()


def test_every_command_of_a_bin(bin_: Unit) -> None:
    """Sent at power-on each, since the bin sleeps otherwise; then one that keeps it awake."""
    assert bin_.ask("self-test", "part=lock0") == ("done", "")
    assert bin_.ask("self-test", "part=nothing") == ("failed", "part-unknown")
    assert bin_.ask("log-level", "level=debug") == ("done", "")
    assert bin_.ask("log-level", "level=loud") == ("failed", "bad-args")
    assert bin_.ask("locate", "for_s=3") == ("done", "")
    assert bin_.ask("lock", "bay=1") == ("done", "")
    assert bin_.ask("unlock", "bay=9") == ("failed", "bad-args")
    assert bin_.ask("zero", "bay=1")[0] == "failed", "it holds 33 kg: far from zero"
    assert bin_.ask("reboot") == ("done", "")
    assert [one["reason"] for one in bin_.logged("boot")][-1] == "reboot"


def test_a_bin_that_is_held_awake_obeys_at_once_and_sleeps_afterwards(bin_: Unit) -> None:
    hold = bin_.desk.ask(START, "hold-awake", "for_s=600")
    bin_.desk.later = [(START + 5 * MINUTE, "unlock", ("bay=1",), 120)]
    bin_.run(30)
    assert bin_.desk.stands(hold).state == "done"
    asked = bin_.desk.stands(bin_.desk.asked[0])
    assert asked.state == "done"
    assert asked.heard_ms is not None
    assert asked.heard_ms - asked.issued_ms <= 60_000, "with the next ping"
    gone = [one for one in bin_.desk.states if not one["online"]]
    assert gone[-1]["next"] is not None
    assert len(bin_.logged("boot")) == 1, "nothing has ended its wake by force"
    awake = [one["t"] for one in bin_.truth if one["what"] == "bolt"]
    assert START + 5 * MINUTE < awake[0] < START + 6 * MINUTE


def test_what_somebody_has_kept_opens_nothing_again(bin_: Unit) -> None:
    id_ = bin_.desk.ask(START, "unlock", "bay=1", life_s=600)
    bin_.desk.replays = [bin_.desk.stands(id_).body]
    for _ in range(3):
        bin_.run(5)  # each begins with a power cycle
    assert sum(one["what"] == "bolt" and one["state"] == "withdrawn" for one in bin_.truth) == 1
    last = bin_.desk.replies[-1]
    assert (last["state"], last.get("code", "")) == ("done", "")


def test_a_truck_unlocks_by_command_where_its_fences_do_not_say_otherwise(tmp_path: Path) -> None:
    unit = Unit(tmp_path, "truck-01", "truck-s3")
    try:
        assert unit.ask("unlock", minutes=4) == ("done", "")
        doors = [(one["state"], one.get("cause")) for one in unit.logged("door")]
        assert ("unlocked", "command") in doors
        assert unit.ask("lock", minutes=4) == ("done", "")
    finally:
        unit.desk.close()


def test_settings_are_tried_and_kept_when_the_link_comes_up(bin_: Unit) -> None:
    bin_.desk.desire(3, wake_s=300, bay__1__full_pct=80)
    bin_.run(6)
    assert bin_.desk.states[-1]["rev"] == 3
    bin_.run(30)
    times = [one["t"] for one in bin_.logged("reading") if one["bay"] == 1]
    assert 290_000 < times[-1] - times[-2] < 310_000
    assert not [one for one in bin_.logged("fault") if one["part"] == "settings"]


def test_settings_without_a_link_are_rolled_back_and_not_tried_again(bin_: Unit) -> None:
    bin_.desk.desire(4, broker__port=9)
    bin_.run(25)
    assert bin_.desk.states[-1]["rev"] == 0
    faults = [(one["code"], one["state"]) for one in bin_.logged("fault") if one["part"] == "settings"]
    assert faults == [("settings-rolled-back", "raised")]
    boots = [one["reason"] for one in bin_.logged("boot")]
    assert boots == ["power-on", "settings-changed", "settings-rolled-back"]
    bin_.desk.desire(5, wake_s=600)
    bin_.run(10)
    assert bin_.desk.states[-1]["rev"] == 5
    faults = [(one["code"], one["state"]) for one in bin_.logged("fault") if one["part"] == "settings"]
    assert faults[-1] == ("settings-rolled-back", "cleared")


def test_settings_out_of_range_are_refused_and_told(bin_: Unit) -> None:
    bin_.desk.desire(2, wake_s=1)
    bin_.run(3)
    (fault,) = [one for one in bin_.logged("fault") if one["part"] == "settings"]
    assert fault["code"] == "settings-refused"
    assert "wake_s" in fault["detail"]
    assert bin_.desk.states[-1]["rev"] == 0
