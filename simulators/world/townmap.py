"""The town as GeoJSON (RFC 7946, WGS 84): the operators' base map, and the fences for gateway, trucks and
`--fences`.
"""

from typing import Any

from simulators.world.blocks import Block
from simulators.world.geometry import Point, Ring, to_degrees
from simulators.world.town import Fence, Town

Feature = dict[str, Any]


def base_map(town: Town) -> dict[str, Any]:
    """Everything, back to front. Each feature has `kind` and `id`, and names where it has one:

    `district`, `water` and `block` (with `use`), `building` (one MultiPolygon a block), `street` (with
    `class`, LineString), `fence` (with `door`), `facility` and `site` (Points; a site has `site_kind`).
    """
    streets = sorted(
        town.streets.streets, key=lambda s: ("lane", "residential", "secondary", "arterial").index(s.kind)
    )
    return _collection(
        [
            _feature("Polygon", [_ring(town.border)], kind="district", id="district"),
            *(_feature("Polygon", [_ring(b.ring)], kind="block", id=b.id, use=b.use) for b in town.blocks),
            _water(town.river, "river", town.river_name),
            *(_water(pond, f"{b.id}-pond", town.lake_name) for b in town.blocks for pond in b.ponds),
            *(_buildings(b) for b in town.blocks if b.buildings),
            *(
                _feature(
                    "LineString",
                    [_position(town.streets.points[n]) for n in s.nodes],
                    kind="street",
                    id=s.id,
                    name_en=s.name_en,
                    name_zh=s.name_zh,
                    **{"class": s.kind},
                )
                for s in streets
            ),
            *(_fence(f) for f in town.fences),
            *(
                _feature(
                    "Point",
                    _position(f.point),
                    kind="facility",
                    id=f.id,
                    name_en=f.name_en,
                    name_zh=f.name_zh,
                )
                for f in (town.station, town.yard)
            ),
            *(
                _feature(
                    "Point",
                    _position(s.point),
                    kind="site",
                    id=s.id,
                    site_kind=s.kind,
                    name_en=s.name_en,
                    name_zh=s.name_zh,
                )
                for s in town.sites
            ),
        ]
    )


def fence_map(town: Town) -> dict[str, Any]:
    """The fences alone, as `--fences` takes them: polygons with `id` and `door` (absent: no rule)."""
    return _collection([_fence(f) for f in town.fences])


def _water(ring: Ring, id_: str, names: tuple[str, str]) -> Feature:
    return _feature("Polygon", [_ring(ring)], kind="water", id=id_, name_en=names[0], name_zh=names[1])


def _fence(fence: Fence) -> Feature:
    feature = _feature(
        "Polygon",
        [_ring(fence.ring)],
        kind="fence",
        id=fence.id,
        name_en=fence.name_en,
        name_zh=fence.name_zh,
    )
    if fence.door is not None:
        feature["properties"]["door"] = fence.door
    return feature


def _buildings(block: Block) -> Feature:
    rings = [[_ring(b)] for b in block.buildings]
    return _feature("MultiPolygon", rings, kind="building", id=f"{block.id}-buildings", use=block.use)


def _feature(geometry: str, coordinates: Any, **properties: Any) -> Feature:
    return {
        "type": "Feature",
        "id": f"{properties['kind']}/{properties['id']}",
        "geometry": {"type": geometry, "coordinates": coordinates},
        "properties": properties,
    }


def _collection(features: list[Feature]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": features}


def _position(point: Point) -> list[float]:
    return [round(degree, 6) for degree in to_degrees(point)]


def _ring(ring: Ring) -> list[list[float]]:
    return [_position(point) for point in ring]


def unit_fences(fences: dict[str, Any]) -> list[dict[str, Any]]:
    """A fences FeatureCollection as units are provisioned with it: `id`, `door` (absent: no rule), and
    `rings` (outer, then holes) of [longitude, latitude] in 1e-7 degrees, not closed. Raises ValueError for
    what is not such a collection.
    """
    out = []
    for k, feature in enumerate(fences.get("features", [])):
        geometry, properties = feature.get("geometry") or {}, feature.get("properties") or {}
        if geometry.get("type") != "Polygon" or "id" not in properties:
            raise ValueError(f"fences: feature {k}: expected a Polygon with a property `id`")
        if properties.get("door") not in (None, "inside-only", "never-inside"):
            rule = f"door {properties['door']!r}, expected `inside-only`, `never-inside` or nothing"
            raise ValueError(f"fences: {properties['id']}: {rule}")
        rings = [
            [[round(lon * 1e7), round(lat * 1e7)] for lon, lat, *_ in ring[:-1]]
            for ring in geometry["coordinates"]
        ]
        out.append(
            {"id": properties["id"], "rings": rings}
            | ({"door": properties["door"]} if properties.get("door") else {})
        )
    return out
