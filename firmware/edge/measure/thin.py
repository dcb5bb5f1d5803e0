"""Which fixes become records: enough to draw the way and time the stops, not one a second."""

from edge.measure.fix import Fix
from edge.measure.integer import offset_cm

STILL_CM = 1500  # nearer than this to the last record: standing, whatever the receiver's wander
TURN_SPEED_CMPS = 150  # below, the course is noise


class Thin:
    """A fix is wanted when, since the last wanted one, it moved `every_cm`; or moved at all and `every_ms`
    passed; or turned by `turn_cdeg` at speed; or stood for `still_ms`.
    """

    def __init__(self, every_ms: int, every_cm: int, turn_cdeg: int, still_ms: int) -> None:
        self._every_ms = every_ms
        self._every_cm = every_cm
        self._turn_cdeg = turn_cdeg
        self._still_ms = still_ms
        self._last: "Fix | None" = None
        self._last_ms = 0

    def wanted(self, fix: Fix, now_ms: int) -> bool:
        """`now_ms`: any clock that only runs forward."""
        last = self._last
        if last and not self._differs(fix, last, now_ms - self._last_ms):
            return False
        self._last, self._last_ms = fix, now_ms
        return True

    def _differs(self, fix: Fix, last: Fix, passed_ms: int) -> bool:
        north, east = offset_cm(fix.lat_e7, fix.lon_e7, last.lat_e7, last.lon_e7)
        square = north * north + east * east
        if square >= self._every_cm**2 or passed_ms >= self._still_ms:
            return True
        if square >= STILL_CM**2 and passed_ms >= self._every_ms:
            return True
        if fix.course_cdeg is None or last.course_cdeg is None or (fix.speed_cmps or 0) < TURN_SPEED_CMPS:
            return False
        turn = abs(fix.course_cdeg - last.course_cdeg)
        return min(turn, 36_000 - turn) >= self._turn_cdeg
