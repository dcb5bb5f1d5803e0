"""The drawing grid of a town: columns and rows of streets, one row of which is the river, bent as a whole.

Because one smooth map bends everything, streets curve, the river meanders, and no two shapes ever cross.
"""

import itertools
import math

from simulators.world.geometry import Point, Ring
from simulators.world.kernel import Stream
from simulators.world.names import Names
from simulators.world.streets import Street

COLUMNS, ROWS = 15, 12
RIVER_ROW = 7
"""The river lies between the streets of row 7 and row 8, counted from the south."""
HALF_WIDTH_M = {"arterial": 17.0, "secondary": 12.0, "residential": 8.0}
"""From the middle of a street to the edge of the blocks beside it."""
BORDER_M = 70.0
"""From the ring road to the border."""
_RIVER_GAP_M = 130.0
_PIECES = 3
"""Each side of a block is a polyline of so many pieces, so that it can bend."""
_STEP_M = 60.0

Cell = tuple[float, float, float, float]
"""West, south, east, north on the grid, before bending."""


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
        north += 150 * near_river * math.sin(x / 500 + f[4])
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


class Grid:
    """Streets and the nodes they share. `merged` maps cells to the neighbour (east or north) that they
    swallow.
    """

    def __init__(self, rng: Stream, names: Names) -> None:
        self.xs, self.x_kinds = _lines(rng, COLUMNS, None)
        self.ys, self.y_kinds = _lines(rng, ROWS, RIVER_ROW + 1)
        self.y_kinds[RIVER_ROW] = self.y_kinds[RIVER_ROW + 1] = "secondary"  # the embankments
        self.bend = Bend(rng, (self.ys[RIVER_ROW] + self.ys[RIVER_ROW + 1]) / 2)
        self.points: list[Point] = []
        self.node_at: dict[Point, int] = {}
        self.streets: list[Street] = []
        self.merged = self._merge(rng)
        self._draw_streets(names)

    @property
    def river(self) -> Ring:
        """The water's edge, from border to border."""
        inset = HALF_WIDTH_M["secondary"] + 14
        south, north = self.ys[RIVER_ROW] + inset, self.ys[RIVER_ROW + 1] - inset
        return self.bend.ring(self.xs[0] - BORDER_M, south, self.xs[-1] + BORDER_M, north)

    @property
    def border(self) -> Ring:
        """The district's border, a little outside its ring road."""
        return self.bend.ring(
            self.xs[0] - BORDER_M, self.ys[0] - BORDER_M, self.xs[-1] + BORDER_M, self.ys[-1] + BORDER_M
        )

    def signals(self) -> frozenset[int]:
        """Nodes with traffic lights: where an arterial meets anything but a residential street."""
        return frozenset(
            self.node_at[x, y]
            for x, ns in zip(self.xs, self.x_kinds, strict=True)
            for y, ew in zip(self.ys, self.y_kinds, strict=True)
            if "arterial" in (ns, ew) and "residential" not in (ns, ew)
        )

    def node(self, x: float, y: float) -> int:
        """The node at a point of the grid, new if there is none yet."""
        node = self.node_at.get((x, y))
        if node is None:
            node = self.node_at[x, y] = len(self.points)
            self.points.append(self.bend(x, y))
        return node

    def _merge(self, rng: Stream) -> dict[tuple[int, int], tuple[int, int]]:
        """Cells that swallow a neighbour (to the east or north), so that blocks differ in size; cell to
        neighbour.
        """
        merged: dict[tuple[int, int], tuple[int, int]] = {}
        taken: set[tuple[int, int]] = set()
        for i in range(COLUMNS - 1):
            for j in range(ROWS - 1):
                step = rng.choice([(1, 0), (0, 1)])
                other = (i + step[0], j + step[1])
                between = self.x_kinds[i + 1] if step[0] else self.y_kinds[j + 1]
                fits = other[0] < COLUMNS - 1 and other[1] < ROWS - 1 and between == "residential"
                free = not {(i, j), other} & taken and RIVER_ROW not in (j, other[1])
                if rng.random() < 0.35 and fits and free:
                    merged[i, j] = other
                    taken |= {(i, j), other}
        return merged

    def _draw_streets(self, names: Names) -> None:
        gone_ns = {(i + 1, j) for (i, j), (oi, _) in self.merged.items() if oi > i}
        gone_ew = {(i, j + 1) for (i, j), (_, oj) in self.merged.items() if oj > j}
        for i, x in enumerate(self.xs):
            bridge = self.x_kinds[i] != "residential" or i % 4 == 1
            present = [(i, j) not in gone_ns and (j != RIVER_ROW or bridge) for j in range(ROWS - 1)]
            self._draw_line(names, "ns", i, self.x_kinds[i], present, [(x, y) for y in self.ys])
        for j, y in enumerate(self.ys):
            present = [(i, j) not in gone_ew for i in range(COLUMNS - 1)]
            self._draw_line(names, "ew", j, self.y_kinds[j], present, [(x, y) for x in self.xs])

    def _draw_line(
        self, names: Names, direction: str, number: int, kind: str, present: list[bool], corners: list[Point]
    ) -> None:
        """One street, in as many runs as its gaps leave."""
        name_en, name_zh = names.street(direction)
        run: list[int] = []
        runs: list[list[int]] = []
        for there, (x0, y0), (x1, y1) in zip(present, corners, corners[1:], strict=False):
            if not there:
                runs, run = [*runs, run], []
                continue
            pieces = [
                (x0 + (x1 - x0) * k / _PIECES, y0 + (y1 - y0) * k / _PIECES) for k in range(_PIECES)
            ] + [(x1, y1)]
            nodes = [self.node(*piece) for piece in pieces]
            run = run + nodes[1:] if run else nodes
        for k, nodes in enumerate(r for r in [*runs, run] if r):
            self.streets.append(Street(f"{direction}{number}-{k}", name_en, name_zh, kind, tuple(nodes)))
