"""Everything that goes wrong at a bin's doors: power cuts in the middle of visits, parts that break and mend,
silly hands, a crowbar. How likely each is counts per visit.
"""

from collections.abc import Mapping
from typing import Any

from simulators.scene import PowerCut
from simulators.world.bin import BinScene
from simulators.world.kernel import Part

SILLY = {
    "reopens": 0.15,
    "both-doors": 0.15,
    "second-token": 0.10,
    "leans": 0.06,
    "forgets-long": 0.02,
}
"""Whims of `Visitor.whims`."""

BREAKS = {
    "lock": ("jammed", "slow", "sticky", "bolt-switch", "door-switch"),
    "scale": ("disconnected", "excitation", "noisy", "stuck", "overloaded", "line-high", "clock-open"),
    "reader": ("dead",),  # a garbled card is another card: what no check digit can tell, no bin can
    "network": ("down",),
    "supply": ("worn", "weak"),
    "climate": ("disconnected",),
}
"""Faults by the beginning of the part's name."""

_DARK_MS = 1_800_000
_CUT_OFF_MS = (400, 3_000, 60_000, 480_000)  # a loose plug, a watchdog of the supply, a change of the cell


class Mischief(Part):
    """Attached to a bin's scene. `rates`: of `cut`, `break` and `crowbar`, per visit."""

    def __init__(self, scene: BinScene, rates: Mapping[str, float], silly: Mapping[str, float]) -> None:
        super().__init__(scene, "mischief")
        self._scene = scene
        self._rates = rates
        scene.visitor.whims = dict(silly)
        scene.visitor.began = self._visit_began
        self.resting = False

    def rest(self) -> None:
        """From now on nothing goes wrong; what is broken is mended."""
        self.resting = True
        self._scene.visitor.whims = {}
        for name, part in self._scene.parts.items():
            if part.fault is not None:
                self._scene.set_fault(name, None)

    def _visit_began(self) -> None:
        if self.resting:
            return
        rng = self.rng("plan")
        if rng.random() < self._rates.get("cut", 0):
            self.after(rng.uniform(0, 45_000), "cut", rng.choice(_CUT_OFF_MS))
            if rng.random() < 0.2:  # and once more, while it is still busy with the first
                self.after(rng.uniform(3_000, 75_000), "cut", 1_000)
        if rng.random() < self._rates.get("break", 0):
            self._break(rng.uniform(0, 20_000))
        if rng.random() < self._rates.get("crowbar", 0):
            lock = rng.choice([bay.lock for bay in self._scene.spec.bays])
            self.after(rng.uniform(120_000, 600_000), "crowbar", lock)

    def _break(self, delay_ms: float) -> None:
        rng = self.rng("faults")
        kind = rng.choice(list(BREAKS))
        parts = [name for name, part in self._scene.parts.items() if name.startswith(kind) and part.FAULTS]
        part = rng.choice(parts)
        self.after(delay_ms, "break", part, rng.choice(BREAKS[kind]))
        self.after(delay_ms + rng.uniform(5_000, 900_000), "mend", part)

    def on_cut(self, off_ms: int) -> None:
        """The supply fails."""
        if not self.resting:
            self.world.record("cut", off_ms=off_ms)
            self.world.emit(PowerCut(off_ms))

    def on_break(self, part: str, fault: str) -> None:
        """A part breaks, unless it is broken already."""
        if not self.resting and self.world.parts[part].fault is None:
            self.world.set_fault(part, fault)

    def on_mend(self, part: str) -> None:
        """And is mended."""
        if self.world.parts[part].fault is not None:
            self.world.set_fault(part, None)

    def on_crowbar(self, lock: str) -> None:
        """A shut door is forced while nobody is at the bin; something is thrown in; it falls shut again."""
        door: Any = self.world.parts[lock]
        if self.resting or self._scene.visitor.here is not None or not door.closed or not door.bolted:
            return
        if (
            self._scene.supply.state_name == "off"
            and self.world.now - self._scene.visitor.opened_ms < _DARK_MS
        ):
            return  # forced in the dark right after an honest visitor: no bin could tell the two apart
        rng = self.rng("crowbar")
        bay = next(bay for bay in self._scene.bays.values() if bay.spec.lock == lock)
        mass_g = rng.randint(500, 4_000) if rng.random() < 0.6 else 0
        if mass_g and not bay.move(mass_g, 4 * mass_g):
            mass_g = 0
        self.world.record("crowbar", door=lock, mass_g=mass_g)
        door.swing(closed=False)
        self.after(rng.uniform(2_000, 20_000), "fall_shut", lock)

    def on_fall_shut(self, lock: str) -> None:
        """The forced door falls shut; its bolt was out of the way or gives way once more."""
        door: Any = self.world.parts[lock]
        door.swing(closed=True)
