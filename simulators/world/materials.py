"""What people bring: categories, how densely they lie in a bay, how big a load is."""

from dataclasses import dataclass

from simulators.world.kernel import Stream


@dataclass(frozen=True, slots=True)
class Material:
    """One collection category, loose in a bay. Densities are common planning values for
    uncompacted material.
    """

    key: str
    name_en: str
    name_zh: str
    density_g_l: float
    """Mean bulk density; a single load varies by about a third."""
    pieces: int
    """The most lumps that one visit comes in."""


MATERIALS = {
    m.key: m
    for m in (
        Material("paper", "Paper", "废纸", 85, 4),
        Material("plastic", "Plastic", "废塑料", 32, 5),
        Material("steel", "Steel", "废钢铁", 140, 3),
        Material("nonferrous", "Non-ferrous metal", "废有色金属", 60, 3),
        Material("textile", "Textiles", "废旧纺织品", 130, 3),
        Material("glass", "Glass", "废玻璃", 290, 4),
        Material("weee", "Electronics", "废弃电器电子产品", 220, 1),
    )
}

MEAN_LOAD_L = 11.0
"""Mean volume of one visit's load: a shopping bag to a few boxes. An assumption: no data set at hand says."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one visitor puts in, lump by lump: (grams, millilitres)."""

    pieces: list[tuple[int, int]]

    @property
    def mass_g(self) -> int:
        """Total mass."""
        return sum(mass for mass, _ in self.pieces)

    @property
    def volume_ml(self) -> int:
        """Total volume."""
        return sum(volume for _, volume in self.pieces)


def draw_load(rng: Stream, material: Material) -> Load:
    """One visitor's load: log-normal volume around `MEAN_LOAD_L`, density of the material give or take a
    third.
    """
    litres = min(rng.lognormvariate(2.12, 0.74), 70.0)
    density = material.density_g_l * min(max(rng.lognormvariate(0, 0.3), 0.4), 2.5)
    count = rng.randint(1, material.pieces)
    shares = [rng.uniform(0.4, 1.0) for _ in range(count)]
    total = sum(shares)
    return Load(
        [
            (max(round(litres * density * s / total), 5), max(round(litres * 1000 * s / total), 50))
            for s in shares
        ]
    )
