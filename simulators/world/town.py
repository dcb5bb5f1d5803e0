"""A made-up district, drawn from a seed: streets, blocks, a river, parks, sites and fences. Pure data, no
time in it.

It is laid out on a plain grid (columns and rows of streets, one row of which is the river) and then bent as
a whole, so that streets curve, the river meanders, and no two shapes ever cross. Everything is in metres
around the centre (see `geometry`); `townmap` turns it into GeoJSON.
"""

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

from simulators.world.geometry import Point, distance_m
from simulators.world.kernel import Stream
from simulators.world.names import Names
from simulators.world.streets import Street, Streets

_COLUMNS, _ROWS = 15, 12
_RIVER_ROW = 7
"""The river lies between the streets of row 7 and row 8, counted from the south."""
_RIVER_GAP_M = 130.0
_PIECES = 3
"""Each side of a block is a polyline of so many pieces, so that it can bend."""
_HALF_WIDTH_M = {"arterial": 17.0, "secondary": 12.0, "residential": 8.0}
_STEP_M = 60.0

Ring = list[Point]


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of land between streets. `buildings` are footprints on it."""

    id: str
    use: str
    """`residential`, `commercial`, `office`, `school`, `park`, `industrial`, `plaza` (pedestrian zone) or
    `bank` (of the river).
    """
    ring: Ring
    buildings: list[Ring]
    cell: tuple[float, float, float, float]
    """West, south, east, north before bending."""


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


class Bend:
    """The smooth map from the drawing grid to the town."""

    def __init__(self, rng: Stream, river_y: float) -> None:
        self._phase = [rng.uniform(0, 2 * math.pi) for _ in range(5)]
        self._river_y = river_y
        turn = math.radians(rng.choice([-1, 1]) * rng.uniform(5, 11))
        self._cos, self._sin = math.cos(turn), math.sin(turn)

    def __call__(self, x: float, y: float) -> Point:
        """Where the grid's point (x, y) comes to lie."""
        f = self._phase
        near_river = math.exp(-(((y - self._river_y) / 750.0) ** 2))
        east = x + 75 * math.sin(y / 820 + f[0]) + 28 * math.sin(x / 560 + y / 700 + f[1])
        north = y + 85 * math.sin(x / 1050 + f[2]) + 24 * math.sin(x / 640 - y / 520 + f[3])
        north += 120 * near_river * math.sin(x / 520 + f[4])
        return east * self._cos - north * self._sin, east * self._sin + north * self._cos

    def ring(self, west: float, south: float, east: float, north: float) -> Ring:
        """A rectangle of the grid, bent, as a closed counter-clockwise ring."""
        corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
        ring: Ring = []
        for (x0, y0), (x1, y1) in itertools.pairwise(corners):
            n = max(1, round(math.hypot(x1 - x0, y1 - y0) / _STEP_M))
            ring += [self(x0 + (x1 - x0) * i / n, y0 + (y1 - y0) * i / n) for i in range(n)]
        return [*ring, ring[0]]


def _lines(rng: Stream, count: int, gap_at: int | None) -> tuple[list[float], list[str]]:
    """Where parallel streets lie, and their classes: an arterial outside and every fourth, secondaries
    between.
    """
    at, kinds = [0.0], ["arterial"]
    for i in range(1, count):
        at.append(at[-1] + (_RIVER_GAP_M if i == gap_at else rng.uniform(175, 285)))
        last = i == count - 1
        kinds.append(
            "arterial"
            if last or i % 5 == 0
            else "secondary"
            if i % 5 in (2, 3) and rng.random() < 0.5
            else "residential"
        )
    middle = at[-1] / 2
    return [a - middle for a in at], kinds


