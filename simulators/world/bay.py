"""One bay of a bin: what lies in it, what it weighs on its scale, how far the distance sensor sees."""

from dataclasses import dataclass
from typing import Any

from simulators.world.cell import CellSpec
from simulators.world.kernel import Kernel, Part, Stream
from simulators.world.scale import Scale
from simulators.world.sight import Sight


@dataclass(frozen=True, slots=True)
class BaySpec:
    """One bay as it was built and is used."""

    bay: int
    category: str
    scale: str
    lock: str
    ranger: str | None
    """Names of the board's parts that serve it."""
    volume_l: int
    empty_mm: int
    """What the distance sensor reads on the empty bay's floor,"""
    full_mm: int
    """and at the brim."""
    fill_pct_per_day: float
    cell: CellSpec


class Bay(Part):
    """Contents and their effects."""

    LASTING = ("mass_g", "volume_ml", "heap_mm")

    def __init__(self, world: Kernel, spec: BaySpec, scale: Scale, ranger: Sight | None) -> None:
        super().__init__(world, f"bay{spec.bay}")
        self.spec = spec
        self.scale = scale
        self._ranger = ranger
        self.mass_g = 0
        self.volume_ml = 0
        self.heap_mm = 0.0
        self._look()

    @property
    def fill(self) -> float:
        """Share of the bay's volume that is taken."""
        return self.volume_ml / (self.spec.volume_l * 1000)

    def move(self, mass_g: int, volume_ml: int) -> bool:
        """A lump goes in (or, negative, out). False: it does not fit."""
        if volume_ml > 0 and self.volume_ml + volume_ml > self.spec.volume_l * 1050:
            return False
        self.mass_g += mass_g
        self.volume_ml = max(self.volume_ml + volume_ml, 0)
        # The sensor sees whatever lies under it, not the mean height of the heap.
        self.heap_mm = self.rng("heap").normalvariate(0, 25) if self.volume_ml else 0.0
        self.scale.put(mass_g)
        self._look()
        return True

    def lumps_out(self, rng: Stream) -> list[list[int]]:
        """What a crew's handfuls are, as (g, ml) below zero: everything, but for a scrap that now and then
        stays.
        """
        stays = rng.uniform(0, 0.02) if rng.random() < 0.2 else 0.0
        mass, volume = round(self.mass_g * (1 - stays)), round(self.volume_ml * (1 - stays))
        if mass <= 0:
            return []
        count = min(6, 1 + mass // 8_000)
        lumps = [[-(mass // count), -(volume // count)] for _ in range(count)]
        lumps[-1] = [-(mass - mass // count * (count - 1)), -(volume - volume // count * (count - 1))]
        return lumps

    def fill_up(self, mass_g: int, volume_ml: int) -> None:
        """What lies in the bay when the world begins."""
        self.mass_g, self.volume_ml = mass_g, volume_ml
        self.scale.rest(mass_g)
        self._look()

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._look()

    def _look(self) -> None:
        if self._ranger is not None:
            depth = self.spec.empty_mm - self.spec.full_mm
            height = min(max(self.fill * depth + self.heap_mm, 0.0), depth + 60.0)
            self._ranger.distance_mm = self.spec.empty_mm - height
