"""How a simulated scale comes by its calibration: as a maker and a crew take it, with the errors they have.

Test weights of class M1 (OIML R 111: 5e-5 of their mass) on the platform at five loads, at whatever
temperature it is; the temperature terms from a climate chamber, at -10 and +40 degrees C, good to a tenth.
"""

from typing import Any

from simulators.world.cell import NV_PER_COUNT, REFERENCE_C, Cell, CellSpec
from simulators.world.kernel import Stream

_WEIGHTS_ERROR = 5e-5
_CHAMBER_ERROR = 0.1
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def calibration(
    cell: CellSpec, cal: str, max_g: int, e_g: int, temp_c: float = REFERENCE_C
) -> dict[str, Any]:
    """`settings["scales"][name]` of a scale on this cell. A pure function of its arguments."""
    rng = Stream("calibration", cal, cell.zero_nv, cell.nv_per_g)
    platform = Cell(cell, 0)
    points = []
    for share in _SHARES:
        nominal = round(max_g * share)
        platform.put(nominal * (1 + rng.uniform(-1, 1) * _WEIGHTS_ERROR) - platform.load_g, 0)
        points.append([round(platform.signal_nv(0, temp_c) / NV_PER_COUNT), nominal])
    zero_tc = cell.zero_nv_per_k * (1 + rng.uniform(-1, 1) * _CHAMBER_ERROR) / NV_PER_COUNT
    span_tc = cell.span_ppm_per_k * (1 + rng.uniform(-1, 1) * _CHAMBER_ERROR)
    return {
        "cal": cal,
        "e_g": e_g,
        "max_g": max_g,
        "points": points,
        "zero": points[0][0],
        "temp_dc": round(temp_c * 10),
        "zero_tc": round(zero_tc),
        "span_tc": round(span_tc),
    }
