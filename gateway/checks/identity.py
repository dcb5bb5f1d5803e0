"""Rules about who speaks, and of what: unit, bay, category, session."""

from msgspec import UNSET

from gateway.checks.model import Case

UNITS_OF_KIND = {
    "reading": ("bin", "truck"),
    "deposit": ("bin",),
    "session": ("bin",),
    "collect": ("bin",),
    "door": ("bin", "truck"),
    "position": ("truck",),
    "fence": ("truck",),
    "weigh": ("truck", "station"),
}


def other_unit(case: Case) -> str | None:
    """A unit sends a kind that only other units have."""
    kind = case.record.__struct_config__.tag
    units = UNITS_OF_KIND.get(kind)
    if units is None or case.device.unit in units:
        return None
    return f"{kind} from a {case.device.unit}; expected from: {', '.join(units)}"


def unknown_bay(case: Case) -> str | None:
    """The bay is not among the bays that devices.json lists for the device (if it lists any)."""
    bay, bays = case.record.bay, case.device.bays
    if not bays or bay is UNSET or case.device.bay(bay):
        return None
    return f"bay {bay}; the device has {', '.join(str(b.bay) for b in bays)}"


def wrong_category(case: Case) -> str | None:
    """The category is not the one that devices.json gives for the bay."""
    bay = case.device.bay(case.record.bay)
    if bay is None or bay.category == case.record.category:
        return None
    return f"{case.record.category} in bay {bay.bay}, which is for {bay.category}"


def session_twice(case: Case) -> str | None:
    """Another deposit of the log carries the same session: a visit is weighed, and paid, once."""
    session = case.record.session
    for seq, other in case.past.sessions:
        if other == session:
            return f"session {session} was paid with record {seq}"
    return None
