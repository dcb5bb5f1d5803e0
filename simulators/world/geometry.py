"""The plane that the town is drawn on (metres east and north of its centre) and the globe (WGS 84
degrees).
"""

import itertools
import math

CENTRE_LAT, CENTRE_LON = 39.12, 117.15
_M_PER_DEG_LAT = 111_029.0  # on the WGS 84 ellipsoid at 39.12 N
_M_PER_DEG_LON = 86_503.0

Point = tuple[float, float]
"""East and north in metres."""

Ring = list[Point]
"""A closed ring: the last point is the first."""


def to_degrees(point: Point) -> tuple[float, float]:
    """Longitude and latitude, in GeoJSON's order. Good to a metre within ten kilometres of the centre."""
    return CENTRE_LON + point[0] / _M_PER_DEG_LON, CENTRE_LAT + point[1] / _M_PER_DEG_LAT


def to_metres(lon: float, lat: float) -> Point:
    """The inverse of `to_degrees`."""
    return (lon - CENTRE_LON) * _M_PER_DEG_LON, (lat - CENTRE_LAT) * _M_PER_DEG_LAT


def distance_m(a: Point, b: Point) -> float:
    """Straight line."""
    return math.hypot(b[0] - a[0], b[1] - a[1])


def course_deg(a: Point, b: Point) -> float:
    """From a to b, clockwise from north, 0 up to 360."""
    return math.degrees(math.atan2(b[0] - a[0], b[1] - a[1])) % 360.0


def turn_deg(a: Point, b: Point, c: Point) -> float:
    """How sharply the way a-b-c turns at b, 0 (straight on) to 180."""
    return abs((course_deg(b, c) - course_deg(a, b) + 180.0) % 360.0 - 180.0)


def inside(point: Point, ring: list[Point]) -> bool:
    """Whether a point lies within a closed ring (even-odd rule)."""
    x, y = point
    odd = False
    for (x0, y0), (x1, y1) in itertools.pairwise(ring):
        if (y0 > y) != (y1 > y) and x < (x1 - x0) * (y - y0) / (y1 - y0) + x0:
            odd = not odd
    return odd
