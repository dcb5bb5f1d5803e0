"""After three failed starts there is link and console and nothing else; out of it again by itself or by the
supply. A wake that overruns is ended, whatever hangs.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from simulators.board.firmware import FIRMWARE, edge
from simulators.board.image import Image
from simulators.board.virtual import Result, run
from simulators.scene import PowerCut
from simulators.sweep.deaths.judge import Flash, black_box
from simulators.world.district import district
from simulators.world.kernel import Kernel, Part
from tests.board.bench import START_MS

HOUR_MS = 3_600_000
DEVICE = "bin-001"
MAIN = """
import trouble
from edge.app.start import start
start()
"""


class Supply(Part):
    """Cuts the power at the hours that the test names."""

    def __init__(self, scene: Kernel, hours: list[float]) -> None:
        super().__init__(scene, "plug")
        for hour in hours:
            scene.at(START_MS + int(hour * HOUR_MS), "plug.pull")

    def on_pull(self) -> None:
        """Off and on again."""
        self.world.emit(PowerCut(2_000))


class Unit:
    """A bin whose firmware has `trouble` (a module that is imported before it)."""

    def __init__(self, folder: Path, trouble: str, cuts: list[float] | None = None, **settings: Any) -> None:
        self.firmware = folder / "firmware"
        shutil.copytree(FIRMWARE / "edge", self.firmware / "edge", ignore=shutil.ignore_patterns("*.pyi"))
        (self.firmware / "main.py").write_text(MAIN, encoding="utf-8")
        (self.firmware / "trouble.py").write_text(trouble, encoding="utf-8")
        plan = district(5)
        self.settings = plan.settings(DEVICE) | settings
        self.image = Image.create(folder / "image", DEVICE, "bin-s3", self.settings, 5, START_MS)
        self.scene = plan.scene(DEVICE, START_MS)
        Supply(self.scene, cuts or [])

    def run(self, hours: float, **more: Any) -> Result:
        return run(self.image, self.scene, START_MS + int(hours * HOUR_MS), firmware=self.firmware, **more)

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(data) for _, _, data in self.image.logged()]

    def reasons(self) -> list[str]:
        return [record["reason"] for record in self.records() if record["kind"] == "boot"]

    def events(self) -> list[str]:
        return [event.code for event in black_box((self.image.path / "events.bin").read_bytes())]


DIES = """
from edge.app.bin import Bin
async def dies(self):
    raise ValueError("a bug in this version")
Bin.run = dies
"""


def test_three_failed_starts_end_in_safe_mode_which_still_delivers(tmp_path: Path) -> None:
    unit = Unit(tmp_path, DIES)
    result = unit.run(1)
    assert result.halted is None
    assert unit.events()[:9] == [
        *("power-on", "error", "task-died", "error", "task-died", "error", "task-died", "safe-mode"),
        "safe-mode",  # the fault of that name
    ]
    assert unit.reasons() == ["task-died"]
    fault = next(r for r in unit.records() if r["kind"] == "fault")
    assert (fault["part"], fault["code"], fault["state"]) == ("unit", "safe-mode", "raised")
    assert "a bug in this version" in fault["detail"]
    peer = unit.image.peer
    assert peer is not None
    assert list(peer["heads"].values()) == [len(unit.records())], "all of it was delivered"
    assert result.counters.boots < 10, "it rests between its rounds"
    assert not [r for r in unit.records() if r["kind"] in ("reading", "door", "session")]


FAILS_AT_FIRST = """
from edge.app.bin import Bin
well = Bin.run
async def maybe(self):
    clock = self.unit.clock
    if clock.source() == "none" or clock.local_ms() < %d:
        raise ValueError("a bug until a date")
    await well(self)
Bin.run = maybe
"""


def test_it_tries_everything_again_after_six_hours_and_stays_out_when_that_goes_well(tmp_path: Path) -> None:
    unit = Unit(tmp_path, FAILS_AT_FIRST % (START_MS + 2 * HOUR_MS))
    unit.run(9)
    events = unit.events()
    left = events.index("safe-mode-left")
    assert events.count("safe-mode-left") == 1
    assert "boot-good" in events[left:]
    assert [r["state"] for r in unit.records() if r.get("code") == "safe-mode"] == ["raised", "cleared"]
    assert any(r["kind"] == "reading" for r in unit.records())


def test_switching_off_and_on_gives_three_new_tries(tmp_path: Path) -> None:
    unit = Unit(tmp_path, DIES, cuts=[1.0])
    unit.run(1.4)
    assert unit.events().count("power-on") == 2
    assert unit.events().count("task-died") == 6
    assert unit.reasons() == ["task-died", "task-died"]


HANGS = """
import asyncio
from edge.app.scale import Scale
async def never(self, *args):
    await asyncio.Event().wait()
Scale.look = never
"""


def test_a_wake_that_overruns_is_ended_and_says_what_still_ran(tmp_path: Path) -> None:
    unit = Unit(tmp_path, HANGS)
    result = unit.run(2)
    assert "overrun" in unit.events()
    assert result.counters.wakes >= 2, "it sleeps in between, for as long as it always does"
    awake = result.counters.boots
    assert awake <= 14


STUCK = """
import asyncio
from edge.supervisor import Supervisor
from edge.app.bin import Bin
well = Bin._look
async def works(self):
    self.unit.supervisor.check_in("bolt", 5000)
    await asyncio.sleep(3600)
Bin._look = works
"""


def test_who_checked_in_and_is_not_heard_of_again_restarts_the_unit(tmp_path: Path) -> None:
    unit = Unit(tmp_path, STUCK)
    unit.run(0.2)
    boot = next(r for r in unit.records() if r.get("reason") == "stuck")
    assert boot["breadcrumb"] == "bolt"


@pytest.mark.parametrize("settings", [b"", b"\x00" * 65_536], ids=["blank", "zeros"])
def test_without_settings_there_is_still_a_console_and_no_halt(tmp_path: Path, settings: bytes) -> None:
    unit = Unit(tmp_path, "")
    path = unit.image.path / "settings.bin"
    path.write_bytes(settings.ljust(65_536, b"\xff"))
    result = unit.run(2)
    assert result.halted is None
    assert unit.reasons()[0] == "settings-failed"
    assert result.counters.boots < 20


NO_BAYS = """
from edge.app import bin
class Bin(bin.Bin):
    def __init__(self, unit):
        if unit.settings["rev"]:
            raise KeyError("bays")
        super().__init__(unit)
bin.Bin = Bin
"""


def test_settings_on_trial_that_the_unit_cannot_start_with_are_rolled_back(tmp_path: Path) -> None:
    unit = Unit(tmp_path, NO_BAYS)
    path = unit.image.path / "settings.bin"
    store = edge("edge.store.settings")
    settings = store.load(Flash(path.read_bytes()))
    settings["trial"] = {"rev": 7, "config": {"wake_s": 900}}
    path.write_bytes(store.encode(settings, 65_536))
    unit.run(1)
    assert store.load(Flash(path.read_bytes())).get("trial") is None
    assert [r["state"] for r in unit.records() if r.get("code") == "settings-rolled-back"] == ["raised"]
    assert "safe-mode" not in unit.events(), "it did not come to that"
    assert any(r["kind"] == "reading" for r in unit.records()), "and the bin works"
