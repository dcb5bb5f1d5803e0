"""How the units of a district were built: a pure function of its seed. Fill speeds are Wyndham's,
tolerances of load cells those of class C3 data sheets.
"""

from simulators.world.bay import BaySpec
from simulators.world.bin import BinSpec
from simulators.world.cell import CellSpec
from simulators.world.kernel import Stream
from simulators.world.materials import MATERIALS
from simulators.world.power import SolarSpec
from simulators.world.rounds import Due
from simulators.world.tables import from_quantiles, table
from simulators.world.town import Site
from simulators.world.truck_parts import TruckSpec

_BIN_BOARD, _MODEM_BOARD, _TRUCK_BOARD = "bin-s3", "bin-s3-lte", "truck-s3"
_OUT_OF_REACH = 8, 5
"""One bin in so many, from this index on, stands where no Wi-Fi reaches and has a modem."""
_VOLUME_L = {
    "paper": 600,
    "plastic": 600,
    "textile": 400,
    "nonferrous": 500,
    "weee": 240,
    "glass": 180,
    "steel": 350,
}
_BAYS = {
    "estate": [("paper", "plastic"), ("paper", "textile"), ("paper", "glass"), ("plastic", "textile")],
    "shop": [("paper", "plastic"), ("paper", "nonferrous")],
    "office": [("paper", "plastic"), ("paper", "weee")],
}
BIN_MAX_G, BIN_E_G = 60_000, 20
LIFTER_MAX_G, LIFTER_E_G = 150_000, 100


def bin_spec(seed: int, index: int, site: Site) -> BinSpec:
    """The bin at a site."""
    device = f"bin-{index + 1:03d}"
    rng = Stream(seed, "built", device)
    board = _MODEM_BOARD if index % _OUT_OF_REACH[0] == _OUT_OF_REACH[1] else _BIN_BOARD
    categories = rng.choice(_BAYS[site.kind])
    speeds = table("wyndham")["fill_pct_per_day"]
    busy = from_quantiles(rng, speeds)
    bays = []
    for k, category in enumerate(categories):
        speed = min(max(0.6 * busy + 0.4 * from_quantiles(rng, speeds), speeds[0]), speeds[-1])
        bays.append(
            BaySpec(
                bay=k + 1,
                category=category,
                scale=f"scale{k}",
                lock=f"lock{k}",
                ranger="ranger0" if k == 0 and board == _BIN_BOARD else None,
                volume_l=_VOLUME_L[category],
                empty_mm=1_350,
                full_mm=250,
                fill_pct_per_day=round(speed, 1),
                cell=load_cell(rng, f"{seed}/{device}/{k}", 100_000, BIN_MAX_G, rng.uniform(11_000, 15_000)),
            )
        )
    # Sized for a hazy December and twenty dark days; what differs is the trees.
    solar = SolarSpec(cell_mwh=12_000, panel_w=3.0, shade=rng.uniform(0.45, 1.0))
    return BinSpec(device, board, site.id, seed, tuple(bays), solar, households=rng.randint(60, 400))


def load_cell(rng: Stream, name: str, rated_g: int, max_g: int, dead_g: float) -> CellSpec:
    """A C3 cell of 2 mV/V at 3.3 V, somewhere inside what OIML R 60 allows it (see `cell.py`).

    `rated_g` is the cell's own capacity, to which zero refers; `max_g` that of the scale, to which its
    errors do.
    """
    full_nv = 6.6e6
    nv_per_g = full_nv / rated_g * rng.uniform(0.995, 1.005)
    fine = Stream(name, "cell")
    return CellSpec(
        nv_per_g=nv_per_g,
        zero_nv=round(dead_g * nv_per_g + rng.uniform(-60_000, 60_000)),
        zero_nv_per_k=full_nv * 14e-6 * rng.uniform(-1, 1),
        span_ppm_per_k=rng.uniform(-7, 7),
        creep_permille=rng.uniform(-0.15, 0.15),
        capacity_g=max_g,
        nonlinearity_ppm=fine.uniform(-60, 60),
        hysteresis_ppm=fine.uniform(0, 60),
        gradient_nv_per_k_h=full_nv * 10e-6 * fine.uniform(-1, 1),
        noise_nv=round(fine.uniform(50, 90)),
        hum_nv=fine.uniform(0, 60),
    )


def due(spec: BinSpec) -> Due:
    """The fullest bay sets the cycle: emptied on average as full as Edinburgh's bins are."""
    fills = table("edinburgh")["fill_at_emptying_pct_quantiles"]
    mean_pct = sum(fills) / len(fills)
    period = mean_pct / max(bay.fill_pct_per_day for bay in spec.bays)
    expected = tuple(
        round(period * bay.fill_pct_per_day / 100 * bay.volume_l * MATERIALS[bay.category].density_g_l)
        for bay in spec.bays
    )
    return Due(period, expected)


def truck_spec(seed: int, number: int) -> TruckSpec:
    """One truck; `number` counts from 0."""
    device = f"truck-{number + 1:02d}"
    rng = Stream(seed, "built", device)
    cell = load_cell(rng, f"{seed}/{device}", 300_000, LIFTER_MAX_G, rng.uniform(8_000, 12_000))
    return TruckSpec(
        device, _TRUCK_BOARD, number, f"HS-{number + 1:03d}", round(rng.uniform(7_600, 8_400)) * 1000, cell
    )
