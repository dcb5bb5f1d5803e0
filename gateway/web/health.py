"""The gateway itself, as the page shows it: its alarms in the reader's language, rates, delays. Pure."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from gateway.alarm_codes import row
from gateway.delays import counts_of, quantile
from gateway.web.i18n import known, translator
from gateway.web.projection.concerns import Level
from gateway.web.view import View

Facts = dict[str, Any]

LEVELS = {"alarm": Level.ALARM, "warning": Level.WARN}
RATE_S = 60.0  # rates are means over about this time


class Rates:
    """What arrives per second, from counters looked at now and then. Not thread-safe: its owner's lock."""

    def __init__(self) -> None:
        self._looks: deque[tuple[int, int, int]] = deque(maxlen=1_000)  # ms, records, messages

    def add(self, facts: Facts) -> None:
        """Remember one look; those older than RATE_S go, but for one."""
        if "problem" in facts:
            return
        look = (facts["now_ms"], facts["records"]["received"], sum(facts["messages"].values()))
        self._looks.append(look)
        while len(self._looks) > 2 and look[0] - self._looks[1][0] >= RATE_S * 1000:
            self._looks.popleft()

    def per_s(self) -> tuple[float, float] | None:
        """Records and messages per second; None: not known yet."""
        if len(self._looks) < 2:
            return None
        first, last = self._looks[0], self._looks[-1]
        seconds = (last[0] - first[0]) / 1000
        if seconds <= 0:
            return None
        return max(0, last[1] - first[1]) / seconds, max(0, last[2] - first[2]) / seconds


def alarm_views(facts: Facts, lang: str) -> list[View]:
    """The gateway's alarms in words: `level` as for devices, `text`, `do`, `detail`, `since_ms`."""
    chinese = lang == "zh-CN"
    found: list[View] = []
    for alarm in facts["alarms"]:
        told = row(alarm["code"])
        text = (told.zh if chinese else told.en) or alarm["detail"] or alarm["code"]
        found.append(
            {
                "code": alarm["code"],
                "level": int(LEVELS[alarm["level"]]),
                "text": text,
                "do": told.zh_do if chinese else told.en_do,
                "about": known(lang, "process", alarm["about"]) if alarm["about"] else "",
                "detail": alarm["detail"],
                "since_ms": alarm["since_ms"],
            }
        )
    return found


def warnings(facts: Facts, lang: str) -> list[View]:
    """One line for each alarm, the worst first, for the top of the city's page."""
    t = translator(lang)
    return [
        {
            "level": one["level"],
            "text": t("gateway.warning", about=one["about"], text=one["text"])
            if one["about"]
            else one["text"],
        }
        for one in alarm_views(facts, lang)
    ]


def delay_text(facts: Mapping[str, Any] | None, lang: str) -> str:
    """Below what 99 % of the delays lie; empty: none was counted."""
    counts = counts_of(facts)
    if not counts or not sum(counts):
        return ""
    return f"≤ {_bound(quantile(counts, 0.99), lang)}"


def span_text(seconds: float, lang: str) -> str:
    """A length of time in one unit."""
    t = translator(lang)
    for key, size in (("gateway.days", 86_400), ("gateway.hours", 3_600), ("gateway.minutes", 60)):
        if seconds >= 2 * size or seconds == size:
            return t(key, n=round(seconds / size))
    return t("gateway.seconds", n=round(seconds))


def bytes_text(size: float) -> str:
    """`1.3 GB`, decimal units (with a space that does not break)."""
    for unit, one in (("GB", 1e9), ("MB", 1e6)):
        if size >= one:
            return f"{size / one:,.1f}\u00a0{unit}"
    return f"{size / 1e3:,.0f}\u00a0kB"


def _bound(seconds: float | None, lang: str) -> str:
    if seconds is None or seconds == float("inf"):
        return translator(lang)("gateway.over-a-week")
    return f"{seconds * 1000:.0f}\u00a0ms" if seconds < 1 else span_text(seconds, lang)
