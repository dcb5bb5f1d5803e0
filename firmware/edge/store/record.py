"""The JSON text of a record, made once and never again: what is on flash is what is sent.

The first four keys come in a fixed order, so that a time can be filled in later without parsing JSON.
"""

import json

if False:  # for types
    from collections.abc import Sequence


def _text(value: object) -> str:
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value)
    raise TypeError("a record holds integers, booleans and strings only")


def encode(seq: int, t_ms: int, clock: str, kind: str, fields: "Sequence[tuple[str, object]]") -> bytes:
    """A record as UTF-8 JSON. `fields` keeps its order; a value of None is unknown and left out.

    `t_ms`: ms since 1970-01-01 UTC, or of the local clock when `clock` is "none".
    """
    parts = ['{"seq":%d,"t":%d,"clock":"%s","kind":"%s"' % (seq, t_ms, clock, kind)]
    for name, value in fields:
        if value is not None:
            parts.append(',"%s":%s' % (name, _text(value)))
    parts.append("}")
    return "".join(parts).encode()


_NONE = b',"clock":"none"'


def backdate(data: bytes, offset_ms: int) -> bytes:
    """The record with its time filled in (`clock` "back"); unchanged unless it was made with `clock`
    "none".
    """
    start = data.find(b',"t":')
    end = data.find(_NONE)
    if start < 0 or end < start or data.find(b",", start + 1) != end:
        return data
    t = int(data[start + 5 : end]) + offset_ms
    return data[: start + 5] + str(t).encode() + b',"clock":"back"' + data[end + len(_NONE) :]
