"""`huishou config tables`: the tables of alarms and log codes in a Markdown page, made from the code."""

import importlib
import pkgutil
import re
from pathlib import Path

import gateway
from gateway.alarm_codes import ALARMS
from gateway.logs import Event, table


def alarms_table() -> str:
    """Every alarm with its level, delays, and what to do, in both languages."""
    rows = ["| code | level | on / off, s | what it is, what to do | 含义与处理 |\n|---|---|---|---|---|\n"]
    for code, row in ALARMS.items():
        delays = f"{row.on_s:g} / {row.off_s:g}"
        rows.append(f"| `{code}` | {row.level} | {delays} | {row.en} {row.en_do} | {row.zh}{row.zh_do} |\n")
    return "".join(rows)


def events_table() -> str:
    """Every event that any part of the gateway logs; imports all of them to find their declarations."""
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not module.name.endswith("__main__") and not module.name.startswith("gateway.dashboards"):
            importlib.import_module(module.name)
    return table({code: event for code, event in Event.declared.items() if not code.startswith("test-")})


TABLES = {"alarms": alarms_table, "log-codes": events_table}


def filled(text: str) -> str:
    """A page with each block between `<!-- table: NAME -->` and `<!-- end -->` made anew.

    Raises KeyError for a table that there is not.
    """

    def block(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n{TABLES[match[1]]()}<!-- end -->"

    return re.sub(r"<!-- table: ([a-z-]+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


def fill(page: Path) -> bool:
    """Bring a page up to date; whether it changed. Raises OSError, KeyError."""
    before = page.read_text("utf-8")
    after = filled(before)
    if after != before:
        page.write_text(after, "utf-8")
    return after != before
