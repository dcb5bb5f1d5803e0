"""One bin in a 32-bit interpreter, its heap looked at whenever its chip goes to sleep."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from simulators.board.firmware import FIRMWARE
from simulators.board.image import Image
from simulators.board.interpreter import InterpreterError
from simulators.board.narrow import Narrow
from simulators.board.virtual import Fidelity, run
from simulators.scene import Scene
from simulators.world.district import district

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
HEAP = Path(__file__).parent / "vm" / "heap.py"
MODULES = Path(__file__).parent / "vm" / "modules.py"
"""What runs beside the firmware: MODULES tells what each module takes, too, which makes a start slow."""

_BLOCK_B = 16

# In place of the firmware's own: what it has loaded, and given back, without anything done with it. The lists
# lie beside the flash images, so that they take no room.
_MAIN = """
import json
import _hw
import machine
with open(_hw.config["partitions"][0][1] + ".json") as f:
    loaded, gone = json.load(f)
for name in loaded:
    __import__(name)
from edge.unload import unload
unload(gone)
del loaded, gone, name, f
machine.deepsleep(1000)
"""


@dataclass(frozen=True, slots=True)
class Look:
    """The heap at the end of one wake; bytes."""

    at_ms: int
    live: int
    """Of the firmware: what the stand-ins take is taken off."""
    modules: dict[str, int]
    """What each module took that was loaded in this wake, in their order; empty unless asked for."""
    gone: tuple[str, ...]
    """Those of them that are not loaded any more."""
    largest: int
    """The largest free block."""
    peak: int
    """The most that was seen alive while awake; 0 unless asked for."""

    @property
    def data(self) -> int:
        """What is alive beside the modules (needs them told)."""
        return self.live - code(tuple(self.modules), self.gone)


@dataclass(slots=True)
class Bench:
    """A bin that can be run on."""

    image: Image
    scene: Scene
    _read: int = 0

    def run(
        self,
        until_ms: int,
        *,
        in_place: bool = True,
        probe: Path = HEAP,
        firmware: Path = FIRMWARE,
        on_time: Callable[[int], None] = lambda _ms: None,
    ) -> list[Look]:
        """Go on until then, each wake a start as on the chip. Raises InterpreterError."""
        result = run(
            self.image,
            self.scene,
            until_ms,
            fidelity=Fidelity.FULL,
            firmware=firmware,
            on_time=on_time,
            launch=Narrow(in_place=in_place, probe=probe),
        )
        words = (self.image.path / "vm.log").read_text(encoding="utf-8", errors="replace")
        if result.halted is not None:
            raise InterpreterError(f"the firmware ended: {result.halted}. Its last words:\n{words[-1000:]}")
        looks = list(_looks(words[self._read :]))
        self._read = len(words)
        return looks

    def records(self) -> int:
        """How many there are so far."""
        return max((seq for _log, seq, _data in self.image.logged()), default=0)


@contextmanager
def fresh(seed: int, board: str = "bin-s3") -> Iterator[Bench]:
    """The district's first bin with this board, fresh from the bench."""
    plan = district(seed)
    device = next(unit.device for unit in plan.bins if unit.board == board)
    with tempfile.TemporaryDirectory(prefix="huishou-heap-") as folder:
        image = Image.create(Path(folder), device, board, plan.settings(device), seed, START_MS)
        yield Bench(image, plan.scene(device, START_MS))


@cache
def code(modules: tuple[str, ...], gone: tuple[str, ...]) -> int:
    """Bytes that are alive when these modules have been loaded in this order, those that are gone given back,
    and nothing was done with them. All else that a firmware holds is its data.
    """
    with fresh(1) as bench, tempfile.TemporaryDirectory(prefix="huishou-heap-") as folder:
        firmware = Path(folder)
        shutil.copytree(FIRMWARE / "edge", firmware / "edge", ignore=shutil.ignore_patterns("__pycache__"))
        (firmware / "main.py").write_text(_MAIN, encoding="utf-8")
        loaded = [name for name in modules if name != "main"]
        given_back = " ".join(name.removeprefix("edge.") for name in gone if name.startswith("edge."))
        lists = Path(bench.image.partitions()[0][1] + ".json")
        lists.write_text(json.dumps([loaded, given_back]), encoding="utf-8")
        return bench.run(START_MS + 60_000, firmware=firmware)[0].live


def _looks(words: str) -> Iterator[Look]:
    """What the probes printed."""
    base, modules, slept, peak = 0, dict[str, int](), dict[str, Any](), 0
    for line in words.splitlines():
        word, _, document = line.partition(" ")
        if word == "base":
            base, modules = json.loads(document)["live"], {}
        elif word == "module":
            told = json.loads(document)
            modules[told["name"]] = told["bytes"]
        elif word == "awake":
            peak = max(peak, json.loads(document)["live"] - base)
        elif word == "sleep":
            slept = json.loads(document)
        elif found := re.search(r"max free sz: (\d+)", line):
            gone = tuple(name for name in modules if name not in slept["loaded"])
            largest = int(found[1]) * _BLOCK_B
            yield Look(slept["at_ms"], slept["live"] - base, modules, gone, largest, peak)
            modules, peak = {}, 0
