"""What lies between the streets: blocks, their use, the buildings and ponds on them."""

import math
from dataclasses import dataclass, field, replace

from simulators.world.geometry import Point, Ring, distance_m
from simulators.world.grid import COLUMNS, HALF_WIDTH_M, RIVER_ROW, ROWS, Bend, Cell, Grid
from simulators.world.kernel import Stream


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of land between streets."""

    id: str
    use: str
    """`residential`, `commercial`, `office`, `school`, `park`, `industrial`, or `plaza` (pedestrian zone)."""
    ring: Ring
    cell: Cell
    buildings: list[Ring] = field(default_factory=list)
    """Footprints."""
    ponds: list[Ring] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Pattern:
    """How buildings of one use stand: in rows that face south, lengths in metres."""

    depth: float
    length: float
    row_gap: float
    gap: float
    margin: float
    kept: float
    """Share of the places that are built on."""


_PATTERNS = {
    "residential": _Pattern(13, 48, 27, 14, 14, 0.93),
    "commercial": _Pattern(42, 62, 18, 16, 10, 0.95),
    "office": _Pattern(26, 26, 30, 30, 16, 0.85),
    "school": _Pattern(16, 58, 46, 26, 18, 0.7),
    "industrial": _Pattern(44, 90, 34, 26, 24, 0.75),
    "plaza": _Pattern(30, 46, 40, 34, 12, 0.9),
}
_OUTSKIRTS = ("park", "school", "commercial", "office", "residential")
_OUTSKIRTS_SHARES = (0.05, 0.04, 0.07, 0.06, 0.78)
_CENTRE = ("commercial", "office", "residential")
_CENTRE_SHARES = (0.45, 0.3, 0.25)
_PARK_RADIUS_M = 260.0


def draw_blocks(grid: Grid, rng: Stream, seed: int) -> list[Block]:
    """All blocks of a town, from west to east and south to north. There is always a `plaza`, a `school`, a
    `park` with a pond and more than one `industrial` block.
    """
    uses = _Uses(grid, rng)
    swallowed = set(grid.merged.values())
    blocks = []
    for i in range(COLUMNS - 1):
        for j in range(ROWS - 1):
            if (i, j) in swallowed or j == RIVER_ROW:
                continue
            oi, oj = grid.merged.get((i, j), (i, j))
            cell = (
                grid.xs[i] + HALF_WIDTH_M[grid.x_kinds[i]],
                grid.ys[j] + HALF_WIDTH_M[grid.y_kinds[j]],
                grid.xs[oi + 1] - HALF_WIDTH_M[grid.x_kinds[oi + 1]],
                grid.ys[oj + 1] - HALF_WIDTH_M[grid.y_kinds[oj + 1]],
            )
            blocks.append(Block(f"block-{i}-{j}", uses.of(cell, i, j), grid.bend.ring(*cell), cell))
    _assign(blocks, "plaza", (0.0, 150.0))
    _assign(blocks, "school", (grid.xs[3], grid.ys[3]))
    _assign(blocks, "park", uses.park)
    pond = nearest_of(blocks, "park", uses.park)
    return [
        replace(
            block,
            buildings=_buildings(grid.bend, Stream(seed, "buildings", block.id), block),
            ponds=[_pond(grid.bend, rng, block.cell)] if block is pond else [],
        )
        for block in blocks
    ]


def middle(cell: Cell) -> Point:
    """The middle of a cell, on the grid."""
    return (cell[0] + cell[2]) / 2, (cell[1] + cell[3]) / 2


def nearest_of(blocks: list[Block], use: str, aim: Point) -> Block:
    """The block of one use that is nearest to a point of the grid."""
    return min((b for b in blocks if b.use == use), key=lambda b: distance_m(middle(b.cell), aim))


class _Uses:
    """Decides what a block is used for: industry in the south-east, a park, a busy middle."""

    def __init__(self, grid: Grid, rng: Stream) -> None:
        self._rng = rng
        self._east, self._north = grid.xs[-1], grid.ys[-1]
        self.park = self._east * rng.uniform(-0.35, 0.1), self._north * -0.35

    def of(self, cell: Cell, i: int, j: int) -> str:
        x, y = middle(cell)
        if i >= COLUMNS - 3 and j <= 2:
            return "industrial"
        if distance_m((x, y), self.park) < _PARK_RADIUS_M:
            return "park"
        if math.hypot(x / self._east, (y - 150) / self._north) < 0.3:
            return self._rng.choices(_CENTRE, _CENTRE_SHARES)[0]
        return self._rng.choices(_OUTSKIRTS, _OUTSKIRTS_SHARES)[0]


def _assign(blocks: list[Block], use: str, aim: Point) -> None:
    """The block nearest to a point of the grid gets this use."""
    free = (k for k, b in enumerate(blocks) if b.use not in ("industrial", "plaza"))
    k = min(free, key=lambda k: distance_m(middle(blocks[k].cell), aim))
    blocks[k] = replace(blocks[k], use=use)


def _buildings(bend: Bend, rng: Stream, block: Block) -> list[Ring]:
    pattern = _PATTERNS.get(block.use)
    if pattern is None:
        return []
    west, south, east, north = block.cell
    margin, depth = pattern.margin, pattern.depth
    rows = max(1, int((north - south - 2 * margin + pattern.row_gap) // (depth + pattern.row_gap)))
    per_row = max(1, int((east - west - 2 * margin + pattern.gap) // (pattern.length + pattern.gap)))
    row_step = (north - south - 2 * margin - depth) / max(rows - 1, 1)
    width = (east - west - 2 * margin - pattern.gap * (per_row - 1)) / per_row
    rings: list[Ring] = []
    for row in range(rows):
        for column in range(per_row):
            if rng.random() > pattern.kept:
                continue
            x0 = west + margin + column * (width + pattern.gap)
            y0 = south + margin + row * row_step
            x1 = x0 + width * rng.choice([0.7, 0.85, 1.0, 1.0])
            corners = [(x0, y0), (x1, y0), (x1, y0 + depth), (x0, y0 + depth), (x0, y0)]
            rings.append([bend(*corner) for corner in corners])
    return rings


def _pond(bend: Bend, rng: Stream, cell: Cell) -> Ring:
    """A pond in the middle of a park: an ellipse with a wavy shore."""
    x, y = middle(cell)
    a, b = (cell[2] - cell[0]) * 0.33, (cell[3] - cell[1]) * 0.3
    phase = rng.uniform(0, 2 * math.pi)
    ring = []
    for k in range(40):
        turn = 2 * math.pi * k / 40
        wave = 1 + 0.16 * math.sin(3 * turn + phase) + 0.07 * math.sin(5 * turn - phase)
        ring.append(bend(x + a * wave * math.cos(turn), y + b * wave * math.sin(turn)))
    return [*ring, ring[0]]
