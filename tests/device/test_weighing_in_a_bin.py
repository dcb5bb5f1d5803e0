"""Weighing in a whole bin, in virtual time: what is stored is a weight, or the reason why there is none."""

from typing import Any

from edge.measure.zero import CAUSES
from edge.store.state import State

from simulators.board.virtual import Fidelity, run
from simulators.world.kernel import Part
from tests.device.flash import Flash
from tests.device.test_units import HOUR_MS, PLAN, Life, unit

__all__ = ["unit"]  # a fixture
E_G = 20


def zero_of(life: Life, scale: str = "scale0") -> Any:
    """What flash holds of a scale's zero: (counts, cause), None when nothing."""
    kept = State(Flash(0, (life.image.path / "state.bin").read_bytes())).get("zero", {}).get(scale)
    return kept and (kept[1], CAUSES.split()[kept[5]])


def test_a_damaged_calibration_sells_no_weight_says_so_and_leaves_a_bin(unit: Any) -> None:
    settings = PLAN.settings("bin-002")
    settings["scales"]["scale0"]["e_g"] = 30
    life = unit("bin-002", scales=settings["scales"])
    life.go_on(30, pace=2.0)
    faults = [(r["part"], r["code"], r["state"]) for r in life.records("fault") if r["part"] == "scale0"]
    assert faults == [("scale0", "uncalibrated", "raised")]
    told = next(r for r in life.records("fault") if r["code"] == "uncalibrated")
    assert told["detail"] == "e_g is 30; expected 1, 2 or 5 times a power of ten"
    assert {r["bay"] for r in life.records("deposit")} == {2}
    sessions = [(r["outcome"], r.get("code")) for r in life.records("session") if r["bay"] == 1]
    assert sessions.count(("refused", "uncalibrated")) >= 3
    assert [e for e in life.happened("door") if e["door"] == "lock0"], "its door opens: it is still a bin"
    assert all("mass_g" not in r for r in life.records("reading") if r["bay"] == 1)
    life.go_on(1)
    assert len([r for r in life.records("fault") if r["part"] == "scale0"]) == 1, "said once"


def test_zero_follows_an_empty_scale_s_drift_and_is_kept_over_power_cuts(unit: Any) -> None:
    """Both bays stand empty for a day and a half; every six hours the power is cut."""
    life = unit("bin-002")
    seen = []
    for n in range(6):
        scene: Any = PLAN.scene("bin-002", life.image.now_ms, state=life.image.scene, pace=0.001)
        if n == 0:
            for bay in scene.bays.values():
                bay.fill_up(0, 0)
        assert run(life.image, scene, life.image.now_ms + 6 * HOUR_MS, fidelity=Fidelity.FAST).halted is None
        seen.append(zero_of(life))
    assert len(set(seen)) >= 4, "it drifts with the time of day, and is followed"
    assert {kept[1] for kept in seen if kept} <= {"tracking", "automatic"}
    masses = [r["mass_g"] for r in life.records("reading") if "mass_g" in r]
    assert len(masses) >= 120
    assert {abs(mass) for mass in masses} <= {0, E_G}
    assert masses.count(0) >= len(masses) * 9 // 10


def test_more_than_max_is_no_weight_and_a_fault(unit: Any) -> None:
    life = unit("bin-006")
    life.go_on(4, pace=3.0, faults={"scale0": "overloaded"})
    assert [(r["code"], r["state"]) for r in life.records("fault") if r["part"] == "scale0"] == [
        ("scale-overload", "raised")
    ]
    assert not [r for r in life.records("deposit") if r["bay"] == 1]
    assert all("mass_g" not in r for r in life.records("reading") if r["bay"] == 1)
    life.go_on(3, faults={"scale0": None})
    states = [r["state"] for r in life.records("fault") if r["part"] == "scale0"]
    assert states == ["raised", "cleared"]


class Bicycles(Part):
    """They press on both bays with 3 kg for a while; they come and go while nobody is at the bin."""

    def __init__(self, scene: Any) -> None:
        super().__init__(scene, "leaner")
        self._there = False
        self.on_turn()

    def on_turn(self) -> None:
        scene: Any = self.world
        if scene.visitor.here is None:
            for name in ("scale0", "scale1"):
                scene.parts[name].put(-3000 if self._there else 3000)
            self._there = not self._there
        self.after(7 * 60_000, "turn")


def test_what_leans_on_the_bin_before_a_visit_is_noticed_and_never_paid(unit: Any) -> None:
    life = unit("bin-002")
    scene = PLAN.scene("bin-002", life.image.now_ms, truth=life.truth.append, pace=12.0)
    Bicycles(scene)
    run(life.image, scene, life.image.now_ms + 6 * HOUR_MS, fidelity=Fidelity.FAST)
    refused = [r for r in life.records("session") if r.get("code") == "leaning"]
    assert len(refused) >= 2
    deposits, happened = life.records("deposit"), life.happened("deposit")
    assert len(deposits) >= 5
    for record in deposits:
        truth = [e for e in happened if 0 <= record["t"] - e["t"] < 20_000 and e["bay"] == record["bay"]]
        assert [abs(record["net_g"] - e["mass_g"]) <= 2 * E_G for e in truth] == [True], record
