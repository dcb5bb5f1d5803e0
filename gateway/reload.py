"""Settings that change while the gateway runs: the file is watched, and only what differs is handed on.

Each process body owns a `Reload` and asks it now and then (`changed`). An equal file touches nothing; a bad
one leaves the former settings in force, and says so as the condition `config-invalid` until it is mended.
`[log]` is applied here. What can only be taken at a start (`AT_START`) keeps its value: `config-restart`.

    reload = Reload(config)
    while not stop.wait(LOOK_S):
        if change := reload.changed():
            if "mqtt" in change.sections: …
        say({…, "alarms": [*own, *reload.alarms()], "config": reload.facts()})
"""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gateway import logs
from gateway.config import SECTIONS, Config, ConfigError, load
from gateway.files import Stamp, stamp
from gateway.logs import ERROR, WARNING, Event

AT_START = frozenset({"store"})  # everything in a store belongs together: another one is another gateway
LOOK_S = 1.0  # how often the file is looked at
AGAIN_S = 5.0  # a bad file may become good by a change elsewhere (a devices file, a key file)
MAX_CHANGES = 50  # shown of one change
SECRET = "(hidden)"  # noqa: S105 - what is shown in place of one
SECRETS = ("password", "token", "users", "url")  # keys whose values may hold one

_CHANGED = Event("config-changed", "{section}: {changes}", doc="A changed setting is in force.")
_INVALID = Event(
    "config-invalid",
    "{problem} The former settings stay in force.",
    level=ERROR,
    doc="The settings file was changed and cannot be used.",
)
_RESTART = Event(
    "config-restart",
    "changed, but only taken at a start: {sections}",
    level=WARNING,
    doc="The settings file differs from what is in force until the gateway is restarted.",
)


_asked = itertools.count(1)
_asked_for = 0


def hasten() -> None:
    """Have every `Reload` of this process look at its file with its next `changed` (SIGHUP)."""
    global _asked_for
    _asked_for = next(_asked)


class Difference(Struct, frozen=True):
    """One key whose value is another one now; secrets are not shown."""

    key: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.key}: {self.old} → {self.new}"


class Change(Struct, frozen=True):
    """New settings, and which sections of them differ from those in force before."""

    config: Config
    before: Config
    sections: frozenset[str]


class Reload:
    """Watches one settings file for one process. Not thread-safe: the body's own thread asks."""

    def __init__(
        self,
        config: Config,
        monotonic: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.config = config  # in force
        self.problem = ""  # why the file is not in force
        self.pending: frozenset[str] = frozenset()  # sections that wait for a start
        self._monotonic = monotonic
        self._now_ms = now_ms
        self._stamp: Stamp | None = None  # unknown: a file that was changed since `config` was loaded is seen
        self._since_ms = 0
        self._looked_ms = self._taken_ms = now_ms()
        self._changes: list[str] = []  # with the latest change, fit to be shown
        self._next_s = 0.0
        self._asked_for = _asked_for

    def changed(self, *, at_once: bool = False) -> Change | None:
        """New settings, if the file holds any. Cheap, and never raises; looks at most once a second.

        `at_once`: whatever the time and the file's stamp (SIGHUP).
        """
        now_s = self._monotonic()
        at_once = at_once or self._asked_for != _asked_for
        self._asked_for = _asked_for
        if not at_once and now_s < self._next_s:
            return None
        self._next_s = now_s + (AGAIN_S if self.problem else LOOK_S)
        seen = stamp(self.config.file)
        if not at_once and seen is not None and seen == self._stamp and not self.problem:
            return None
        self._stamp = seen
        self._looked_ms = self._now_ms()
        try:
            new = load(self.config.file)
        except ConfigError as err:
            self._refuse(" ".join(str(problem) for problem in err.problems))
            return None
        self.problem = ""
        return self._take(new)

    def alarms(self) -> list[dict[str, Any]]:
        """The conditions to raise, for what a process says."""
        found = []
        if self.problem:
            found.append({"code": "config-invalid", "detail": self.problem, "since_ms": self._since_ms})
        if self.pending:
            detail = ", ".join(sorted(self.pending))
            found.append({"code": "config-restart", "detail": detail, "since_ms": self._taken_ms})
        return found

    def facts(self) -> dict[str, Any]:
        """What a process says of its settings: when it last looked and last took new ones, and which."""
        return {
            "looked_ms": self._looked_ms,
            "taken_ms": self._taken_ms,
            "changes": self._changes,
            "problem": self.problem,
            "pending": sorted(self.pending),
        }

    def _refuse(self, problem: str) -> None:
        if problem != self.problem:
            self._since_ms = self._now_ms()
            _INVALID(problem=problem)
        self.problem = problem

    def _take(self, new: Config) -> Change | None:
        differing = sections(self.config, new)
        pending = differing & AT_START
        if pending and pending != self.pending:
            _RESTART(sections=", ".join(sorted(pending)))
        self.pending = pending
        new = msgspec.structs.replace(new, **{name: getattr(self.config, name) for name in AT_START})
        taken = differing - AT_START
        if not taken:
            return None
        before, self.config, self._taken_ms = self.config, new, self._now_ms()
        self._changes = []
        for section in sorted(taken):
            changes = [str(one) for one in differences(before, new, section)]
            _CHANGED(section=section, changes="; ".join(changes))
            self._changes += changes[: MAX_CHANGES - len(self._changes)]
        if "log" in taken:
            logs.change(new.log)
        return Change(new, before, taken)


def sections(old: Config, new: Config) -> frozenset[str]:
    """The names of the sections that differ."""
    return frozenset(name for name in SECTIONS if getattr(old, name) != getattr(new, name))


def differences(old: Config, new: Config, section: str) -> list[Difference]:
    """Key by key what differs in a section, fit to be shown."""
    before, after = _flat(section, getattr(old, section)), _flat(section, getattr(new, section))
    return [
        Difference(key, _shown(key, before.get(key)), _shown(key, after.get(key)))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _flat(path: str, value: Any) -> dict[str, Any]:
    """The leaves of a section by their key path."""
    if isinstance(value, Struct):
        parts = [(f"{path}.{name}", getattr(value, name)) for name in value.__struct_fields__]
    elif isinstance(value, list | tuple) and any(isinstance(one, Struct) for one in value):
        parts = [(f"{path}[{index}]", one) for index, one in enumerate(value)]
    else:
        return {path: value}
    return {key: leaf for name, part in parts for key, leaf in _flat(name, part).items()}


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "not set"
    name = key.rpartition(".")[2]
    if name in SECRETS:
        return SECRET
    return str(value) if isinstance(value, Path) else msgspec.json.encode(value, enc_hook=str).decode()
