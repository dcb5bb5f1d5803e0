"""NMEA 0183: from bytes of any receiver to fixes. Pure; in integers; exact.

Rules. (1) A sentence counts only with a valid checksum. (2) Sentences of one UTC time are one epoch,
whatever their talkers and order. (3) RMC with status V or mode N, E, M or S, and GGA with quality 0 or
above 5, say "no fix": then the epoch has none, whatever else it holds (estimated, manual and simulated
positions are no measurements). (4) RMC gives place, speed, course and date; GGA gives satellites and HDOP,
and the place when there is no RMC. (5) GGA alone takes its date from the last RMC or ZDA, across midnight;
without any date the fix has no time. (6) An epoch is complete when it has RMC and GGA, when the next one
begins, or when the line falls idle and it holds what the one before held.
"""

from edge.measure.calendar import days
from edge.measure.fix import Fix
from edge.measure.integer import divide, scaled

MAX_LINE = 120  # the standard says 82; some receivers send longer vendor sentences, which do not matter here
IDLE_MS = 250  # no receiver pauses so long within an epoch
_DAY_MS = 86_400_000
_NO_FIX_MODES = "NEMS"
_KINDS = (b"RMC", b"GGA", b"ZDA")


def fields(line: bytes) -> "list[str] | None":
    """The fields of an RMC, GGA or ZDA, address first without its talker; None when it is no such sentence or
    its checksum is wrong.
    """
    start = line.rfind(b"$")
    star = line.rfind(b"*")
    if (
        start < 0
        or line[start + 3 : start + 6] not in _KINDS
        or star != len(line) - 3
        or max(line[start:]) > 0x7E
    ):
        return None
    check = 0
    for byte in line[start + 1 : star]:
        check ^= byte
    try:
        if int(line[star + 1 :].decode(), 16) != check:
            return None
        parts = line[start + 1 : star].decode("ascii").split(",")
    except (ValueError, UnicodeError):
        return None
    if len(parts[0]) != 5:
        return None
    parts[0] = parts[0][2:]
    return parts


def angle_e7(text: str, hemisphere: str, positive: str, negative: str, limit: int) -> "int | None":
    """`ddmm.mmmm` (`dddmm.mmmm`) as 1e-7 degree, exact to the last digit, halves away from zero."""
    whole, _point, fraction = text.partition(".")
    if not (whole + fraction).isdigit() or len(whole) < 3 or hemisphere not in (positive, negative):
        return None
    unit = 10 ** len(fraction)
    minutes = int(whole[-2:] + fraction)
    value = int(whole[:-2]) * 10_000_000 + divide(minutes * 10_000_000, 60 * unit)
    if minutes >= 60 * unit or value > limit * 10_000_000:
        return None
    return value if hemisphere == positive else -value


def time_of_day_ms(text: str) -> "int | None":
    """`hhmmss` or `hhmmss.sss` since midnight UTC."""
    whole, _point, fraction = text.partition(".")
    if len(whole) != 6 or not (whole + fraction).isdigit():
        return None
    hours, minutes, seconds = int(whole[:2]), int(whole[2:4]), int(whole[4:])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return (hours * 60 + minutes) * 60_000 + seconds * 1000 + int((fraction + "000")[:3])


class Receiver:
    """Takes bytes as they come, gives fixes in order."""

    def __init__(self) -> None:
        self._buf = b""
        self._date: "tuple[int, int] | None" = (
            None  # (days since 1970, time of day) of the last dated sentence
        )
        self._before = ""  # what the epoch before held
        self._begin(None)

    def _begin(self, tod: "int | None") -> None:
        self._tod = tod
        self._rmc: "list[str] | None" = None
        self._gga: "list[str] | None" = None
        self._no_fix = False
        self._given = False

    def feed(self, data: bytes) -> "list[Fix]":
        """The fixes that became complete."""
        self._buf += data
        found: "list[Fix]" = []
        while True:
            end = self._buf.find(b"\n")
            if end < 0:
                self._buf = self._buf[-MAX_LINE:]
                return found
            line, self._buf = self._buf[:end].rstrip(), self._buf[end + 1 :]
            parts = fields(line[-MAX_LINE:])
            if parts:
                found += self._sentence(parts)

    def idle(self) -> "list[Fix]":
        """The line has been idle for `IDLE_MS`: perhaps the epoch is complete (rule 6)."""
        return self._complete() if self.pending else []

    @property
    def pending(self) -> bool:
        """Whether `idle` could complete the epoch."""
        return not self._given and not self._no_fix and self._held() != "" and self._held() == self._before

    def _held(self) -> str:
        return ("R" if self._rmc else "") + ("G" if self._gga else "")

    def _sentence(self, parts: "list[str]") -> "list[Fix]":
        kind = parts[0]
        if len(parts) < {"RMC": 10, "GGA": 9, "ZDA": 5}[kind]:
            return []
        tod = time_of_day_ms(parts[1])
        found: "list[Fix]" = []
        if tod is None or tod != self._tod:
            found = self._complete()
            self._before = self._held() or self._before
            self._begin(tod)
        if tod is None:
            return found
        if kind == "RMC":
            self._rmc = parts
            mode = parts[12] if len(parts) > 12 else ""
            if parts[2] != "A" or (mode and mode in _NO_FIX_MODES):
                self._no_fix = True
            else:
                self._dated(parts[9][4:], parts[9][2:4], parts[9][:2], tod)
        elif kind == "GGA":
            self._gga = self._gga or parts
            self._no_fix = self._no_fix or parts[6] not in ("1", "2", "3", "4", "5")
        else:
            self._dated(parts[4], parts[3], parts[2], tod)
        if self._rmc and self._gga:
            found += self._complete()
        return found

    def _dated(self, year: str, month: str, day: str, tod: int) -> None:
        if (year + month + day).isdigit() and len(year) in (2, 4) and len(month) == len(day) == 2:
            number = int(year)
            if len(year) == 2:
                number += 1900 if number >= 80 else 2000
            found = days(number, int(month), int(day))
            if found is not None and 1980 <= number < 2100:  # GPS time begins in 1980
                self._date = (found, tod)

    def _complete(self) -> "list[Fix]":
        place = self._rmc or self._gga
        if self._given or self._no_fix or not place:
            return []
        self._given = True
        at = 3 if self._rmc else 2
        lat = angle_e7(place[at], place[at + 1], "N", "S", 90)
        lon = angle_e7(place[at + 2], place[at + 3], "E", "W", 180)
        if lat is None or lon is None:
            return []
        fix = Fix()
        fix.lat_e7, fix.lon_e7 = lat, lon
        fix.utc_ms = self._utc_ms()
        if self._rmc:
            fix.speed_cmps = scaled(self._rmc[7], 463, 9)  # a knot is 1852 m/h
            course = scaled(self._rmc[8], 100)
            fix.course_cdeg = course if course is None or course <= 36_000 else None
        if self._gga:
            fix.sats = scaled(self._gga[7], 1)
            fix.hdop_c = scaled(self._gga[8], 100)
        return [fix]

    def _utc_ms(self) -> "int | None":
        if self._date is None or self._tod is None:
            return None
        day, tod = self._date
        if self._tod < tod - _DAY_MS // 2:
            day += 1
        return day * _DAY_MS + self._tod
