"""CPU time and memory of processes, with everything that they start."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Use:
    """Of one process and its children: CPU seconds since each began, resident memory now."""

    cpu_s: float
    rss_bytes: int


def use(pid: int) -> Use:
    """What a process and its children use; zeroes when it is gone."""
    cpu_s, rss = 0.0, 0
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return Use(0.0, 0)
    for process in family:
        try:
            times = process.cpu_times()
            cpu_s += times.user + times.system
            rss += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return Use(cpu_s, rss)


class Meter:
    """CPU seconds of named processes since the meter was made."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = dict(pids)
        self._began = {name: use(pid).cpu_s for name, pid in self._pids.items()}

    def add(self, name: str, pid: int) -> None:
        """A process that began after the meter: all of its time counts."""
        self._pids[name] = pid
        self._began[name] = 0.0

    def cpu_s(self) -> dict[str, float]:
        return {name: use(pid).cpu_s - self._began[name] for name, pid in self._pids.items()}


def settle(pid: int, share: float = 0.1, deadline_s: float = 20.0) -> None:
    """Return when a process has used less than `share` of a core in each of three seconds, or the deadline
    passed.

    For InfluxDB: what came before is written and compacted. For the page, which rests between batches: it is
    level.
    """
    end_s = time.monotonic() + deadline_s
    before, quiet = use(pid).cpu_s, 0
    while time.monotonic() < end_s and quiet < 3:
        time.sleep(1.0)
        now = use(pid).cpu_s
        quiet = quiet + 1 if now - before < share else 0
        before = now
