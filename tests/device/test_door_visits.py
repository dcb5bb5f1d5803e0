"""Whole visits on the real interpreter: the supply fails at any instant, four bays by data, a bin on fire."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.scene import PowerCut
from simulators.world.bin import BinScene
from simulators.world.district import district
from simulators.world.kernel import Part
from simulators.world.parts import Lock

START_MS = 1_790_000_000_000
PLAN = district(5)
DEVICE = "bin-003"
TOKEN = "412345678901"
COMES_MS = 70_000  # the first look and the first upload are over
PIECES = [(700, 2_000), (560, 2_000)]


class Stage(Part):
    """Lets one person come, and cuts the supply, both at given instants."""

    def __init__(
        self,
        world: BinScene,
        pieces: list[tuple[int, int]] | None,
        cuts: list[tuple[int, int]],
        comes_ms: int,
    ) -> None:
        super().__init__(world, "stage")
        self.scene, self.pieces = world, pieces
        self.after(comes_ms, "come")
        for at_ms, off_ms in cuts:
            self.after(at_ms, "cut", off_ms)

    def on_come(self) -> None:
        self.scene.visitor.come(TOKEN, [1], self.pieces)

    def on_cut(self, off_ms: int) -> None:
        self.world.emit(PowerCut(off_ms))

    def on_jam(self) -> None:
        """Once the second bolt is out, it stays there."""
        if self.scene.parts["lock1"].bolted:  # type: ignore[attr-defined]
            self.after(10, "jam")
        else:
            self.scene.set_fault("lock1", "jammed")

    def on_other(self) -> None:
        """When the first bay has been used and shut, the second one is opened for a look."""
        person, other = self.scene.visitor.here, self.scene.parts["lock1"]
        assert isinstance(other, Lock)
        if person is None or not person["closed"]:
            self.after(100, "other")
        elif other.closed and not other.bolted:
            other.swing(closed=False)
            self.after(1_000, "other")
        else:
            other.swing(closed=True)


def play(
    folder: Path,
    cuts: list[tuple[int, int]] = [],  # noqa: B006 (read only)
    faults: dict[str, str] = {},  # noqa: B006
    minutes: int = 5,
    comes_ms: int = COMES_MS,
    settings: dict[str, Any] | None = None,
    prepare: Callable[[BinScene, Stage], object] = lambda _scene, _stage: None,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], BinScene]:
    """What happened, what was recorded, and the scene as it is then."""
    truth: list[dict[str, Any]] = []
    scene = PLAN.scene(DEVICE, START_MS, truth=truth.append, pace=0.0)
    assert isinstance(scene, BinScene)
    prepare(scene, Stage(scene, PIECES, cuts, comes_ms))
    for part, fault in faults.items():
        scene.set_fault(part, fault)
    doc = {**PLAN.settings(DEVICE), **(settings or {})}
    image = Image.create(folder / "bin", DEVICE, "bin-s3", doc, 7, START_MS)
    result = run(image, scene, START_MS + minutes * 60_000, fidelity=Fidelity.FAST)
    assert result.halted is None
    assert not image.complaints()
    return truth, [json.loads(data) for _log, _seq, data in image.logged()], scene


def of(records: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [r for r in records if r["kind"] in kinds]


def test_a_visit_is_told_in_order_and_thanked_after_its_record(tmp_path: Path) -> None:
    truth, records, scene = play(tmp_path)
    (deposit,) = of(records, "deposit", "session")
    assert (deposit["kind"], deposit["net_g"], deposit["bay"]) == ("deposit", 1260, 1)
    first = [r["state"] for r in of(records, "door") if r["door"] == "lock0"]
    assert first == ["unlocked", "open", "closed", "locked"]
    assert "1.26 kg" in scene.visitor.screen
    assert [e["thanked"] for e in truth if e["what"] == "deposit"] == [True]


@pytest.mark.parametrize("cut_s", range(3, 47))
def test_a_power_cut_at_any_instant_of_a_visit_leaves_one_record_of_each_session(
    tmp_path: Path, cut_s: int
) -> None:
    at_ms = COMES_MS + cut_s * 1000 + cut_s * 37 % 1000
    truth, records, scene = play(tmp_path, [(at_ms, 2_000)])
    happened = [e for e in truth if e["what"] == "deposit"]
    paid = of(records, "deposit")
    if happened:
        assert [p["net_g"] for p in paid] == [1260]
    else:
        assert not paid
    sessions = [r["session"] for r in of(records, "deposit", "session")]
    assert len(sessions) == len(set(sessions)), "no session ends twice"
    if any(r["state"] == "unlocked" for r in of(records, "door")):
        assert sessions, "nor is one forgotten"
    for lock in ("lock0", "lock1"):
        last = [r["state"] for r in of(records, "door") if r["door"] == lock] or ["locked"]
        assert last[-1] == "locked"
        assert scene.parts[lock].bolted  # type: ignore[attr-defined]


@pytest.mark.parametrize("cut_s", range(3, 47, 3))
def test_a_power_cut_at_any_instant_hides_nothing_that_went_past_a_dead_switch(
    tmp_path: Path, cut_s: int
) -> None:
    at_ms = COMES_MS + cut_s * 1000 + cut_s * 37 % 1000
    truth, records, _ = play(tmp_path, [(at_ms, 2_000)], faults={"lock0": "door-switch"})
    assert not of(records, "deposit")
    told = [r for r in of(records, "session") if r["bay"] == 1 and r["outcome"] == "fault"]
    assert len(told) == len([e for e in truth if e["what"] == "deposit"])


def test_two_cuts_one_in_the_recovery_of_the_other(tmp_path: Path) -> None:
    for n, second in enumerate((2_400, 3_000, 4_500, 6_000, 7_000)):
        at = COMES_MS + 22_000
        truth, records, _ = play(tmp_path / str(n), [(at, 1_000), (at + second, 1_000)])
        assert [e["mass_g"] for e in truth if e["what"] == "deposit"] == [1260]
        assert [p["net_g"] for p in of(records, "deposit")] == [1260]
        assert not of(records, "session")


def test_a_battery_that_sags_under_a_bolt_unlocks_nothing_and_does_not_brown_out(tmp_path: Path) -> None:
    truth, records, scene = play(tmp_path, faults={"supply": "worn"})
    refusals = of(records, "session")
    assert refusals
    assert {(r["outcome"], r["code"]) for r in refusals} == {("refused", "battery-low")}
    assert not [e for e in truth if e["what"] in ("door", "battery")]
    assert "no service" in scene.visitor.screen


def test_a_jammed_bolt_is_told_once_and_the_other_bay_is_offered(tmp_path: Path) -> None:
    _, records, scene = play(tmp_path, faults={"lock0": "jammed"})
    doors = [(r["door"], r["state"]) for r in of(records, "door")]
    assert doors[:3] == [("lock0", "jammed"), ("lock0", "locked"), ("lock1", "unlocked")]
    assert len([r for r in of(records, "fault") if r["code"] == "lock-jammed"]) == 1
    assert {(r["outcome"], r.get("code")) for r in of(records, "session")} == {("fault", "lock-jammed")}
    assert "bolt is stuck" in scene.visitor.screen


def test_a_door_switch_that_always_says_shut_is_found_by_the_weight(tmp_path: Path) -> None:
    _, records, _ = play(tmp_path, faults={"lock0": "door-switch"})
    assert not of(records, "deposit")
    (session,) = of(records, "session")
    assert (session["outcome"], session["code"]) == ("fault", "switch-conflict")


def test_a_door_open_past_its_dead_switch_is_told_beside_another_that_was_seen(tmp_path: Path) -> None:
    """Both are opened at once; one is shut while the bolt of the other is still being tried."""
    _, records, _ = play(
        tmp_path,
        faults={"lock0": "door-switch"},
        prepare=lambda scene, _stage: scene.visitor.whims.update({"both-doors": 1.0}),
    )
    assert not of(records, "deposit")
    found = {r["bay"]: (r["outcome"], r.get("code")) for r in of(records, "session")}
    assert found == {1: ("fault", "switch-conflict"), 2: ("nothing", None)}


def test_a_bay_used_past_its_dead_switch_before_another_is_seen_open_is_told(tmp_path: Path) -> None:
    _, records, _ = play(
        tmp_path,
        faults={"lock0": "door-switch"},
        prepare=lambda _scene, stage: stage.after(COMES_MS + 100, "other"),
    )
    assert [r["state"] for r in of(records, "door") if r["door"] == "lock1"][1] == "open"
    assert not of(records, "deposit")
    found = {r["bay"]: (r["outcome"], r.get("code")) for r in of(records, "session")}
    assert found == {1: ("fault", "switch-conflict"), 2: ("nothing", None)}
    raised = [(r["part"], r["code"]) for r in of(records, "fault") if r["state"] == "raised"]
    assert raised == [("lock0", "switch-conflict")]


def test_a_bolt_that_stays_out_is_told_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    def jam(_scene: BinScene, stage: Stage) -> None:
        stage.after(COMES_MS, "jam")

    truth, records, _ = play(tmp_path, prepare=jam)
    (deposit,) = of(records, "deposit")
    assert deposit["net_g"] == 1260
    assert [e["thanked"] for e in truth if e["what"] == "deposit"] == [True]
    (session,) = of(records, "session")
    assert (session["bay"], session["outcome"], session["code"]) == (2, "fault", "lock-jammed")
    assert session["t"] - deposit["t"] < 1_000


def test_a_burning_bin_stays_locked_and_says_so(tmp_path: Path) -> None:
    _, records, scene = play(tmp_path, faults={"climate": "burning"}, minutes=10, comes_ms=400_000)
    assert ("temperature", "overheated") in [(r["part"], r["code"]) for r in of(records, "fault")]
    assert {r.get("code") for r in of(records, "session")} == {"overheated"}
    assert not [r for r in of(records, "door") if r["state"] == "unlocked"]
    assert "119" in scene.visitor.screen


def test_a_category_that_no_firmware_has_heard_of_is_just_data(tmp_path: Path) -> None:
    bays = [{**bay, "category": "neon-tubes"} for bay in PLAN.settings(DEVICE)["bays"]]
    _, records, _ = play(tmp_path, settings={"bays": bays[:1]})
    (deposit,) = of(records, "deposit")
    assert deposit["category"] == "neon-tubes"
    assert {r["bay"] for r in of(records, "reading")} == {1}
