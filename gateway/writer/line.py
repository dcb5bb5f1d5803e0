"""Records to InfluxDB line protocol, with one fixed type per field. Pure.

measurement = kind; tags `device`, `unit`, `site`, and of the record those of TAGS; everything else is a
field: whole numbers as `i`, true and false as booleans, text quoted. So a field never changes its type from
point to point. The time in ns is t·10^6 + seq mod 10^6: made of the record's own name, so that writing it
again overwrites it.
"""

import re

from msgspec import UNSET

from gateway.contract_types import KINDS, RecordBase
from gateway.devices import Device

TAGS = ("bay", "category", "door", "state", "cause", "fence", "event", "scale", "part", "code")
_OWN = ("seq", "t")  # spelt by hand below
_SPECIAL = re.compile(r"([,= ])")
# Where a backslash would be taken for the escape of what follows; line protocol has no escape for it.
_UNSPEAKABLE = re.compile(r"\\(?=[,= ]|$)|[\x00-\x1f\x7f]")


class LineError(ValueError):
    """A record that line protocol cannot express."""


def encode(device: str, known: Device | None, log: str, record: RecordBase, t_ms: int | None = None) -> bytes:
    """One line without its end. `known`: the device's entry, for unit and site. `t_ms` replaces the
    record's time.

    Raises LineError for text that cannot be a tag.
    """
    kind = record.kind
    tags, fields = _PARTS[kind]
    line = [kind, ",device=", device]
    if known is not None:
        if known.site:
            line += ",site=", _tag(known.site)
        line += ",unit=", known.unit
    for name in tags:
        value = getattr(record, name)
        if value is not UNSET:
            line += ",", name, "=", _tag(value) if isinstance(value, str) else str(value)
    line += ' log="', log, '",seq=', str(record.seq), "i"
    for name in fields:
        value = getattr(record, name)
        if value is not UNSET:
            line += ",", name, "=", _field(value)
    time_ms = record.t if t_ms is None else t_ms
    line += " ", str(time_ms * 1_000_000 + record.seq % 1_000_000)
    return "".join(line).encode()


def _tag(value: str) -> str:
    if _UNSPEAKABLE.search(value):
        raise LineError(f"tag value {value!r}: a backslash before a comma, space, equals sign or at the end")
    return _SPECIAL.sub(r"\\\1", value)


def _field(value: bool | int | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value}i"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


_PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    kind: (
        tuple(sorted(name for name in cls.__struct_fields__ if name in TAGS)),
        tuple(name for name in cls.__struct_fields__ if name not in TAGS and name not in _OWN),
    )
    for kind, cls in KINDS.items()
}
