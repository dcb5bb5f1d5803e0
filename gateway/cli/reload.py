"""`huishou gateway reload`: what a changed settings file changes, and having it taken now."""

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gateway.config import Config
from gateway.former import FILE, load_former
from gateway.processes import NAMES, status, status_of
from gateway.reload import AT_START, differences, sections

WAIT_S = 6.0
LOOK_S = 0.1
RECENT_MS = 15_000  # what a process took by itself just before it was asked is told too

Facts = Mapping[str, Any]


class Told(Struct, frozen=True):
    """What one process made of it. `answered`: it has looked at the file since it was asked.

    `changes`: what it took then, or by itself within the seconds before.
    """

    process: str
    answered: bool
    changes: list[str]
    pending: list[str]
    problem: str


def would_change(new: Config) -> dict[str, list[str]]:
    """Per section, key by key, what differs from the settings in force in the store that `new` names.

    Raises ConfigError when what was in force cannot be read any more.
    """
    old = load_former(new.file, new.store.path / FILE)
    return {
        name: [
            f"{one}{'  (at the next start)' if name in AT_START else ''}"
            for one in differences(old, new, name)
        ]
        for name in sorted(sections(old, new))
    }


def ask(store: Path) -> list[Told]:
    """Have every running process look at its settings now, and say what each has changed."""
    asked_ms = _now_ms()
    running = {name: facts for name, facts in _running(store).items() if _signal(int(facts["pid"]))}
    end_s = time.monotonic() + WAIT_S
    waiting = set(running)
    told: dict[str, Told] = {}
    while waiting and time.monotonic() < end_s:
        time.sleep(LOOK_S)
        for name, facts in _running(store).items():
            settings = facts.get("config", {})
            if name in waiting and settings.get("looked_ms", 0) >= asked_ms:
                waiting.discard(name)
                told[name] = _told(name, settings, asked_ms)
    return [told.get(name, Told(name, False, [], [], "")) for name in running]


def _told(name: str, settings: Facts, asked_ms: int) -> Told:
    changes = settings["changes"] if settings["taken_ms"] >= asked_ms - RECENT_MS else []
    return Told(name, True, changes, settings["pending"], settings["problem"])


def _running(store: Path) -> dict[str, Facts]:
    now_ms = _now_ms()
    found = {**status(store, now_ms), "gateway": status_of(store, "gateway", now_ms)}
    return {name: found[name] for name in ("gateway", *NAMES) if found[name]["up"]}


def _signal(pid: int) -> bool:
    """Ask by SIGHUP; False: it has ended meanwhile."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGHUP)
        return True
    return False


def words(would: Mapping[str, list[str]], told: list[Told], *, dry_run: bool) -> str:
    """For people: what differs, then what each process said."""
    lines = [f"[{section}]\n" + "\n".join(f"  {change}" for change in would[section]) for section in would]
    if not would:
        lines.append("Nothing differs from the settings in force.")
    if not dry_run and not told:
        lines.append("No process of the gateway runs: the settings are taken when it starts.")
    lines += [f"{one.process:8} {_answer(one)}" for one in told]
    return "\n".join(lines)


def _answer(told: Told) -> str:
    if not told.answered:
        return f"did not answer within {WAIT_S:g} s; it takes the settings by itself when it looks"
    if told.problem:
        return f"keeps the former settings: {told.problem}"
    wait = f"; only at a start: {', '.join(told.pending)}" if told.pending else ""
    return (f"took {'; '.join(told.changes)}" if told.changes else "had taken everything") + wait


def as_json(told: list[Told]) -> list[Any]:
    """For scripts."""
    return [msgspec.to_builtins(one) for one in told]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
