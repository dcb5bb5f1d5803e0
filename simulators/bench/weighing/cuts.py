"""A thousand power cuts at random instants, torn flash writes among them: what they do to zero.

The unmodified firmware in the VM, one bay empty, one loaded, out in the weather, its temperature terms left
out of the calibration so that zero has reason to move and to be written. What is stored is what is in force
(`edge/app/scale.py`); so zero is read from the flash at each cut and when the supply is back. Between cuts
zero may track, as R 76 allows; a cut must not move it.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.bench.weighing.station import NOW_MS
from simulators.board.firmware import edge
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.scene import PowerCut
from simulators.world.bin import BinScene, Collection
from simulators.world.build import BIN_E_G
from simulators.world.district import district
from simulators.world.kernel import Stream

_DEVICE = "bin-001"
_LOADED_G = 20_000
_TURN_MS = 5 * 3_600_000
"""Of the virtual time in which one flash operation is torn, and some fifteen cuts come besides."""


@dataclass
class Cuts:
    """`moved_e`: the greatest move of a zero by a cut. `loaded_e`: how far the loaded bay's zero went in all.
    `written`: how often a zero was stored. `empty_e`: the empty bay's greatest indication.
    """

    cuts: int = 0
    torn: int = 0
    moved_e: float = 0.0
    loaded_e: float = 0.0
    empty_e: float = 0.0
    written: int = 0


class _Flash:
    """The `state` partition of an image, as the firmware's own store reads it."""

    def __init__(self, image: Image) -> None:
        self._file = next(Path(file) for label, file, _ in image.partitions() if label == "state")

    def readblocks(self, block: int, buf: bytearray, offset: int = 0) -> None:
        """Some bytes."""
        at = block * 4096 + offset
        buf[:] = self._file.read_bytes()[at : at + len(buf)]

    def ioctl(self, op: int, _arg: int) -> int:
        """Its size."""
        return self._file.stat().st_size // 4096 if op == 4 else 4096


class _Cutting(BinScene):
    """Nobody comes; the supply fails at random instants."""

    zero_g: Callable[[], dict[str, float]]
    on_both: Callable[[dict[str, float], dict[str, float]], None]
    cuts = 0

    def on_cut(self) -> None:
        """The supply fails, for seconds to minutes, and will again."""
        self.cuts += 1
        rng = self.rng("cuts")
        off_ms = rng.randrange(500, 120_000)
        self.emit(PowerCut(off_ms))
        self._at_cut = self.zero_g()
        self.after(off_ms + 100, "back")
        soon, late = rng.randrange(1_000, 20_000), rng.randrange(60_000, 2_400_000)
        self.after(off_ms + rng.choice([soon, late]), "cut")

    def on_back(self) -> None:
        """The supply is back; the firmware has not yet begun."""
        self.on_both(self._at_cut, self.zero_g())


def _no_crew(_after_ms: int) -> Collection | None:
    return None


def power_cuts(seed: int, count: int, told: Callable[[], None] = lambda: None) -> Cuts:
    """At least so many cuts."""
    plan = district(seed)
    settings = plan.settings(_DEVICE) | {"wake_s": 600}
    for scale in settings["scales"].values():
        scale["zero_tc"] = scale["span_tc"] = 0
    cals = {name: edge("edge.measure.calibration").Calibration(s) for name, s in settings["scales"].items()}
    scene = _Cutting(plan.bins[0], seed, NOW_MS, _no_crew, pace=0.0)
    scene.bays[1].fill_up(0, 0)
    scene.bays[2].fill_up(_LOADED_G, 100_000)
    found, rng = Cuts(), Stream("torn", seed)
    seen: dict[str, float] = dict.fromkeys(cals, 0.0)

    def both(before: dict[str, float], after: dict[str, float]) -> None:
        found.cuts += 1
        told()
        for name in cals:
            found.moved_e = max(found.moved_e, abs(after[name] - before[name]) / BIN_E_G)
            found.written += after[name] != seen[name]
            seen[name] = after[name]
        found.loaded_e = max(found.loaded_e, abs(after["scale1"]) / BIN_E_G)

    with tempfile.TemporaryDirectory(prefix="huishou-bench-") as folder:
        image = Image.create(Path(folder) / _DEVICE, _DEVICE, "bin-s3", settings, seed, NOW_MS)
        scene.zero_g = lambda: _zeros(image, cals)
        scene.on_both = both
        scene.after(60_000, "cut")
        while found.cuts < count:
            until = image.now_ms + _TURN_MS
            run(image, scene, until, fidelity=Fidelity.FAST, cut_at_flash_op=rng.randint(1, 30))
            found.torn += 1
        readings = [r for _, _, text in image.logged() if (r := json.loads(text))["kind"] == "reading"]
        empty = [r["mass_g"] for r in readings if r["bay"] == 1 and "mass_g" in r]
        found.empty_e = max(abs(g) for g in empty) / BIN_E_G
    return found


def _zeros(image: Image, cals: dict[str, Any]) -> dict[str, float]:
    """How far each zero in force lies from its calibration's, in grams."""
    kept = edge("edge.store.state").State(_Flash(image)).get("zero", {})
    zero = edge("edge.measure.zero").Zero
    return {name: cal.mg(zero(cal, kept.get(name)).counts, cal.zero) / 1000 for name, cal in cals.items()}
