"""How the gateway is, as data: one look at the store and at what its processes say. Changes nothing.

Every question asked here is answered from an index or a counter, so that a look costs the same with a
journal of ten gigabytes as with an empty one (`tests/telling/test_cost_of_a_look.py`).
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from gateway.alarms import Alarm, alarms
from gateway.journal import JournalError, JournalReader
from gateway.journal.readers import announced
from gateway.journal.sqlite import FILE as JOURNAL_FILE
from gateway.journal.stored import Counters
from gateway.processes import LATE_MS, status, status_of
from gateway.writer.store import FIRST, Progress, read_all_progress

ALARMS_FILE = "alarms.json"
DAY_MS = 86_400_000
MAX_GAPS = 100  # looked at; more are "100 or more"
OUTCOMES = ("accepted", "flagged", "quarantined", "duplicate")

Facts = dict[str, Any]


def look(store: Path, now_ms: int) -> Facts:
    """As `snapshot`, but never raises.

    Where the store cannot be read, `problem` says why and what comes from it is missing.
    """
    try:
        return snapshot(store, now_ms)
    except JournalError as err:
        return _with_alarms(store, {**_processes(store, now_ms), "problem": str(err)})


def snapshot(store: Path, now_ms: int) -> Facts:
    """How the gateway is, as JSON-ready data.

    `records.received` is counted where records come in, `records.outcomes` where they are decided; `sum_ok`
    says that they agree. `records.codes`: number of records by `outcome/code`, for those with a code, the
    first of several; `records.reasons`: by each code. `alarms`: what stands, the worst
    first. Raises JournalError.
    """
    with JournalReader(store) as journal:
        counters = journal.counters()
        end = journal.end()
        progress = read_all_progress(store)
        sinks = {name: _sink(journal, one, end, now_ms) for name, one in progress.items()}
        readers = {
            name: _behind(journal, need.row - 1, end, now_ms) for name, need in announced(store).items()
        }
        processes = _processes(store, now_ms)
        shown = processes["processes"]["web"].get("cursor")
        if isinstance(shown, int):
            readers["page"] = _behind(journal, shown, end, now_ms)
        first = _sink(journal, Progress(), end, now_ms) if FIRST not in sinks else sinks[FIRST]
        facts = {
            **processes,
            "records": _records(counters),
            "messages": counters.messages,
            "journal": {**_size(store), **_journal(journal, end, now_ms)},
            "disk": _disk(store),
            "sinks": sinks,
            "readers": readers,
            "writer": first,  # the sink of the section [influxdb]
        }
    facts["sum_ok"] = facts["records"]["received"] == sum(facts["records"]["outcomes"].values())
    for name, told in facts["processes"]["writer"].get("sinks", {}).items():
        sinks.setdefault(name, dict(first)).update(told)
    return _with_alarms(store, facts)


def read_standing(store: Path, now_ms: int) -> list[Alarm] | None:
    """The alarms that the parent process left (gateway.watch); None when it does not run."""
    try:
        text = (store / ALARMS_FILE).read_bytes()
        at_ms, standing = msgspec.json.decode(text, type=tuple[int, list[Alarm]])
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        return None
    return standing if abs(now_ms - at_ms) <= 3 * LATE_MS else None


def write_standing(now_ms: int, standing: list[Alarm]) -> bytes:
    """The content of the file that `read_standing` reads."""
    return msgspec.json.encode((now_ms, standing))


def _with_alarms(store: Path, facts: Facts) -> Facts:
    standing = alarms(facts, read_standing(store, facts["now_ms"]))
    return {**facts, "alarms": [msgspec.to_builtins(alarm) for alarm in standing]}


def _processes(store: Path, now_ms: int) -> Facts:
    return {
        "now_ms": now_ms,
        "processes": status(store, now_ms),
        "supervisor": status_of(store, "gateway", now_ms),
    }


def _records(counters: Counters) -> Facts:
    outcomes: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
    codes: dict[str, int] = {}
    for (outcome, code), count in sorted(counters.outcomes.items()):
        outcomes[outcome] += count
        if code:
            codes[f"{outcome}/{code}"] = count
    return {
        "received": counters.received,
        "outcomes": dict(outcomes),
        "codes": codes,
        "reasons": counters.codes,
    }


def _journal(journal: JournalReader, end: int, now_ms: int) -> Facts:
    gaps = journal.gaps(MAX_GAPS)
    newest = journal.read_back(None, 1)
    return {
        "end": end,
        "rows": end,
        "newest_ms": newest[0].received_ms if newest else None,
        "lost": journal.lost(),
        "lost_24h": journal.lost_since(now_ms - DAY_MS),
        "gaps": len(gaps),
        "gap_since_ms": min((gap.since_ms for gap in gaps), default=None),
        "gap_devices": sorted({gap.device for gap in gaps})[:10],
    }


def _size(store: Path) -> Facts:
    path = store / JOURNAL_FILE
    files = (path, path.with_name(path.name + "-wal"))
    return {"bytes": sum(file.stat().st_size for file in files if file.exists())}


def _disk(store: Path) -> Facts | None:
    try:
        usage = shutil.disk_usage(store)
    except OSError:
        return None
    return {"free_bytes": usage.free, "total_bytes": usage.total}


def _sink(journal: JournalReader, progress: Progress, end: int, now_ms: int) -> Facts:
    return {
        "cursor": progress.cursor,
        "lines": progress.lines,
        "refused": progress.refused,
        **_behind(journal, progress.cursor, end, now_ms),
        "behind_rows": progress.plan.owed(end),
        "live_behind_s": _behind(journal, progress.plan.live, end, now_ms)["behind_s"],
    }


def _behind(journal: JournalReader, cursor: int, end: int, now_ms: int) -> Facts:
    """How far a reader is behind: rows, and the age in seconds of the oldest one that it has not done."""
    oldest_ms = journal.oldest_ms(cursor)
    behind_s = 0.0 if oldest_ms is None else max(0, now_ms - oldest_ms) / 1000
    return {"behind_rows": max(0, end - cursor), "behind_s": behind_s}
