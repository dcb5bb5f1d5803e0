"""What InfluxDB must hold for a record: derived from the contract alone, not from the gateway's encoder.
Pure.

The mapping (docs/design.md, "The contract"): measurement = kind; tags `device`, `log`, `unit`, `site` and
those of `TAGS` that the record has; everything else is a field, of the type that the schema gives it; the
time in nanoseconds is t * 10^6 + seq mod 10^6.
"""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import schemas

TAGS = frozenset(
    ["bay", "category", "cause", "clock", "code", "door", "event", "fence", "part", "scale", "state"],
)
_TIME_AND_MEASUREMENT = frozenset(["t", "kind"])  # these two are the point's own time and name


class Name(NamedTuple):
    """The one name that a record has for ever."""

    device: str
    log: str
    seq: int

    def __str__(self) -> str:
        return f"{self.device}/{self.log}/{self.seq}"


class Unit(NamedTuple):
    """What the gateway knows of a device: goes into tags. An empty site is no tag."""

    unit: str
    site: str


# A value with its InfluxDB type (`long`, `string`, `boolean`, `double`): 1, 1.0 and true are three values.
Value = tuple[str, Any]


class Point(NamedTuple):
    """One point of InfluxDB. `name` is None when its tags and `seq` do not name a record."""

    measurement: str
    tags: Mapping[str, str]
    time_ns: int
    fields: Mapping[str, Value]

    @property
    def name(self) -> Name | None:
        log, seq = self.tags.get("log"), self.fields.get("seq")
        if log is None or seq is None or seq[0] != "long":
            return None
        return Name(self.tags.get("device", ""), log, seq[1])


def expected_point(name: Name, record: Mapping[str, Any], t_ms: int | None, unit: Unit | None) -> Point:
    """The point of a record. `t_ms`: the time that the gateway gave it where the device knew none.

    `unit` None: a device that the gateway does not know. Fields that the contract does not know are not
    expected.
    """
    kind = record["kind"]
    types = _types(kind)
    tags = {"device": name.device, "log": name.log}
    if unit is not None:
        tags["unit"] = unit.unit
        if unit.site:
            tags["site"] = unit.site
    fields: dict[str, Value] = {}
    for key, value in record.items():
        if key in TAGS and key in types:
            tags[key] = str(value)
        elif key in types and key not in _TIME_AND_MEASUREMENT:
            fields[key] = (types[key], value)
    time_ms = record["t"] if t_ms is None else t_ms
    return Point(kind, tags, time_ms * 1_000_000 + name.seq % 1_000_000, fields)


@cache
def _types(kind: str) -> dict[str, str]:
    """The InfluxDB type of each field of a kind, read from the schema. Raises KeyError for an unknown
    kind."""
    documents = {"record.json": schemas.load("record"), "common.json": schemas.load("common")}
    found = {}
    for field, definition in documents["record.json"]["$defs"][kind]["properties"].items():
        home = "record.json"
        while "$ref" in definition:
            file, _, place = definition["$ref"].partition("#/$defs/")
            home = file or home
            definition = documents[home]["$defs"][place]
        json_type = definition.get("type", "string")  # an enumeration or a constant: of strings
        found[field] = {"integer": "long", "string": "string", "boolean": "boolean"}[json_type]
    return found


def decode(raw: bytes) -> dict[str, Any]:
    """A record's JSON text as plain data."""
    record: dict[str, Any] = json.loads(raw)
    return record
