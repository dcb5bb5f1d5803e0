"""Polygon fences on integer coordinates of 1e-7 degree.

A fence is a list of rings; a point is inside by the even-odd rule over all of them, so holes and several
polygons need nothing more. No fence may cross the 180th meridian.

Crossing. A receiver wanders by metres, and now and then a fix is far off. So the side changes only when
successive fixes (two at least) agree: for `DWELL_MS` when they are deeper than `MARGIN_CM` on the other
side, for `EDGE_MS` when they keep nearer to the border than that.
"""

from edge.measure.integer import cos_permille, isqrt

MARGIN_CM = 1000
DWELL_MS = 800  # two fixes at 1 Hz
EDGE_MS = 30_000

if False:  # for types
    Ring = list[list[int]]


def inside(rings: "list[Ring]", lat: int, lon: int) -> bool:
    """Even-odd rule. A border belongs to one of its two sides; all in integers, so the answer is exact."""
    within = False
    for ring in rings:
        lon0, lat0 = ring[-1]
        for lon1, lat1 in ring:
            if (lat0 > lat) != (lat1 > lat):
                # Is the crossing of the parallel at `lat` east of `lon`? Multiplied out, keeping the sign.
                left = (lon - lon0) * (lat1 - lat0)
                right = (lat - lat0) * (lon1 - lon0)
                if left < right if lat1 > lat0 else left > right:
                    within = not within
            lon0, lat0 = lon1, lat1
    return within


def border_cm(rings: "list[Ring]", lat: int, lon: int) -> int:
    """Distance to the nearest border (flat earth, good near it)."""
    cos = cos_permille(lat)
    best = -1
    for ring in rings:
        x0, y0 = _local(ring[-1], lat, lon, cos)
        for point in ring:
            x1, y1 = _local(point, lat, lon, cos)
            dx, dy = x1 - x0, y1 - y0
            length = dx * dx + dy * dy
            along = max(0, min(length, -(x0 * dx + y0 * dy)))
            x, y = (x0 + dx * along // length, y0 + dy * along // length) if length else (x0, y0)
            square = x * x + y * y
            best = square if best < 0 else min(best, square)
            x0, y0 = x1, y1
    return isqrt(max(best, 0))


def _local(point: "list[int]", lat: int, lon: int, cos: int) -> "tuple[int, int]":
    return (point[0] - lon) * 111_319 // 100_000 * cos // 1000, (point[1] - lat) * 111_319 // 100_000


class Fence:
    """`rings`: lists of [lon_e7, lat_e7], closed or not. `door`: `inside-only`, `never-inside` or None.
    `within`: the side that was told before the unit was off."""

    def __init__(
        self, name: str, rings: "list[Ring]", door: "str | None" = None, within: bool = False
    ) -> None:
        self.name = name
        self.door = door
        self.within = within  # the side that was last told
        self.decided = False  # whether a fix since power-on has confirmed or changed it
        self._rings = rings
        points = [point for ring in rings for point in ring]
        self._west, self._east = min(p[0] for p in points), max(p[0] for p in points)
        self._south, self._north = min(p[1] for p in points), max(p[1] for p in points)
        self._restored = within  # and nothing was seen since: the unit may have been moved while it was off
        self._since_ms: "int | None" = None  # first of the successive fixes on the other side
        self._deep_ms: "int | None" = (
            None  # first of the successive ones that were also deeper than the margin
        )

    def contains(self, lat: int, lon: int) -> bool:
        if not (self._west <= lon <= self._east and self._south <= lat <= self._north):
            return False
        return inside(self._rings, lat, lon)

    def update(self, lat: int, lon: int, now_ms: int) -> "str | None":
        """Take a fix: `enter` or `exit` when the side changes now, else None."""
        restored, self._restored = self._restored, False
        if self.contains(lat, lon) == self.within:
            self.decided = True
            self._since_ms = self._deep_ms = None
            return None
        if restored:
            self.decided = True
            self.within = False  # a door must not be unlocked on an old belief
            return "exit"
        if border_cm(self._rings, lat, lon) < MARGIN_CM:
            self._deep_ms = None
        elif self._deep_ms is None:
            self._deep_ms = now_ms
        if self._since_ms is None:
            self._since_ms = now_ms
            return None
        deep = self._deep_ms is not None and now_ms - self._deep_ms >= DWELL_MS
        if not deep and now_ms - self._since_ms < EDGE_MS:
            return None
        self.decided = True
        self.within = not self.within
        self._since_ms = self._deep_ms = None
        return "enter" if self.within else "exit"


def door_allowed(fences: "list[Fence]") -> "bool | None":
    """Whether the cargo door may be unlocked now; None when no fence has a rule for it.

    Inside one `inside-only` fence at least, if there are any; and inside no `never-inside` one, which must
    have been decided: the first fix after power-on may be the first of two within it.
    """
    only = [fence.within for fence in fences if fence.door == "inside-only"]
    never = [fence.within or not fence.decided for fence in fences if fence.door == "never-inside"]
    if not only and not never:
        return None
    return (any(only) or not only) and not any(never)
