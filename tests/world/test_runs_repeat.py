"""One seed gives one run; a run that is saved and loaded on the way is the same run."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.world.district import district
from simulators.world.kernel import Stream

HOUR_MS = 3_600_000


def _fresh(device: str, seed: int, start: int, truth: list[Any], **more: Any) -> Any:
    return district(seed).scene(device, start, truth=truth.append, **more)


def _run(world: Any, device: str, seed: int, hours: float, split: float | None) -> tuple[Any, Any, Any]:
    """Stimuli, truth and final state; saved and loaded after `split` of the time."""
    start = world.MONDAY_MS + 7 * HOUR_MS
    end = start + int(hours * HOUR_MS)
    truth: list[Any] = []
    more = {"pace": 20.0} if device.startswith("bin") else {}
    scene = _fresh(device, seed, start, truth, **more)
    unit = (world.PlainBin if device.startswith("bin") else world.PlainUnit)(scene, start)
    if split is not None:
        unit.run(start + int((end - start) * split))
        state = world.through_json(scene.save())
        unit.scene = _fresh(device, seed, 0, truth, state=state, **more)
        unit.scene.start(unit.now)
        truth.pop()  # the line that says so
    unit.run(end)
    return unit.log, truth, unit.scene.save()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(1, 3), number=st.integers(1, 20), split=st.floats(0, 1))
def test_a_bin_saved_and_loaded_goes_on_the_same(world: Any, seed: int, number: int, split: float) -> None:
    device = f"bin-{number:03d}"
    assert _run(world, device, seed, 3, split) == _run(world, device, seed, 3, None)


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(1, 3), number=st.integers(1, 12), split=st.floats(0, 1))
def test_a_truck_saved_and_loaded_goes_on_the_same(world: Any, seed: int, number: int, split: float) -> None:
    device = f"truck-{number:02d}"
    assert _run(world, device, seed, 1, split) == _run(world, device, seed, 1, None)


def test_another_seed_gives_another_run(world: Any) -> None:
    assert _run(world, "bin-001", 1, 3, None)[0] != _run(world, "bin-001", 2, 3, None)[0]


def test_what_goes_wrong_lasts_over_saving(world: Any) -> None:
    start = world.MONDAY_MS
    scene = district(1).scene("bin-001", start, faults={"scale0": "disconnected", "network": "down"})
    again = district(1).scene("bin-001", 0, state=world.through_json(scene.save()))
    assert not again.network_up(start)
    assert again.save() == scene.save()


def test_a_long_break_is_made_up_for(world: Any) -> None:
    start = world.MONDAY_MS
    for device in ("bin-001", "truck-01"):
        scene = district(1).scene(device, start)
        scene.start(start)
        later = start + 5 * world.DAY_MS + 1234
        again = district(1).scene(device, 0, state=world.through_json(scene.save()))
        again.start(later)
        due = again.next_at_ms()
        assert due is not None
        assert due >= later


def test_unknown_units_are_named(world: Any) -> None:
    with pytest.raises(KeyError, match="bin-999"):
        district(1).scene("bin-999", world.MONDAY_MS)


@given(st.integers(0, 2**64 - 1), st.integers(1, 200))
def test_streams(seed: int, bits: int) -> None:
    stream = Stream(seed, "x")
    first = [stream.random() for _ in range(5)]
    again = Stream(seed, "x")
    again.random()
    state = again.state
    assert [again.random() for _ in range(4)] == first[1:]
    again.state = state
    assert again.random() == first[1]
    assert all(0 <= value < 1 for value in first)
    assert 0 <= stream.getrandbits(bits) < 2**bits
    assert Stream(seed, "y").random() != first[0]
