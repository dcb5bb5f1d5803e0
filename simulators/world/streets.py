"""The town's street graph and the ways through it."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from simulators.world.geometry import Point, distance_m

SPEED_KMH = {"arterial": 50.0, "secondary": 40.0, "residential": 25.0, "lane": 15.0}
"""Speed limit of each class of street."""


@dataclass(frozen=True, slots=True)
class Street:
    """A named street, drawn node by node."""

    id: str
    name_en: str
    name_zh: str
    kind: str
    nodes: tuple[int, ...]


class Streets:
    """The graph: `points` in metres by node; `links` from node to neighbour to (length in m, speed limit in
    m/s).
    """

    def __init__(self, points: list[Point], streets: list[Street], signals: frozenset[int]) -> None:
        self.points = points
        self.streets = streets
        self.signals = signals
        """Nodes with traffic lights."""
        self.links: dict[int, dict[int, tuple[float, float]]] = {}
        self._ways: dict[tuple[int, int], tuple[int, ...]] = {}
        for street in streets:
            limit = SPEED_KMH[street.kind] / 3.6
            for a, b in zip(street.nodes, street.nodes[1:], strict=False):
                length = distance_m(points[a], points[b])
                self.links.setdefault(a, {})[b] = self.links.setdefault(b, {})[a] = (length, limit)

    def nearest(self, point: Point, among: Iterable[int] | None = None) -> int:
        """The node nearest to a point."""
        return min(
            among if among is not None else self.links, key=lambda n: distance_m(self.points[n], point)
        )

    def way(self, start: int, goal: int) -> tuple[int, ...]:
        """The quickest way, as nodes from start to goal (A*). Raises ValueError if there is none."""
        way = self._ways.get((start, goal))
        if way is None:
            way = self._ways[start, goal] = self._search(start, goal)
        return way

    def _search(self, start: int, goal: int) -> tuple[int, ...]:
        aim = self.points[goal]
        fastest = max(SPEED_KMH.values()) / 3.6
        came: dict[int, int] = {}
        best = {start: 0.0}
        queue = [(0.0, start)]
        done: set[int] = set()
        while queue:
            _, node = heapq.heappop(queue)
            if node == goal:
                way = [goal]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return tuple(reversed(way))
            if node in done:
                continue
            done.add(node)
            for other, (length, limit) in self.links[node].items():
                cost = best[node] + length / limit
                if cost < best.get(other, 1e18):
                    best[other], came[other] = cost, node
                    heapq.heappush(queue, (cost + distance_m(self.points[other], aim) / fastest, other))
        raise ValueError(f"no way from node {start} to node {goal}")
