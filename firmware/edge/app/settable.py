"""What may be set from afar: one table, and the check of a value against it.

`schemas/settings.json` is the same table with words for people; a test holds both together. Loaded only when
settings arrive. Everything else (the device's id and key, its board, the calibrations) is set at the bench.
"""

from edge.app.token import Tokens
from edge.errors import EdgeError
from edge.measure.geofence import Fence
from edge.measure.hours import Hours

if False:  # for types
    from typing import Any

# key (`N`: the number of a bay), kind, least, most (of a text or list: its length), which units have it
TABLE = (
    ("wake_s", "int", 60, 86_400, "bin"),
    ("upload_looks", "int", 1, 144, "bin"),
    ("reading_s", "int", 10, 86_400, "truck"),
    ("network.ssid", "text", 1, 32, "all"),
    ("network.password", "text", 0, 63, "all"),
    ("network.apn", "text", 0, 100, "all"),
    ("broker.host", "text", 1, 253, "all"),
    ("broker.port", "int", 1, 65_535, "all"),
    ("broker.password", "text", 1, 128, "all"),
    ("broker.keepalive_s", "int", 5, 3600, "all"),
    ("ntp.host", "text", 1, 253, "all"),
    ("ntp.port", "int", 1, 65_535, "all"),
    ("bay.N.category", "word", 1, 48, "bin"),
    ("bay.N.empty_mm", "int", 100, 10_000, "bin"),
    ("bay.N.full_mm", "int", 0, 10_000, "bin"),
    ("bay.N.full_pct", "int", 10, 100, "bin"),
    ("hours", "hours", 0, 0, "bin"),
    ("tokens", "tokens", 0, 16, "bin"),
    ("crew", "texts", 0, 64, "bin"),
    ("battery.mwh", "int", 100, 1_000_000, "bin"),
    ("battery.mohm", "int", 10, 5000, "bin"),
    ("battery.bolt_ma", "int", 10, 10_000, "bin"),
    ("battery.bolt_mj", "int", 10, 100_000, "bin"),
    ("gnss.every_ms", "int", 1000, 3_600_000, "truck"),
    ("gnss.every_m", "int", 1, 10_000, "truck"),
    ("gnss.turn_cdeg", "int", 100, 18_000, "truck"),
    ("gnss.still_ms", "int", 1000, 3_600_000, "truck"),
    ("fences", "fences", 0, 64, "truck"),
)
_WORD = "abcdefghijklmnopqrstuvwxyz0123456789_-"


def check(config: "dict[str, Any]", settings: "dict[str, Any]") -> None:
    """See that every key may be set on this unit and every value is in its range. Errors:
    `settings-unknown` `settings-range`, with the key, what came and what is expected.
    """
    for key in sorted(config):
        row = _row(key, settings)
        try:
            problem = _problem(row, config[key])
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            problem = str(error) or type(error).__name__
        if problem:
            raise EdgeError("settings-range", "%s: %s" % (key, problem))


def _row(key: str, settings: "dict[str, Any]") -> "tuple[str, str, int, int, str]":
    parts = key.split(".")
    name = key
    if parts[0] == "bay" and len(parts) == 3:
        if not [bay for bay in settings.get("bays", []) if str(bay["bay"]) == parts[1]]:
            raise EdgeError("settings-unknown", "%s: there is no such bay" % key)
        name = "bay.N." + parts[2]
    for row in TABLE:
        if row[0] == name and row[4] in ("all", settings["unit"]):
            return row
    raise EdgeError("settings-unknown", "%s cannot be set on a %s" % (key, settings["unit"]))


def _problem(row: "tuple[str, str, int, int, str]", value: "Any") -> "str | None":
    kind, least, most = row[1], row[2], row[3]
    if kind == "int":
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            return "%s, expected %d to %d" % (value, least, most)
        return None
    if kind in ("text", "word"):
        if not isinstance(value, str) or not least <= len(value.encode()) <= most:
            return "expected a text of %d to %d bytes" % (least, most)
        bad = [char for char in value if char < " " or (kind == "word" and char not in _WORD)]
        return "%r is not allowed" % bad[0] if bad else None
    if kind == "hours":
        if value is not None:
            Hours(value)
        return None
    if not isinstance(value, list) or not least <= len(value) <= most:
        return "expected a list of %d to %d" % (least, most)
    if kind == "tokens":
        return "; ".join(Tokens(value, [], "").problems) or None
    if kind == "texts":
        bad = [one for one in value if not isinstance(one, str) or not 1 <= len(one) <= 64]
        return "expected texts of 1 to 64 characters" if bad else None
    for fence in value:
        Fence(fence["id"], fence["rings"], fence.get("door"), False)
    return None
