"""Reading a fences file: a GeoJSON FeatureCollection of polygons (RFC 7946, WGS 84) with properties `id`,
`door`."""

import json
from pathlib import Path
from typing import Any

RULES = ("inside-only", "never-inside")


class FencesError(ValueError):
    """A fences file is wrong: the text says where, what was expected and what came."""


def read_fences(path: Path) -> dict[str, Any]:
    """The file's FeatureCollection, checked. Raises FencesError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FencesError(f"{path}: cannot be read ({error.strerror}); expected a GeoJSON file") from None
    except ValueError as error:
        raise FencesError(f"{path}: not JSON ({error}); expected a GeoJSON FeatureCollection") from None
    check_fences(document, str(path))
    fences: dict[str, Any] = document
    return fences


def check_fences(document: object, where: str = "fences") -> None:
    """Raise FencesError unless `document` is a FeatureCollection of polygons as the firmware can hold
    them."""
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        raise FencesError(f'{where}: expected a GeoJSON object with "type": "FeatureCollection"')
    features = document.get("features")
    if not isinstance(features, list):
        raise FencesError(f'{where}: "features" must be a list')
    seen: set[str] = set()
    for number, feature in enumerate(features):
        at = f"{where}: feature {number}"
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise FencesError(f'{at}: expected an object with "type": "Feature"')
        properties = feature.get("properties")
        name = properties.get("id") if isinstance(properties, dict) else None
        if not isinstance(name, str) or not name:
            raise FencesError(f"{at}: needs a property `id` (a text)")
        if name in seen:
            raise FencesError(f"{at}: `id` {name!r} is there twice")
        seen.add(name)
        rule = properties.get("door") if isinstance(properties, dict) else None
        if rule is not None and rule not in RULES:
            raise FencesError(f"{at} ({name}): `door` is {rule!r}; expected {' or '.join(RULES)}, or none")
        _check_polygon(feature.get("geometry"), f"{at} ({name})")


def _check_polygon(geometry: object, at: str) -> None:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind != "Polygon":
        raise FencesError(f"{at}: geometry is {kind or 'missing'}; expected a Polygon")
    rings = geometry.get("coordinates")
    if not isinstance(rings, list) or not rings:
        raise FencesError(f"{at}: a Polygon needs a list of rings")
    for ring in rings:
        if not isinstance(ring, list) or len(ring) < 4:
            raise FencesError(f"{at}: a ring needs at least four positions, the last like the first")
        for position in ring:
            _check_position(position, at)
        if ring[0] != ring[-1]:
            raise FencesError(f"{at}: a ring must end where it begins")


def _check_position(position: object, at: str) -> None:
    if not isinstance(position, list) or len(position) < 2:
        raise FencesError(f"{at}: {position!r} is no position; expected [longitude, latitude]")
    for value, limit, name in ((position[0], 180, "longitude"), (position[1], 90, "latitude")):
        if isinstance(value, bool) or not isinstance(value, int | float) or not -limit <= value <= limit:
            raise FencesError(f"{at}: {name} {value!r} is not within -{limit} to {limit} degrees")
