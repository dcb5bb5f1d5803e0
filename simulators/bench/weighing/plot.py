"""The R 76 table and the deposits as one picture."""

from pathlib import Path

from simulators.bench.weighing.deposits import Deposits
from simulators.bench.weighing.verification import LOADS_E, TEMPERATURES_C, Point, mpe_e
from simulators.world.build import BIN_E_G


def plot(points: list[Point], found: Deposits, file: Path) -> None:
    """Errors of indication over the load, with R 76's limits; net errors of deposits over the temperature."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "huishou"
    from matplotlib import pyplot

    figure, (table, net) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    warmth = pyplot.get_cmap("coolwarm")
    for k, temp_c in enumerate(TEMPERATURES_C):
        mine = [p for p in points if p.temp_c == temp_c]
        table.plot(
            [p.load_e + 8 * (k - 3.5) for p in mine],
            [p.error_e for p in mine],
            ".",
            markersize=3,
            color=warmth(k / (len(TEMPERATURES_C) - 1)),
            label=f"{temp_c} °C",
        )
    edges = [0, 500, 500, 2_000, 2_000, LOADS_E[-1]]
    limit = [mpe_e(x) for x in (1, 500, 501, 2_000, 2_001, LOADS_E[-1])]
    for sign in (1, -1):
        table.plot(edges, [sign * value for value in limit], color="black", linewidth=1)
    table.set_title("Error of indication at verification (OIML R 76-1, class III)")
    table.set_xlabel("load, e")
    table.set_ylabel("error, e")
    table.set_ylim(-2.1, 2.1)
    table.legend(fontsize="x-small", ncols=4, loc="lower center")
    net.plot(
        [temp for temp, _, _ in found.errors],
        [error / BIN_E_G for _, _, error in found.errors],
        ".",
        markersize=2,
        color="black",
        alpha=0.3,
        rasterized=True,
    )
    net.set_ylim(-2.1, 2.1)
    for interval in (-1, 1):
        net.axhline(interval, color="#4c78a8", linewidth=1)
    net.set_title(f"Net error of {len(found.errors):,} deposits")
    net.set_xlabel("temperature of the cell, °C")
    net.set_ylabel("error, e")
    for axes in (table, net):
        axes.spines[["top", "right"]].set_visible(False)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
