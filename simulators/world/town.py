"""A made-up district, drawn from a seed: streets, blocks, a river, parks, sites and fences. Pure data, no
time in it.

Everything is in metres around the centre (see `geometry`); `townmap` turns it into GeoJSON.
"""

import itertools
import math
from dataclasses import dataclass, replace
from functools import lru_cache

from simulators.world.blocks import Block, draw_blocks, middle, nearest_of
from simulators.world.geometry import Point, Ring, distance_m
from simulators.world.grid import Cell, Grid
from simulators.world.kernel import Stream
from simulators.world.names import Names
from simulators.world.streets import Street, Streets

_SITE_KINDS = {
    "residential": "estate",
    "commercial": "shop",
    "plaza": "shop",
    "office": "office",
    "school": "office",
}
_APART_M = 120.0
_ZONE_M = 28.0
"""A zone reaches beyond the streets around its block, so that no street runs along its border."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a bin stands."""

    id: str
    kind: str
    """`estate`, `shop` or `office`."""
    name_en: str
    name_zh: str
    point: Point
    node: int
    """The street node where a truck stops for it."""
    zone: int
    """Which truck's area it lies in."""


@dataclass(frozen=True, slots=True)
class Fence:
    """An area with a rule for cargo doors: `inside-only`, `never-inside` or None."""

    id: str
    name_en: str
    name_zh: str
    door: str | None
    ring: Ring


@dataclass(frozen=True, slots=True)
class Facility:
    """The transfer station or the sorting yard: where trucks drive in, weigh, unload and park."""

    id: str
    name_en: str
    name_zh: str
    point: Point
    bridge: int
    """Street nodes: on the weighbridge,"""
    hall: int
    """before the hall,"""
    parking: tuple[int, ...]
    """and the parking lots."""


