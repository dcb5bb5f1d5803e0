"""Opening hours as data, by local time.

    {"utc_min": 480,
     "week": {"mon-fri": ["06:30-09:00", "18:00-21:00"], "sat-sun": ["07:00-21:00"], "holiday": []},
     "holidays": ["2026-10-01/2026-10-07"],
     "dates": {"2026-10-10": ["06:30-09:00"], "2027-02-05/2027-02-06": ["08:00-12:00"]}}

`utc_min`: local time minus UTC in minutes (China: 480, the whole year). `dates` count before `holidays`
(which take the week's `holiday`), those before the day of the week; a day that nothing names is closed.
Dates are ISO 8601, `first/last` with both included. A window is open from its first minute until its second
one; when that is not later, it ends on the next day ("22:00-02:00"). Windows of a day may overlap.
"""

from edge.measure.calendar import civil, days

if False:  # for types
    from typing import Any

    Windows = list[tuple[int, int]]

HORIZON_DAYS = 400  # how far the next opening is looked for
DAY_MIN = 1440
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEYS = ("utc_min", "week", "holidays", "dates")


def weekday(day: int) -> int:
    """0 for a Monday; `day` counts from 1970-01-01, a Thursday."""
    return (day + 3) % 7


def _number(text: str, digits: int) -> int:
    if len(text) != digits or not all("0" <= char <= "9" for char in text):
        raise ValueError("%s is not a number of %d digits" % (text, digits))
    return int(text)


def _minute(text: str) -> int:
    hour, colon, minute = text.partition(":")
    result = _number(hour, 2) * 60 + _number(minute, 2)
    if not colon or int(minute) > 59 or result > DAY_MIN:
        raise ValueError("no time of day")
    return result


def _window(text: str) -> "tuple[int, int]":
    first, _dash, last = text.partition("-")
    try:
        start, end = _minute(first), _minute(last)
    except ValueError:
        start = end = 0
    if start == end or start == DAY_MIN:
        raise ValueError("%s is no window; expected for example 06:30-09:00 (all day: 00:00-24:00)" % text)
    return start, end if end > start else end + DAY_MIN


def _windows(texts: "list[str]") -> "Windows":
    if not isinstance(texts, list):
        raise ValueError("%s is no list of windows" % texts)
    return [_window(text) for text in texts]


def _date(text: str) -> int:
    parts = text.split("-")
    if len(parts) == 3:
        year, month, day = _number(parts[0], 4), _number(parts[1], 2), _number(parts[2], 2)
        number = days(year, month, day)
        if number is not None and civil(number * 86_400_000)[:3] == (year, month, day):
            return number
    raise ValueError("%s is no date; expected for example 2026-10-01" % text)


def _span(text: str) -> "tuple[int, int]":
    first, slash, last = text.partition("/")
    start = _date(first)
    end = _date(last) if slash else start
    if end < start:
        raise ValueError("%s ends before it begins" % text)
    return start, end


def _weekdays(text: str) -> "list[int]":
    first, dash, last = text.partition("-")
    if first not in _DAYS or (dash and last not in _DAYS):
        raise ValueError("%s is no day; expected mon to sun, mon-fri, or holiday" % text)
    start = _DAYS.index(first)
    length = (_DAYS.index(last) - start) % 7 if dash else 0
    return [(start + k) % 7 for k in range(length + 1)]


class Hours:
    """When it is open. Raises ValueError (names the field and what is wrong) for data that is damaged."""

    def __init__(self, data: "dict[str, Any]") -> None:
        self.utc_min = 0
        self._week: "list[Windows | None]" = [None] * 7
        self._holiday: "Windows" = []
        self._holidays: "list[tuple[int, int]]" = []
        self._dates: "list[tuple[int, int, Windows]]" = []
        field = "hours"
        try:
            for field in data:
                if field not in _KEYS:
                    raise ValueError("unknown; expected " + " ".join(_KEYS))
            field = "utc_min"
            self.utc_min = data["utc_min"]
            if not isinstance(self.utc_min, int) or not -720 <= self.utc_min <= 840:
                raise ValueError("%s is not within -720 to 840 minutes" % self.utc_min)
            field = "week"
            for name, texts in data["week"].items():
                self._set_days(name, _windows(texts))
            field = "holidays"
            self._holidays = [_span(text) for text in data.get("holidays", [])]
            field = "dates"
            for name, texts in data.get("dates", {}).items():
                start, end = _span(name)
                self._dates.append((start, end, _windows(texts)))
        except KeyError:
            raise ValueError("hours: %s is missing" % field)
        except (AttributeError, TypeError):
            raise ValueError("hours: %s has another form than expected" % field)
        except ValueError as error:
            raise ValueError("hours: %s: %s" % (field, error))

    def _set_days(self, name: str, windows: "Windows") -> None:
        if name == "holiday":
            self._holiday = windows
            return
        for day in _weekdays(name):
            if self._week[day] is not None:
                raise ValueError("%s is named twice" % _DAYS[day])
            self._week[day] = windows

    def windows(self, day: int) -> "Windows":
        """The windows that begin on a local day (counted from 1970-01-01), in minutes from its midnight."""
        for start, end, windows in self._dates:
            if start <= day <= end:
                return windows
        for start, end in self._holidays:
            if start <= day <= end:
                return self._holiday
        return self._week[weekday(day)] or []

    def local(self, utc_ms: int) -> "tuple[int, int]":
        """(local day since 1970-01-01, minute of that day)."""
        return divmod(utc_ms // 60_000 + self.utc_min, DAY_MIN)

    def open_at(self, utc_ms: int) -> bool:
        """Whether it is open at a time (ms since 1970 UTC)."""
        day, minute = self.local(utc_ms)
        for windows, at in ((self.windows(day), minute), (self.windows(day - 1), minute + DAY_MIN)):
            for start, end in windows:
                if start <= at < end:
                    return True
        return False

    def next_opening(self, utc_ms: int) -> "int | None":
        """The first instant not before `utc_ms` at which it is open (ms since 1970 UTC); None: not within 400
        days.
        """
        if self.open_at(utc_ms):
            return utc_ms
        today, minute = self.local(utc_ms)
        for day in range(today, today + HORIZON_DAYS):
            starts = [start for start, _end in self.windows(day) if day > today or start > minute]
            if starts:
                return (day * DAY_MIN + min(starts) - self.utc_min) * 60_000
        return None
