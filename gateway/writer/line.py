"""Records to line protocol, in two dialects, with one fixed type per field. Pure.

*influxdb*: measurement = kind; tags `device`, `log`, `unit`, `site`, and of the record those of TAGS;
everything else is a field: whole numbers as `i`, true and false as booleans, text quoted. The time in ns is
t·10^6 + seq mod 10^6: made of the record's own name, so that writing it again overwrites it. Tags are in
order of their names: InfluxDB sorts those that are not, at a tenth of what a point costs it.

*victoriametrics*: the same line without `log` and `clock` and without its texts, which that server would
store as the number 0. A sample there has a time in whole ms, and a second sample of a series at the same ms
replaces the first. So the time is the record's second, and within it seq mod 1000 ms: wrong by less than a
second, but a record's own.

One function per kind and dialect is generated from the contract's types, so that no field can be forgotten
and none costs more than a comparison and a format.
"""

import re
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

from msgspec import UNSET, inspect, structs

from gateway.contract_types import KINDS, TEXT, RecordBase
from gateway.devices import Device

Dialect = Literal["influxdb", "victoriametrics"]
TAGS = ("bay", "category", "cause", "clock", "code", "door", "event", "fence", "part", "scale", "state")
_COMMON = ("device", "log", "site", "unit")  # tags that are not of the record
_OWN = ("seq", "t")  # spelt by hand below
_SPECIAL = re.compile(r"([,= ])")
# Where a backslash would be taken for the escape of what follows; line protocol has no escape for it.
_UNSPEAKABLE = re.compile(r"\\(?=[,= ]|$)|[\x00-\x1f\x7f]")
_TIMES: dict[Dialect, str] = {
    "influxdb": "{t * 1000000 + seq % 1000000}",
    "victoriametrics": "{(t - t % 1000 + seq % 1000) * 1000000}",
}


class Head(NamedTuple):
    """The tags that all lines of a device share, spelt with the comma before them; "": not known."""

    device: str
    site: str
    unit: str


_Encode = Callable[[Head, str, Any, int], str]


class LineError(ValueError):
    """A record that line protocol cannot express."""


class Encoder:
    """Encodes for one dialect. What a device's lines have in common is made once (`forget` when it changes).

    `device` looks up a device's entry, for unit and site; None: not known, neither is written.
    """

    def __init__(self, dialect: Dialect, device: Callable[[str], Device | None]) -> None:
        self.by_type = _BY_TYPE[dialect]  # what `line` calls, for those who have many to make
        self._device = device
        self._heads: dict[str, Head] = {}

    def forget(self) -> None:
        """The devices have changed."""
        self._heads = {}  # another thread may be at work with the old ones

    def head(self, device: str) -> Head:
        """What all lines of a device share."""
        heads = self._heads
        head = heads.get(device)
        if head is None:
            known = self._device(device)
            head = Head(
                f",device={device}",
                f",site={_tag(known.site)}" if known is not None and known.site else "",
                f",unit={known.unit}" if known is not None else "",
            )
            heads[device] = head
        return head

    def line(self, head: Head, log: str, record: RecordBase, t_ms: int) -> str:
        """One line without its end. `t_ms`: the record's time.

        Raises LineError for text that cannot be a tag.
        """
        return self.by_type[type(record)](head, log, record, t_ms)


def _tag(value: str) -> str:
    if _UNSPEAKABLE.search(value):
        raise LineError(f"tag value {value!r}: a backslash before a comma, space, equals sign or at the end")
    return _SPECIAL.sub(r"\\\1", value)


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _compile(kind: str, cls: type[RecordBase], dialect: Dialect) -> _Encode:
    """The function that writes a kind's line: `(head, log, record, t) -> line`, as one format string."""
    fields = {field.name: field for field in structs.fields(cls) if field.name not in _OWN}
    left_out = () if dialect == "influxdb" else ("log", "clock")
    source = ["def encode(head, log, r, t):", "    seq = r.seq", "    device, site, unit = head"]
    line = kind
    for name in sorted((*_COMMON, *(name for name in fields if name in TAGS))):
        if name in left_out:
            continue
        if name == "log":
            line += ",log={log}"
        elif name in _COMMON:
            line += f"{{{name}}}"
        else:
            line += _part(fields[name], _TAG_FORMS[_shape(fields[name])], source)
    line += " seq={seq}i"
    for name, field in fields.items():
        form = _FIELD_FORMS[dialect].get(_shape(field))
        if name not in TAGS and form is not None:
            line += _part(field, form, source)
    source.append(f"    return f'{line} {_TIMES[dialect]}'")
    scope: dict[str, Any] = {"UNSET": UNSET, "tag": _tag, "text": _text}
    exec("\n".join(source), scope)  # noqa: S102 (made of our own types alone, as dataclasses does it)
    encode: _Encode = scope["encode"]
    return encode


def _part(field: structs.FieldInfo, form: str, source: list[str]) -> str:
    """What stands in the line for a tag or field; `source` gets the statements that must come before."""
    name = field.name
    source.append(f"    {name} = r.{name}")
    if field.required:
        return f",{name}={form % name}"
    source.append(f"    {name} = '' if {name} is UNSET else f',{name}={form % name}'")
    return f"{{{name}}}"


def _shape(field: structs.FieldInfo) -> str:
    """`text` needs escapes, a `word` none."""
    match inspect.type_info(field.type):
        case inspect.BoolType():
            return "bool"
        case inspect.IntType():
            return "int"
        case inspect.LiteralType():
            return "word"
        case inspect.StrType(pattern=pattern):
            return "text" if pattern == TEXT else "word"
        case other:
            raise TypeError(f"line protocol has no form for {field.name}: {other}")


_BOOL = '{"true" if %s else "false"}'
_TAG_FORMS = {"int": "{%s}", "word": "{%s}", "text": "{tag(%s)}"}
_FIELD_FORMS: dict[Dialect, dict[str, str]] = {
    "influxdb": {"int": "{%s}i", "bool": _BOOL, "word": '"{%s}"', "text": '"{text(%s)}"'},
    "victoriametrics": {"int": "{%s}i", "bool": _BOOL},
}
_BY_TYPE: dict[Dialect, dict[type[RecordBase], _Encode]] = {
    dialect: {cls: _compile(kind, cls, dialect) for kind, cls in KINDS.items()}
    for dialect in get_args(Dialect)
}
