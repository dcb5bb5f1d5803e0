"""What VictoriaMetrics does not say in its answers: it takes every write with 204, and counts on its own page
what it throws away. Pure: the text of its `/metrics` in, what is wrong out.
"""

import re

from msgspec import Struct

_SAMPLE = re.compile(r"^(vm_rows_invalid_total|vm_rows_ignored_total)(\{[^}]*\})? (\d+)", re.MULTILINE)
_DEDUP = re.compile(r'flag\{name="dedup\.minScrapeInterval", value="([^"]*)"')
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


class Page(Struct, frozen=True):
    """`discarded`: rows thrown away since the server's start.

    `dedup_ms`: samples of a series within this time are one; 0: not even equal ones.
    """

    discarded: int
    dedup_ms: float


def read(text: str) -> Page:
    """Read the server's `/metrics`."""
    discarded = sum(int(count) for _, _, count in _SAMPLE.findall(text))
    found = _DEDUP.search(text)
    return Page(discarded, _milliseconds(found[1]) if found else 0)


def wrong(before: Page | None, now: Page) -> str:
    """What an operator should know, in words; "": nothing. `before`: the page as it was, if it was had."""
    if now.dedup_ms == 0:
        return "it keeps what is written twice: start it with -dedup.minScrapeInterval=1ms"
    if now.dedup_ms > 1:
        return f"it drops samples within {now.dedup_ms:g} ms: start it with -dedup.minScrapeInterval=1ms"
    lost = now.discarded - (before.discarded if before is not None else 0)
    if lost > 0:
        return f"it threw away {lost} samples: older than its -retentionPeriod, or malformed; see its log"
    return ""


def _milliseconds(duration: str) -> float:
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", duration)
    return sum(float(number) * _UNITS_MS[unit] for number, unit in parts)