class Town:
    """One district. Use `town(seed)`, which remembers what it has drawn."""

    def __init__(self, seed: int, sites: int = 64, trucks: int = 12) -> None:
        self.seed = seed
        self.truck_count = trucks
        rng = Stream(seed, "town")
        self._names = Names(Stream(seed, "names"))
        self._grid = grid = Grid(rng, self._names)
        self.border, self.river = grid.border, grid.river
        self.blocks = draw_blocks(grid, rng, seed)
        self._first_lane = len(grid.points)
        corner = grid.xs[-1], grid.ys[0]
        plants = sorted(
            (b for b in self.blocks if b.use == "industrial"),
            key=lambda b: distance_m(middle(b.cell), corner),
        )
        self.station = self._facility("station", plants[0], "再生资源中转站", "Transfer Station", trucks)
        self.yard = self._facility("yard", plants[-1], "分拣中心", "Sorting Yard", 2)
        self.blocks = [
            replace(b, buildings=[self._hall(b)]) if b in (plants[0], plants[-1]) else b for b in self.blocks
        ]
        self.streets = Streets(grid.points, grid.streets, grid.signals())
        self.sites = self._place_sites(Stream(seed, "sites"), sites)
        self.river_name = self._names.place("河", "River")
        self.lake_name = self._names.place("湖公园", "Lake Park")
        """English and Chinese."""
        plaza = nearest_of(self.blocks, "plaza", (0.0, 0.0))
        school = nearest_of(self.blocks, "school", (grid.xs[3], grid.ys[3]))
        self.fences = [
            Fence("district", "District border", "区界", None, self.border),
            self._fence("station", self.station.name_en, self.station.name_zh, "inside-only", plants[0], 2),
            self._fence("yard", self.yard.name_en, self.yard.name_zh, "inside-only", plants[-1], 2),
            self._fence("plaza", "Pedestrian zone", "步行街区", "never-inside", plaza, _ZONE_M),
            self._fence("school", "School zone", "学校区域", "never-inside", school, _ZONE_M),
        ]

    def drivable(self, node: int) -> bool:
        """Whether a street node is on a public street, not within the station or the yard."""
        return node < self._first_lane

    def _fence(self, id_: str, en: str, zh: str, door: str, block: Block, margin_m: float) -> Fence:
        west, south, east, north = block.cell
        ring = self._grid.bend.ring(west - margin_m, south - margin_m, east + margin_m, north + margin_m)
        return Fence(id_, en, zh, door, ring)

    def _facility(self, id_: str, block: Block, zh: str, en: str, parking: int) -> Facility:
        """A drive from the nearest street into the block: weighbridge, hall, a row of parking lots."""
        name_en, name_zh = self._names.place(zh, en)
        grid = self._grid
        west, south, east, north = block.cell
        gate_x = min(
            (x for x, y in grid.node_at if west < x < east), key=lambda x: abs(x - (west + east) / 2)
        )
        gate_y = max(y for x, y in grid.node_at if x == gate_x and y < south)
        bridge_y, hall_y = south + (north - south) * 0.28, self._hall_y(block)
        spacing = min(11.0, (east - west - 28) / parking)
        bridge, hall = grid.node(gate_x, bridge_y), grid.node(gate_x, hall_y)
        lots = [grid.node(west + 14 + k * spacing, hall_y) for k in range(parking)]
        lots = [n for n in lots if n != hall]
        drive = (grid.node_at[gate_x, gate_y], bridge, hall)
        grid.streets.append(Street(f"{id_}-drive", name_en, name_zh, "lane", drive))
        row = sorted([*lots, hall], key=lambda n: grid.points[n][0])
        grid.streets.append(Street(f"{id_}-lots", name_en, name_zh, "lane", tuple(row)))
        return Facility(id_, name_en, name_zh, grid.points[hall], bridge, hall, tuple(lots))

    def _hall(self, block: Block) -> Ring:
        """The one building of a station or yard, behind the row of parking lots."""
        west, _, east, north = block.cell
        floor = self._hall_y(block) + 14
        corners = [(west + 14, floor), (east - 14, floor), (east - 14, north - 8), (west + 14, north - 8)]
        return [self._grid.bend(*corner) for corner in (*corners, corners[0])]

    def _hall_y(self, block: Block) -> float:
        """Where the trucks stand before the hall, on the grid."""
        return block.cell[1] + (block.cell[3] - block.cell[1]) * 0.62

    def _edge(self, rng: Stream, cell: Cell) -> Point:
        """A point just inside the edge of a block."""
        west, south, east, north = cell
        share = rng.uniform(0.25, 0.75)
        x, y = west + share * (east - west), south + share * (north - south)
        sides = [(x, south + 3), (x, north - 3), (west + 3, y), (east - 3, y)]
        return self._grid.bend(*rng.choice(sides))

    def _place_sites(self, rng: Stream, count: int) -> list[Site]:
        """Bins stand at the edge of blocks, beside a street, apart from each other while there is room."""
        lots = [b for b in self.blocks if b.use in _SITE_KINDS]
        rng.shuffle(lots)
        driven = sorted({n for s in self._grid.streets if s.kind != "lane" for n in s.nodes})
        placed: list[tuple[str, str, str, Point, int]] = []
        for block in itertools.islice(itertools.cycle(lots), count):
            edges = [self._edge(rng, block.cell) for _ in range(8)]
            apart = [min((distance_m(e, p[3]) for p in placed), default=1e9) for e in edges]
            point = next((e for e, far in zip(edges, apart, strict=True) if far > _APART_M), edges[0])
            used = {p[4] for p in placed}
            node = min(
                (n for n in driven if n not in used), key=lambda n: distance_m(self._grid.points[n], point)
            )
            kind = _SITE_KINDS[block.use]
            placed.append((kind, *self._names.site(kind), point, node))
        # Sectors around the centre, one a truck, with equally many sites each.
        placed.sort(key=lambda p: math.atan2(p[3][1], p[3][0]))
        return [
            Site(
                f"site-{k + 1:03d}", kind, name_en, name_zh, point, node, k * self.truck_count // len(placed)
            )
            for k, (kind, name_en, name_zh, point, node) in enumerate(placed)
        ]


@lru_cache(maxsize=8)
def town(seed: int, sites: int = 64, trucks: int = 12) -> Town:
    """The town of a seed."""
    return Town(seed, sites, trucks)