class Town:
    """One district. Use `town(seed)`, which remembers what it has drawn."""

    def __init__(self, seed: int, sites: int = 64, trucks: int = 12) -> None:
        self.seed = seed
        self.truck_count = trucks
        rng = Stream(seed, "town")
        self._names = Names(Stream(seed, "names"))
        self._xs, self._x_kinds = _lines(rng, _COLUMNS, None)
        self._ys, self._y_kinds = _lines(rng, _ROWS, _RIVER_ROW + 1)
        self._y_kinds[_RIVER_ROW] = self._y_kinds[_RIVER_ROW + 1] = "secondary"  # the embankments
        self.bend = Bend(rng, (self._ys[_RIVER_ROW] + self._ys[_RIVER_ROW + 1]) / 2)
        self._points: list[Point] = []
        self._node_at: dict[tuple[float, float], int] = {}
        self._merged = self._merge(rng)
        self._streets: list[Street] = []
        self._draw_streets()
        self.blocks = self._draw_blocks(rng)
        by_use = {use: [b for b in self.blocks if b.use == use] for use in {b.use for b in self.blocks}}
        self._first_lane = len(self._points)
        plants = by_use["industrial"]
        self.station = self._facility("station", plants[0], "再生资源中转站", "Transfer Station", trucks)
        self.yard = self._facility("yard", plants[-1], "分拣中心", "Sorting Yard", 2)
        signals = frozenset(
            self._node_at[x, y]
            for x, ns in zip(self._xs, self._x_kinds, strict=True)
            for y, ew in zip(self._ys, self._y_kinds, strict=True)
            if "arterial" in (ns, ew) and "residential" not in (ns, ew)
        )
        self.streets = Streets(self._points, self._streets, signals)
        self.sites = self._place_sites(Stream(seed, "sites"), sites)
        self.fences = self._fences(by_use)

    def drivable(self, node: int) -> bool:
        """Whether a truck may stop at a street node to work there: not within a station or yard, and not
        where doors may not open.
        """
        return node < self._first_lane

    # Rivers and borders

    @property
    def river(self) -> Ring:
        """The water's edge."""
        inset = _HALF_WIDTH_M["secondary"] + 14
        return self.bend.ring(
            self._xs[0] - 260,
            self._ys[_RIVER_ROW] + inset,
            self._xs[-1] + 260,
            self._ys[_RIVER_ROW + 1] - inset,
        )

    @property
    def border(self) -> Ring:
        """The district's border, a little outside its ring road."""
        return self.bend.ring(self._xs[0] - 70, self._ys[0] - 70, self._xs[-1] + 70, self._ys[-1] + 70)

    # Streets

    def _merge(self, rng: Stream) -> dict[tuple[int, int], tuple[int, int]]:
        """Cells that swallow a neighbour (to the east or north), so that blocks differ in size; cell to
        neighbour.
        """
        merged: dict[tuple[int, int], tuple[int, int]] = {}
        taken: set[tuple[int, int]] = set()
        for i in range(_COLUMNS - 1):
            for j in range(_ROWS - 1):
                step = rng.choice([(1, 0), (0, 1)])
                other = (i + step[0], j + step[1])
                between = self._x_kinds[i + 1] if step[0] else self._y_kinds[j + 1]
                fits = other[0] < _COLUMNS - 1 and other[1] < _ROWS - 1 and between == "residential"
                free = not {(i, j), other} & taken and _RIVER_ROW not in (j, other[1])
                if rng.random() < 0.35 and fits and free:
                    merged[i, j] = other
                    taken |= {(i, j), other}
        return merged

    def _node(self, x: float, y: float) -> int:
        node = self._node_at.get((x, y))
        if node is None:
            node = self._node_at[x, y] = len(self._points)
            self._points.append(self.bend(x, y))
        return node

    def _draw_streets(self) -> None:
        gone_ns = {(i + 1, j) for (i, j), (oi, _) in self._merged.items() if oi > i}
        gone_ew = {(i, j + 1) for (i, j), (_, oj) in self._merged.items() if oj > j}
        for i, x in enumerate(self._xs):
            bridge = self._x_kinds[i] != "residential" or i % 4 == 1
            present = [(i, j) not in gone_ns and (j != _RIVER_ROW or bridge) for j in range(_ROWS - 1)]
            self._draw_line("ns", i, self._x_kinds[i], present, [(x, y) for y in self._ys])
        for j, y in enumerate(self._ys):
            present = [(i, j) not in gone_ew for i in range(_COLUMNS - 1)]
            self._draw_line("ew", j, self._y_kinds[j], present, [(x, y) for x in self._xs])

    def _draw_line(
        self, direction: str, number: int, kind: str, present: list[bool], corners: list[Point]
    ) -> None:
        """One street, in as many runs as its gaps leave."""
        name_en, name_zh = self._names.street(direction)
        run: list[int] = []
        runs: list[list[int]] = []
        for there, (x0, y0), (x1, y1) in zip(present, corners, corners[1:], strict=False):
            if not there:
                runs, run = [*runs, run], []
                continue
            pieces = [
                (x0 + (x1 - x0) * k / _PIECES, y0 + (y1 - y0) * k / _PIECES) for k in range(_PIECES)
            ] + [(x1, y1)]
            nodes = [self._node(*piece) for piece in pieces]
            run = run + nodes[1:] if run else nodes
        for k, nodes in enumerate(r for r in [*runs, run] if r):
            self._streets.append(Street(f"{direction}{number}-{k}", name_en, name_zh, kind, tuple(nodes)))

    # Blocks

    def _draw_blocks(self, rng: Stream) -> list[Block]:
        swallowed = set(self._merged.values())
        blocks = []
        park = self._xs[-1] * rng.uniform(-0.35, 0.1), self._ys[-1] * -0.35
        for i in range(_COLUMNS - 1):
            for j in range(_ROWS - 1):
                if (i, j) in swallowed or j == _RIVER_ROW:
                    continue
                oi, oj = self._merged.get((i, j), (i, j))
                west = self._xs[i] + _HALF_WIDTH_M[self._x_kinds[i]]
                east = self._xs[oi + 1] - _HALF_WIDTH_M[self._x_kinds[oi + 1]]
                south = self._ys[j] + _HALF_WIDTH_M[self._y_kinds[j]]
                north = self._ys[oj + 1] - _HALF_WIDTH_M[self._y_kinds[oj + 1]]
                use = self._use(rng, (west + east) / 2, (south + north) / 2, i, j, park)
                cell = (west, south, east, north)
                ring = self.bend.ring(*cell)
                blocks.append(Block(f"block-{i}-{j}", use, ring, self._buildings(rng, use, cell), cell))
        return self._special_blocks(blocks)

    def _use(self, rng: Stream, x: float, y: float, i: int, j: int, park: Point) -> str:
        if i >= _COLUMNS - 3 and j <= 2:
            return "industrial"
        if distance_m((x, y), park) < 260:
            return "park"
        centre = math.hypot(x / self._xs[-1], (y - 150) / self._ys[-1])
        draw = rng.random()
        if centre < 0.3:
            return "commercial" if draw < 0.45 else "office" if draw < 0.75 else "residential"
        if draw < 0.05:
            return "park"
        return (
            "school"
            if draw < 0.09
            else "commercial"
            if draw < 0.16
            else "office"
            if draw < 0.22
            else "residential"
        )

    def _special_blocks(self, blocks: list[Block]) -> list[Block]:
        """There must be a pedestrian plaza and a school whatever the seed: the blocks nearest to two points
        become them.
        """
        for use, aim in (("plaza", (0.0, 150.0)), ("school", (self._xs[3], self._ys[2]))):
            k = min(
                (k for k, b in enumerate(blocks) if b.use not in ("industrial", "plaza")),
                key=lambda k: distance_m(_middle(blocks[k].cell), aim),
            )
            old = blocks[k]
            buildings = self._buildings(Stream(self.seed, use), use, old.cell)
            blocks[k] = Block(old.id, use, old.ring, buildings, old.cell)
        return blocks

    def _buildings(self, rng: Stream, use: str, cell: tuple[float, float, float, float]) -> list[Ring]:
        """Footprints: slabs in rows that face south, towers, halls."""
        depth, length, row_gap, gap, margin, keep = {
            "residential": (13.0, 48.0, 27.0, 14.0, 14.0, 0.93),
            "commercial": (42.0, 62.0, 18.0, 16.0, 10.0, 0.95),
            "office": (26.0, 26.0, 30.0, 30.0, 16.0, 0.85),
            "school": (16.0, 58.0, 46.0, 26.0, 18.0, 0.7),
            "industrial": (44.0, 90.0, 34.0, 26.0, 24.0, 0.75),
            "plaza": (30.0, 46.0, 40.0, 34.0, 12.0, 0.9),
        }.get(use, (0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        if not depth:
            return []
        west, south, east, north = cell
        rows = max(1, int((north - south - 2 * margin + row_gap) // (depth + row_gap)))
        per_row = max(1, int((east - west - 2 * margin + gap) // (length + gap)))
        row_step = (north - south - 2 * margin - depth) / max(rows - 1, 1)
        rings: list[Ring] = []
        for r in range(rows):
            width = (east - west - 2 * margin - gap * (per_row - 1)) / per_row
            for c in range(per_row):
                if rng.random() > keep:
                    continue
                x0 = west + margin + c * (width + gap)
                y0 = south + margin + r * row_step + (rng.uniform(0, 5) if use == "residential" else 0.0)
                w = width * (rng.uniform(0.75, 1.0) if use != "residential" else rng.choice([0.7, 1.0, 1.0]))
                corners = [(x0, y0), (x0 + w, y0), (x0 + w, y0 + depth), (x0, y0 + depth), (x0, y0)]
                rings.append([self.bend(*corner) for corner in corners])
        return rings

    # Places

    def _facility(self, id_: str, block: Block, zh: str, en: str, parking: int) -> Facility:
        """A drive from the nearest street into the block: weighbridge, hall, a row of parking lots."""
        name_en, name_zh = self._names.place(zh, en)
        west, south, east, north = block.cell
        gate_x = min(
            (x for x, y in self._node_at if west < x < east), key=lambda x: abs(x - (west + east) / 2)
        )
        gate_y = max(y for x, y in self._node_at if x == gate_x and y < south)
        bridge_y, hall_y = south + (north - south) * 0.3, south + (north - south) * 0.72
        bridge, hall = self._node(gate_x, bridge_y), self._node(gate_x, hall_y)
        lots = [self._node(west + 14 + k * 11.0, hall_y) for k in range(parking)]
        lots = [n for n in lots if n != hall]
        drive = (self._node_at[gate_x, gate_y], bridge, hall)
        self._streets.append(Street(f"{id_}-drive", name_en, name_zh, "lane", drive))
        row = sorted([*lots, hall], key=lambda n: self._points[n][0])
        self._streets.append(Street(f"{id_}-lots", name_en, name_zh, "lane", tuple(row)))
        return Facility(id_, name_en, name_zh, self._points[hall], bridge, hall, tuple(lots))

    def _place_sites(self, rng: Stream, count: int) -> list[Site]:
        """Bins stand at the edge of blocks, beside a street; each block has at most two."""
        uses = {
            "residential": "estate",
            "commercial": "shop",
            "office": "office",
            "plaza": "shop",
            "school": "office",
        }
        lots = [b for b in self.blocks if b.use in uses]
        rng.shuffle(lots)
        lots = (lots * (1 + count // max(len(lots), 1)))[:count]
        driven = [n for s in self._streets if s.kind != "lane" for n in s.nodes]
        placed: list[tuple[str, str, str, Point, int]] = []
        used: set[int] = set()
        for block in lots:
            west, south, east, north = block.cell
            share = rng.uniform(0.25, 0.75)
            x, y = rng.choice(
                [
                    (west + share * (east - west), south + 3),
                    (west + share * (east - west), north - 3),
                    (west + 3, south + share * (north - south)),
                    (east - 3, south + share * (north - south)),
                ]
            )
            point = self.bend(x, y)
            node = min((n for n in driven if n not in used), key=lambda n: distance_m(self._points[n], point))
            used.add(node)
            kind = uses[block.use]
            name_en, name_zh = self._names.site(kind)
            placed.append((kind, name_en, name_zh, point, node))
        # Sectors around the centre, one a truck, with equally many sites each.
        placed.sort(key=lambda p: math.atan2(p[3][1], p[3][0]))
        return [
            Site(
                f"site-{k + 1:03d}", kind, name_en, name_zh, point, node, k * self.truck_count // len(placed)
            )
            for k, (kind, name_en, name_zh, point, node) in enumerate(placed)
        ]

    def _fences(self, by_use: dict[str, list[Block]]) -> list[Fence]:
        def around(block: Block, grow: float) -> Ring:
            west, south, east, north = block.cell
            return self.bend.ring(west - grow, south - grow, east + grow, north + grow)

        plants, plaza, school = by_use["industrial"], by_use["plaza"][0], by_use["school"][0]
        return [
            Fence("district", "District border", "区界", None, self.border),
            Fence("station", self.station.name_en, self.station.name_zh, "inside-only", around(plants[0], 2)),
            Fence("yard", self.yard.name_en, self.yard.name_zh, "inside-only", around(plants[-1], 2)),
            Fence("plaza", "Pedestrian zone", "步行街区", "never-inside", around(plaza, 16)),
            Fence("school", "School zone", "学校区域", "never-inside", around(school, 18)),
        ]


def _middle(cell: tuple[float, float, float, float]) -> Point:
    return (cell[0] + cell[2]) / 2, (cell[1] + cell[3]) / 2


@lru_cache(maxsize=8)
def town(seed: int, sites: int = 64, trucks: int = 12) -> Town:
    """The town of a seed."""
    return Town(seed, sites, trucks)
