"""Faults of a scale, from the bits on its wires to the record: whole bins, real firmware and driver."""

from pathlib import Path

import pytest

from simulators.board.virtual import Fidelity
from tests.world.watched import SUMMER_MS, Watched


@pytest.mark.parametrize(
    ("fault", "code", "hours"),
    [
        ("disconnected", "scale-at-rail", 0.5),
        ("excitation", "scale-no-excitation", 0.5),
        ("line-high", "scale-silent", 0.5),
        ("line-low", "scale-stuck", 0.5),
        ("stuck", "scale-stuck", 0.5),
        ("clock-open", "scale-garbled", 0.5),
        ("noisy", "scale-noisy", 2.5),
        ("overloaded", "scale-overload", 0.5),
        ("drifting", "zero-drift", 9),
    ],
)
def test_a_fault_is_told_by_its_name_once_and_cleared_once(
    tmp_path: Path, fault: str, code: str, hours: float
) -> None:
    unit = Watched(tmp_path, SUMMER_MS)
    unit.go_on(0.5, fidelity=Fidelity.STANDARD)
    assert unit.faults("scale0") == []
    unit.scene.set_fault("scale0", fault)
    unit.go_on(hours, fidelity=Fidelity.STANDARD)
    assert unit.faults("scale0") == [(code, "raised")]
    unit.scene.set_fault("scale0", None)
    unit.go_on(1.5, fidelity=Fidelity.STANDARD)
    assert unit.faults("scale0") == [(code, "raised"), (code, "cleared")]
    assert unit.faults("scale1") == [], "the other bay's scale is well"
    assert "mass_g" in unit.records("reading")[-2]


def test_lost_pulses_are_told(tmp_path: Path) -> None:
    unit = Watched(tmp_path, SUMMER_MS)
    unit.scene.set_fault("scale0", "pulses-lost")
    unit.go_on(8, fidelity=Fidelity.STANDARD)
    assert unit.faults("scale0") == [("scale-jumps", "raised")]
