"""Line protocol read by its specification, to hold the gateway's encoder against. Knows nothing of it.

https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/: measurement, tags and keys escape
comma, space and equals sign with a backslash; string values escape double quote and backslash.
"""

from simulators.demo.points import Point, Value


def parse_line(text: str) -> Point:
    """One line as a point. Raises ValueError."""
    head, at = _until(text, 0, " ")
    measurement, *tags = _split(head, ",")
    fields: dict[str, Value] = {}
    at += 1
    while True:
        key, at = _until(text, at, "=")
        value, at = _value(text, at + 1)
        fields[_plain(key)] = value
        if text[at] != ",":
            break
        at += 1
    if text[at] != " ":
        raise ValueError(f"expected a space at {at}: {text}")
    pairs = [_split(tag, "=") for tag in tags]
    return Point(_plain(measurement), {_plain(k): _plain(v) for k, v in pairs}, int(text[at + 1 :]), fields)


def _until(text: str, at: int, end: str) -> tuple[str, int]:
    """The text up to an `end` that is not escaped, and where that stands."""
    start = at
    while text[at] != end:
        at += 2 if text[at] == "\\" and text[at + 1 : at + 2] in (",", " ", "=") else 1
    return text[start:at], at


def _split(text: str, by: str) -> list[str]:
    parts: list[str] = []
    at = 0
    while True:
        try:
            part, at = _until(text, at, by)
        except IndexError:
            return [*parts, text[at:]]
        parts.append(part)
        at += 1


def _plain(text: str) -> str:
    for special in ",= ":
        text = text.replace(f"\\{special}", special)
    return text


def _value(text: str, at: int) -> tuple[Value, int]:
    if text[at] != '"':
        end = min(place for place in (text.find(",", at), text.find(" ", at)) if place >= 0)
        word = text[at:end]
        if word in ("true", "false"):
            return ("boolean", word == "true"), end
        if word.endswith("i"):
            return ("long", int(word[:-1])), end
        return ("double", float(word)), end
    found = ""
    at += 1
    while text[at] != '"':
        if text[at] == "\\" and text[at + 1] in '"\\':
            at += 1
        found += text[at]
        at += 1
    return ("string", found), at + 1
