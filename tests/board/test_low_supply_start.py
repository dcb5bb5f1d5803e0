"""A start with a battery below the voltage floor: nothing is written to flash, nothing fails, and what waits
is done once the battery bears it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardware import load_board
from simulators.board.firmware import edge
from simulators.board.image import Image
from simulators.board.virtual import Result, run
from simulators.world.bin import BinScene
from simulators.world.district import district
from tests.board.bench import START_MS
from tests.device.flash import Flash

HOUR_MS = 3_600_000
DEVICE = "bin-001"
LOW_MV, HIGH_MV = 3000, 3900
BATTERY = load_board("bin-s3")["parts"]["battery"]


class Bin:
    """A bin at a battery of which a test says the voltage, by ms since this power-on."""

    def __init__(self, folder: Path) -> None:
        self.plan = district(5)
        settings = self.plan.settings(DEVICE)
        self.image = Image.create(folder / "unit", DEVICE, "bin-s3", settings, 5, START_MS)

    def live(self, hours: float, battery_mv: Callable[[int], int], *, empty: bool = False) -> Result:
        """From power-on to power-off; nobody comes. `empty`: its bays are."""
        begun = self.image.now_ms
        scene = self.plan.scene(DEVICE, begun, state=self.image.scene, pace=0.0001)
        assert isinstance(scene, BinScene)
        for bay in scene.bays.values() if empty else ():
            bay.fill_up(0, 0)
        measured = scene.adc_mv

        def adc_mv(now_ms: int, pin: int) -> int:
            if pin == BATTERY["pin"]:
                return battery_mv(now_ms - begun) * 1000 // int(BATTERY["scale_permille"])
            return measured(now_ms, pin)

        scene.adc_mv = adc_mv  # type: ignore[method-assign]
        result = run(self.image, scene, begun + int(hours * HOUR_MS))
        assert result.halted is None
        assert not self.image.complaints(), "nothing has died"
        return result

    def flash(self) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in self.image.path.glob("*.bin")}

    def change(self, name: str, change: Callable[[bytes], bytes]) -> None:
        file = self.image.path / f"{name}.bin"
        file.write_bytes(change(file.read_bytes()))

    def records(self, kind: str) -> list[dict[str, Any]]:
        found = [json.loads(data) for _, _, data in self.image.logged()]
        return [one for one in found if one["kind"] == kind]

    def state(self) -> Any:
        return edge("edge.store.state").State(Flash(0, self.flash()["state.bin"]))

    def settings(self) -> dict[str, Any]:
        found: dict[str, Any] = edge("edge.store.settings").load(Flash(0, self.flash()["settings.bin"]))
        return found


@pytest.fixture
def bin_(tmp_path: Path) -> Bin:
    return Bin(tmp_path)


def on_trial(image: bytes) -> bytes:
    """Settings of which a revision is tried from the next start."""
    store = edge("edge.store.settings")
    doc = store.load(Flash(0, image))
    encoded: bytes = store.encode({**doc, "trial": {"rev": 7, "config": {"wake_s": 900}}}, len(image))
    return encoded


def test_a_trial_waits_for_the_battery(bin_: Bin) -> None:
    bin_.change("settings", on_trial)
    before = bin_.flash()
    for _ in range(4):  # more starts than a trial has chances
        result = bin_.live(3, lambda _ms: LOW_MV)
        assert result.counters.boots <= 4, "it rests an hour at a time, it does not fail"
        assert bin_.flash() == before, "below the floor nothing is written"
    bin_.live(0.5, lambda _ms: HIGH_MV)
    assert bin_.settings()["desired"]["rev"] == 7
    assert "safe-mode" not in [one["code"] for one in bin_.records("fault")]


def in_a_visit(image: bytes) -> bytes:
    """The state of a bin that was restarted in the middle of a visit."""
    flash = Flash(0, image)
    note = {"name": "v", "user": "u", "crew": False, "log": 1, "bays": [[1, 0]]}
    edge("edge.store.state").State(flash).put("visit", note)
    return bytes(flash.image)


def test_a_visit_that_a_restart_broke_off_is_settled_when_the_battery_bears_it(bin_: Bin) -> None:
    """At first it seems to: the voltage falls below the floor as soon as something is switched on."""
    bin_.change("state", in_a_visit)
    result = bin_.live(6, lambda ms: LOW_MV if ms % HOUR_MS > 1500 else 3150)
    assert result.counters.boots <= 8
    assert bin_.state().get("visit") is not None
    assert [one["reason"] for one in bin_.records("boot")] == ["power-on"]
    bin_.live(0.5, lambda _ms: HIGH_MV)
    assert bin_.state().get("visit") is None
    (session,) = bin_.records("session")
    assert (session["outcome"], session["bay"]) == ("fault", 1), "what came in in the dark is told"
    assert "safe-mode" not in [one["code"] for one in bin_.records("fault")]


def test_a_zero_that_cannot_be_kept_ends_the_wake_and_nothing_else(bin_: Bin) -> None:
    """The voltage falls during the look, when zero would follow the drift of an empty bay."""
    result = bin_.live(8, lambda ms: 3150 if ms % HOUR_MS < 1500 else LOW_MV, empty=True)
    assert result.counters.boots <= 10
    assert [one["reason"] for one in bin_.records("boot")] == ["power-on"]
    assert bin_.state().get("zero") is None
    bin_.live(1, lambda _ms: HIGH_MV, empty=True)
    assert bin_.state().get("zero"), "it does follow"
    assert bin_.records("reading")
    assert [one["reason"] for one in bin_.records("boot")] == ["power-on", "brown-out"]
