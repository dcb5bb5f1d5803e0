"""Distances on the sphere, and the datum that Chinese maps are in. Pure."""

import math
from typing import Protocol

EARTH_M = 6_371_008.8  # mean radius (IUGG)
_E7_M = EARTH_M * math.radians(1e-7)  # 1e-7 degree of latitude in metres
_KRASOVSKY_M = 6_378_245.0  # semi-major axis of the ellipsoid that GCJ-02 is computed on
_KRASOVSKY_E2 = 0.00669342162296594323


class Place(Protocol):
    """Anything with WGS 84 coordinates in 1e-7 degree."""

    @property
    def lat_e7(self) -> int: ...
    @property
    def lon_e7(self) -> int: ...


def at_most_m(a: Place, b: Place) -> float:
    """A cheap upper bound of the distance: along the meridian and the equator's arc."""
    return (abs(a.lat_e7 - b.lat_e7) + abs(a.lon_e7 - b.lon_e7)) * _E7_M


def distance_m(a: Place, b: Place) -> float:
    """Great-circle distance in metres (haversine, spherical earth)."""
    lat_a, lat_b = math.radians(a.lat_e7 / 1e7), math.radians(b.lat_e7 / 1e7)
    half_lat = (lat_b - lat_a) / 2
    half_lon = math.radians((b.lon_e7 - a.lon_e7) / 1e7) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, h)))


def offset_m(a: Place, b: Place) -> tuple[float, float]:
    """(east, north) from a to b in metres; for places within some kilometres of each other."""
    north = (b.lat_e7 - a.lat_e7) * _E7_M
    return (b.lon_e7 - a.lon_e7) * _E7_M * math.cos(math.radians(a.lat_e7 / 1e7)), north


def gcj02_shift_m(place: Place) -> tuple[float, float]:
    """(east, north) in metres by which GCJ-02, the datum of Chinese maps, shifts a WGS 84 place.

    The published approximation, good to a few metres within China; meaningless elsewhere.
    """
    lat, lon = place.lat_e7 / 1e7, place.lon_e7 / 1e7
    x, y, pi = lon - 105, lat - 35, math.pi
    wave = (20 * math.sin(6 * x * pi) + 20 * math.sin(2 * x * pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + wave
    north += (20 * math.sin(y * pi) + 40 * math.sin(y / 3 * pi)) * 2 / 3
    north += (160 * math.sin(y / 12 * pi) + 320 * math.sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + wave
    east += (20 * math.sin(x * pi) + 40 * math.sin(x / 3 * pi)) * 2 / 3
    east += (150 * math.sin(x / 12 * pi) + 300 * math.sin(x / 30 * pi)) * 2 / 3
    # Both are given as if a degree of the ellipsoid there were turned into degrees: metres come out as
    # degree times the sphere's radius, as everywhere in this module.
    lat_r = math.radians(lat)
    magic = 1 - _KRASOVSKY_E2 * math.sin(lat_r) ** 2
    lat_deg = north * 180 / (_KRASOVSKY_M * (1 - _KRASOVSKY_E2) / (magic * math.sqrt(magic)) * pi)
    lon_deg = east * 180 / (_KRASOVSKY_M / math.sqrt(magic) * math.cos(lat_r) * pi)
    return math.radians(lon_deg) * EARTH_M * math.cos(lat_r), math.radians(lat_deg) * EARTH_M


def in_china(place: Place) -> bool:
    """Within the box in which GCJ-02 is used."""
    return 8_293_000 * 10 < place.lat_e7 < 558_271_000 and 720_040_000 < place.lon_e7 < 1_378_347_000
