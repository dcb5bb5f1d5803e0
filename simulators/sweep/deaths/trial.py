"""One death: a unit that lives its ordinary life, the blow at a random instant, and time to speak."""

import atexit
import random
import shutil
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from simulators.board.firmware import FIRMWARE, edge
from simulators.board.image import Image
from simulators.board.virtual import run
from simulators.scene import BrownOut, PowerCut
from simulators.sweep.deaths.judge import ALLOWED, Event, Flash, black_box, decode, named, since, told
from simulators.world.district import district
from simulators.world.kernel import Kernel, Part

START_MS = 1_790_000_000_000
DEATHS = tuple(ALLOWED)
_SABOTEUR = Path(__file__).parent / "vm"
_LIFE_MS = {"bin": 40 * 60_000, "truck": 5 * 60_000}  # at least: the clock is set, an upload is behind it
_SPREAD_MS = {"bin": 60 * 60_000, "truck": 5 * 60_000}
_AFTER_MS = {"bin": 150 * 60_000, "truck": 8 * 60_000}  # a bin that has no news is heard of once an hour
_WEAK, _WEAK_MS = 0.1, 40 * 60_000  # of the charge, and for how long before: 3.5 V
_EMPTY, _EMPTYING_MS = 0.055, 34 * 60_000  # 3.36 V: little enough to be told before it is too late to write
_BACK = 0.4  # a day in the sun


@dataclass(frozen=True, slots=True)
class Outcome:
    """`happened`: whether the blow fell (some wait for a call that did not come). `cause`: what the records
    say; `box`: what the black box says; `events`: what it holds; `words`: tracebacks.
    """

    death: str
    unit: str
    number: int
    happened: bool
    cause: str
    box: str
    events: list[Event]
    words: str

    @property
    def right(self) -> bool:
        """Whether records and black box both name it. A flash that takes no record leaves the
        black box; so does a modem that is cured at the next try, since one failure is no fault yet.
        """
        allowed = ALLOWED[self.death]
        recorded = self.cause in allowed or (self.death in ("flash", "modem") and self.cause == "nothing")
        return recorded and self.box in allowed


@dataclass(frozen=True, slots=True)
class Trial:
    """`number`: its seed within the sweep's."""

    seed: int
    death: str
    number: int

    def play(self) -> Outcome:
        """Run it; everything about it follows from its fields."""
        rng = random.Random(f"{self.seed}/{self.death}/{self.number}")
        plan = district(1 + rng.randrange(20))
        unit = "truck" if self.number % 6 == 5 and self.death not in ("brown-out", "modem") else "bin"
        device = f"{unit}-01" if unit == "truck" else f"bin-{1 + rng.randrange(40):03d}"
        at_ms = START_MS + _LIFE_MS[unit] + rng.randrange(_SPREAD_MS[unit])
        plot = {"death": self.death, "at_ms": at_ms, "pick": rng.randrange(1_000_000)}
        settings = {**plan.settings(device), "sabotage": plot}
        board = settings["board"]["id"]
        with tempfile.TemporaryDirectory(prefix="huishou-deaths-") as folder:
            image = Image.create(Path(folder), device, board, settings, rng.randrange(1_000_000), START_MS)
            scene = plan.scene(device, START_MS)
            before = _Blow(scene, image, self.death, at_ms, rng)
            end_ms = at_ms + _AFTER_MS[unit]
            run(image, scene, at_ms + 1 if self.death == "settings" else end_ms, firmware=_firmware())
            if self.death == "settings":
                _spoil(image, rng)
                run(image, scene, end_ms, firmware=_firmware())
            records = decode(image.logged())
            events = black_box((Path(folder) / "events.bin").read_bytes())
            words = (Path(folder) / "vm.log").read_text(encoding="utf-8", errors="replace")
        happened = before.struck or "SABOTAGE" in words
        cause = named(since(records, before.next_seq))
        return Outcome(
            self.death,
            unit,
            self.number,
            happened,
            cause,
            told(events[before.events :], before.boot),
            events,
            words,
        )


class _Blow(Part):
    """Notes what is on flash at the instant of the blow, and strikes where it comes from outside."""

    def __init__(self, scene: Kernel, image: Image, death: str, at_ms: int, rng: random.Random) -> None:
        super().__init__(scene, "blow")
        self._image, self._death, self._rng = image, death, rng
        self.next_seq, self.events, self.boot = 1, 0, 0
        self.struck = death in ("button", "brown-out", "settings")
        self._deep = rng.random() < 0.4  # a brown-out: the cell is empty, not merely weak
        if death == "brown-out":
            scene.at(at_ms - (_EMPTYING_MS if self._deep else _WEAK_MS), "blow.weaken")
        scene.at(at_ms, "blow.strike")

    def on_weaken(self) -> None:
        """The cell loses its charge, and the sun does not shine."""
        supply: Any = self.world.parts["supply"]
        supply.set_fault("no-panel")
        supply.charge_mwh = (_EMPTY if self._deep else _WEAK) * supply.capacity_mwh

    def on_strike(self) -> None:
        """Look, then strike."""
        records = decode(self._image.logged())
        events = black_box((self._image.path / "events.bin").read_bytes())
        self.next_seq = records[-1]["seq"] + 1 if records else 1
        self.events, self.boot = len(events), events[-1].boot if events else 0
        if self._death == "modem" and "modem" in self.world.parts:
            self.struck = True
            self.world.set_fault("modem", "silent")
        elif self._death == "button":
            self.world.emit(PowerCut(self._rng.choice((300, 2_000, 20_000))))
        elif self._death == "brown-out" and self._deep:
            self.world.emit(PowerCut(1_800_000))
            supply: Any = self.world.parts["supply"]
            supply.charge_mwh = _BACK * supply.capacity_mwh
        elif self._death == "brown-out":
            self.world.emit(BrownOut(self._rng.choice((5, 300, 1_500))))


def _spoil(image: Image, rng: random.Random) -> None:
    """The settings become what the firmware cannot start with."""
    store = edge("edge.store.settings")
    path = image.path / "settings.bin"
    how = rng.randrange(4)
    if how == 0:
        path.write_bytes(b"\xff" * path.stat().st_size)
        return
    settings = store.load(Flash(path.read_bytes()))
    board = settings["board"]["parts"]
    if how == 1:
        settings.pop("board")
    elif how == 2:
        board[rng.choice(sorted(board))]["driver"] = "no-such"
        settings["board"]["parts"] = {name: {**part, "driver": "no-such"} for name, part in board.items()}
    else:
        settings.pop("broker")
    path.write_bytes(store.encode(settings, path.stat().st_size))


@cache
def _firmware() -> Path:
    """The firmware with the saboteur beside it, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="huishou-saboteur-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(FIRMWARE / "edge", folder / "edge", ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))
    for name in ("main.py", "sabotage.py"):
        shutil.copy(_SABOTEUR / name, folder / name)
    return folder
