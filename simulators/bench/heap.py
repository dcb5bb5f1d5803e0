"""One bin in a 32-bit interpreter, its heap looked at whenever its chip goes to sleep."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True, slots=True)
class Look:
    """The heap at the end of one wake; bytes."""

    at_ms: int
    live: int
    """Of the firmware: what the stand-ins take is taken off."""
    modules: dict[str, int]
    """What each module that was loaded in this wake took; empty unless asked for."""
    largest: int
    """The largest free block."""

    @property
    def data(self) -> int:
        """What is alive beside the modules."""
        return self.live - sum(self.modules.values())


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
        on_time: Callable[[int], None] = lambda _ms: None,
    ) -> list[Look]:
        """Go on until then, each wake a start as on the chip. Raises InterpreterError."""
        launch = Narrow(in_place=in_place, probe=probe)
        result = run(self.image, self.scene, until_ms, fidelity=Fidelity.FULL, on_time=on_time, launch=launch)
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
def fresh(seed: int) -> Iterator[Bench]:
    """A bin of the district fresh from the bench."""
    plan = district(seed)
    device = plan.bins[0].device
    with tempfile.TemporaryDirectory(prefix="huishou-heap-") as folder:
        image = Image.create(Path(folder), device, "bin-s3", plan.settings(device), seed, START_MS)
        yield Bench(image, plan.scene(device, START_MS))


def _looks(words: str) -> Iterator[Look]:
    """What the probes printed."""
    base, modules, at_ms, live = 0, dict[str, int](), 0, 0
    for line in words.splitlines():
        word, _, document = line.partition(" ")
        if word == "base":
            base, modules = json.loads(document)["live"], {}
        elif word == "module":
            told = json.loads(document)
            modules[told["name"]] = told["bytes"]
        elif word == "sleep":
            told = json.loads(document)
            at_ms, live = told["at_ms"], told["live"] - base
        elif found := re.search(r"max free sz: (\d+)", line):
            yield Look(at_ms, live, modules, int(found[1]) * _BLOCK_B)
            modules = {}
