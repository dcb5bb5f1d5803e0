"""A scale on its pins: what each fault does to the signal, who leans on it, and that it can be saved."""

from typing import Any

import pytest

from simulators.scene import CONVERTER_FAULTS, BridgeSignal
from simulators.world.bin import BinScene
from simulators.world.district import district
from simulators.world.scale import Scale


@pytest.fixture
def scale(world: Any, scene: BinScene) -> Scale:
    """Powered, with 10 kg on it for a night."""
    unit = world.PlainUnit(scene, world.MONDAY_MS)
    unit.drive(world.BIN["scale0"]["power"], 1)
    found = scene.bays[1].scale
    found.rest(10_000)
    return found


def grams(scale: Scale, signal: BridgeSignal) -> float:
    assert signal.nanovolt is not None
    return (signal.nanovolt - scale.spec.zero_nv) / scale.spec.nv_per_g


def test_each_fault_shows_as_what_it_is(scale: Scale) -> None:
    healthy = scale.signal()
    assert healthy.nanovolt is not None
    seen = {}
    for fault in Scale.FAULTS:
        scale.set_fault(fault)
        seen[fault] = scale.signal()
        scale.set_fault(None)
    assert scale.signal() == healthy
    assert seen["disconnected"].nanovolt is None
    assert seen["excitation"].nanovolt == 0
    assert seen["stuck"].noise_nv == 0
    assert seen["noisy"].noise_nv > 20 * healthy.noise_nv
    assert grams(scale, seen["overloaded"]) > 60_000 + 9 * 20
    assert {s.fault for s in seen.values()} == {"", "stuck-high", "stuck-low", "clock-open", "lost-pulse"}
    assert {s.fault for s in seen.values()} <= set(CONVERTER_FAULTS)
    assert [f for f, s in seen.items() if s == healthy] == ["drifting", "wedged", "contact"], "not yet"


def test_drift_grows_from_when_it_broke_and_ends_when_mended(scene: BinScene, scale: Scale) -> None:
    scale.set_fault("drifting")
    start = scale.drift_nv()
    scene.advance(scene.now + 6 * 3_600_000)
    assert start == 0
    assert scale.drift_nv() / scale.spec.nv_per_g == pytest.approx(600, rel=0.01)
    scale.set_fault(None)
    assert scale.drift_nv() == 0


def test_what_rubs_holds_what_comes_and_what_goes(scale: Scale) -> None:
    scale.set_fault("contact")
    before = grams(scale, scale.signal())
    scale.put(1_000)
    _ring_out(scale)
    assert grams(scale, scale.signal()) == pytest.approx(before, abs=20), "held"
    scale.put(4_000)
    _ring_out(scale)
    assert grams(scale, scale.signal()) - before == pytest.approx(5_000 - 1_200, abs=40)
    scale.put(-scale.load_g)
    _ring_out(scale)
    assert grams(scale, scale.signal()) == pytest.approx(1_200, abs=60), "no return to zero"


def test_what_sits_fast_weighs_what_it_weighed(scale: Scale) -> None:
    scale.set_fault("wedged")
    before = scale.signal()
    scale.put(5_000)
    _ring_out(scale)
    assert scale.signal().nanovolt == before.nanovolt
    assert scale.signal().noise_nv > 0, "its signal lives"


def test_one_who_leans_is_felt_while_they_lean(scene: BinScene, scale: Scale) -> None:
    before = grams(scale, scale.signal())
    scene.after(0, "scale0.lean", 2_000.0)
    scene.after(5_000, "scale0.lean", 0.0)
    felt = []
    for _ in range(60):
        scene.advance(scene.now + 100)
        felt.append(grams(scale, scale.signal()) - before)
    assert all(1_850 < g < 2_150 for g in felt[:49])
    assert all(abs(g) < 30 for g in felt[51:])
    assert max(felt[:49]) - min(felt[:49]) > 100, "a breath is more than e"


def test_a_saved_scale_goes_on_as_it_was(world: Any, scene: BinScene, scale: Scale) -> None:
    scale.put(7_000)
    scale.set_fault("contact")
    scale.put(-3_000)
    scene.advance(scene.now + 700_000)
    again = district(5).scene("bin-001", world.MONDAY_MS, state=world.through_json(scene.save()), pace=0.001)
    assert isinstance(again, BinScene)
    twin = again.bays[1].scale
    for _ in range(20):
        scene.advance(scene.now + 30_000)
        again.advance(again.now + 30_000)
        assert twin.signal() == scale.signal()


def _ring_out(scale: Scale) -> None:
    scale.world.advance(scale.world.now + 1_500)
