"""The table of OIML R 76-1 at verification: error of indication, up and down, per load and temperature."""

from dataclasses import dataclass

from simulators.bench.weighing.station import AFTER_MS, Station
from simulators.world.build import BIN_E_G, BIN_MAX_G

TEMPERATURES_C = (-20, -10, 0, 10, 20, 30, 40, 50)
"""R 76 asks for -10 to +40 (3.9.2.1); what is outside is shown and judged all the same."""
LOADS_E = (20, 100, 250, 500, 1_000, 1_500, 2_000, 2_500, 3_000)
"""Min, the ends of the bands, Max, and between."""


def mpe_e(load_e: float) -> float:
    """Maximum permissible error at initial verification, class III, in e (R 76-1, table 6)."""
    return 0.5 if load_e <= 500 else 1.0 if load_e <= 2_000 else 1.5


@dataclass(frozen=True, slots=True)
class Point:
    """One reading of one scale."""

    station: int
    temp_c: int
    load_e: int
    error_e: float
    """Before rounding, as the method of change points finds it (R 76-1, A.4.4.3)."""

    @property
    def within(self) -> bool:
        """At most the maximum permissible error."""
        return abs(self.error_e) <= mpe_e(self.load_e)


def verify(seed: int, station: int) -> list[Point]:
    """One scale through all loads at all temperatures: zero set at each (A.5.3.1), then up, then down."""
    at = Station(seed, station)
    points = []
    for temp_c in TEMPERATURES_C:
        at.chamber(temp_c)
        at.scale.rest(0.0)
        at.set_zero()
        for load_e in (*LOADS_E, *LOADS_E[-2::-1]):
            at.scale.put(load_e * BIN_E_G - at.scale.load_g)
            at.wait(5_000)
            found = at.weigh(AFTER_MS)
            if found.mg is None or not found.stable:
                raise RuntimeError(f"scale {station} at {temp_c} C, {load_e} e: {found.code}")
            points.append(Point(station, temp_c, load_e, (found.mg / 1000 / BIN_E_G) - load_e))
            at.wait(10_000)
    return points


def greatest(points: list[Point]) -> dict[tuple[int, int], float]:
    """The greatest error in e by (temperature, load), sign kept."""
    found: dict[tuple[int, int], float] = {}
    for p in points:
        key = p.temp_c, p.load_e
        if abs(p.error_e) >= abs(found.get(key, 0.0)):
            found[key] = p.error_e
    return found


if LOADS_E[-1] * BIN_E_G != BIN_MAX_G:
    raise ValueError(f"the loads end at {LOADS_E[-1]} e, Max is {BIN_MAX_G // BIN_E_G} e")
