"""Fill level from the distance to what lies in the bay."""


def percent(distance_mm: int, empty_mm: int, full_mm: int) -> int:
    """0 at `empty_mm` (the floor), 100 at `full_mm` and nearer."""
    span = empty_mm - full_mm
    return max(0, min(100, ((empty_mm - distance_mm) * 100 + span // 2) // span))
