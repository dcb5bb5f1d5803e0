"""The settings in force: the document that the unit was provisioned with, and over it what was set from
afar.
"""

if False:  # for types
    from typing import Any

ADDED = ("desired", "trial", "failed")  # keys of the document that are not settings


def laid_over(doc: "dict[str, Any]", config: "dict[str, Any]") -> "dict[str, Any]":
    """A copy of `doc` with each `a.b` of `config` put in its place (`bay.N.x`: in the bay of that number; a
    list of brokers: in the first).
    """
    result = {key: value for key, value in doc.items() if key not in ADDED}
    for key, value in config.items():
        parts = key.split(".")
        if parts[0] == "bay" and len(parts) == 3:
            result["bays"] = [
                _with(bay, parts[2], value) if str(bay["bay"]) == parts[1] else bay
                for bay in result.get("bays", [])
            ]
        elif len(parts) == 2:
            held = result.get(parts[0], {})
            if isinstance(held, list):
                result[parts[0]] = [_with(held[0] if held else {}, parts[1], value)] + held[1:]
            else:
                result[parts[0]] = _with(held, parts[1], value)
        else:
            result[key] = value
    return result


def _with(part: "dict[str, Any]", name: str, value: object) -> "dict[str, Any]":
    copy = dict(part)
    copy[name] = value
    return copy
