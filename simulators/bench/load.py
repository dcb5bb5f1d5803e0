"""A gateway under a fleet's load: both as processes of their own, watched from outside."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psutil

from simulators.bench.rig import Rig, Store
from simulators.bench.watch import settle
from simulators.fleet import Options
from simulators.servers import accounts
from simulators.servers.process import Child, wait_until

PARTS = ("intake", "writer", "web")


@contextmanager
def running(bench: Rig, store: Store) -> Iterator[Child]:
    """The whole gateway, subscribed."""
    child = bench.gateway(store)
    try:
        bench.subscribed(store, child)
        yield child
    finally:
        child.stop()


class FleetRun:
    """`huishou sim fleet` as a process of its own. `result` waits for its summary."""

    def __init__(self, bench: Rig, options: Options, name: str, *more: str) -> None:
        secret = bench.directory / "fleet-password"
        secret.write_text(bench.passwords[accounts.FLEET])
        argv = [sys.executable, "-m", "gateway", "sim", "fleet", "--json"]
        argv += ["--broker", f"{bench.broker.host}:{bench.broker.port}"]
        argv += ["--user", accounts.FLEET, "--password-file", str(secret)]
        for key, value in (
            ("prefix", options.prefix),
            ("seed", options.seed),
            ("devices", options.devices),
            ("per-connection", options.per_connection),
            ("records", options.records),
            ("window", options.window),
            ("rate", options.rate),
            ("seconds", options.seconds),
            ("drain", options.drain_s),
            ("history", options.history or None),
            ("hold", options.hold),
            ("flood", options.flood.kind if options.flood else None),
        ):
            if value is not None:
                argv += [f"--{key}", str(value)]
        self._stats = bench.directory / f"{name}.stats.jsonl"
        argv += ["--stats", str(self._stats), *more]
        self.child = bench.children.start(name, argv, log=bench.directory / f"{name}.log")

    def now(self) -> dict[str, Any]:
        """What it counted up to the last whole second; empty: nothing yet."""
        try:
            lines = self._stats.read_bytes().splitlines()
        except FileNotFoundError:
            return {}
        return dict(json.loads(lines[-1])) if lines else {}

    def began(self, deadline_s: float = 60.0) -> None:
        """Return when records have been freed."""
        if not wait_until(lambda: bool(self.now().get("freed")), deadline_s, 0.2):
            raise RuntimeError(f"no record of the fleet was acknowledged:\n{self.child.last_words()}")

    def result(self, deadline_s: float) -> dict[str, Any]:
        """Its summary, when it has ended."""
        self.child.wait(deadline_s)
        words = self.child.last_words(1)
        self.child.stop()
        try:
            return dict(json.loads(words))
        except ValueError:
            raise RuntimeError(f"the fleet ended without a summary:\n{self.child.last_words()}") from None


def parts(gateway: Child) -> dict[str, psutil.Process]:
    """The gateway's processes by name: supervisor and its children.

    Raises RuntimeError when one of them does not run: what is missing costs nothing.
    """
    parent = psutil.Process(gateway.pid)
    found = {"supervisor": parent}
    for child in parent.children():
        words = child.cmdline()
        found |= {name: child for name in PARTS if name in words}
    missing = [name for name in PARTS if name not in found]
    if missing:
        raise RuntimeError(f"not running: {', '.join(missing)}:\n{gateway.last_words()}")
    return found


@dataclass
class Series:
    """Samples of one process: seconds, CPU seconds, resident bytes."""

    at_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    rss: list[int] = field(default_factory=list)

    def cpu_percent(self) -> float:
        """Of one core, from first to last sample."""
        return 100 * (self.cpu_s[-1] - self.cpu_s[0]) / (self.at_s[-1] - self.at_s[0])

    def growth(self) -> tuple[float, float]:
        """Resident memory's slope in MB an hour and its standard error (ordinary least squares).

        Samples that follow each other are alike, which makes the error too small: it is widened by what
        the residuals' correlation from one to the next says (AR(1), effective sample size).
        """
        n = len(self.at_s)
        if n < 4:
            return 0.0, float("inf")
        hours = [at / 3600 for at in self.at_s]
        size = [rss / 1e6 for rss in self.rss]
        mean_h, mean_s = sum(hours) / n, sum(size) / n
        spread = sum((h - mean_h) ** 2 for h in hours)
        slope = sum((h - mean_h) * (s - mean_s) for h, s in zip(hours, size, strict=True)) / spread
        left = [s - mean_s - slope * (h - mean_h) for h, s in zip(hours, size, strict=True)]
        square = sum(r * r for r in left)
        if square == 0:
            return slope, 0.0
        alike = max(0.0, min(0.99, sum(a * b for a, b in pairwise(left)) / square))
        return slope, (square / (n - 2) / spread * (1 + alike) / (1 - alike)) ** 0.5


def sample(processes: dict[str, psutil.Process], seconds: float, every_s: float) -> dict[str, Series]:
    """Watch processes for a while."""
    series = {name: Series() for name in processes}
    end_s = time.monotonic() + seconds
    while True:
        for name, process in processes.items():
            times, one = process.cpu_times(), series[name]
            one.at_s.append(time.monotonic())
            one.cpu_s.append(times.user + times.system)
            one.rss.append(process.memory_info().rss)
        if time.monotonic() >= end_s:
            return series
        time.sleep(min(every_s, max(0.0, end_s - time.monotonic())))


def level(bench: Rig, gateway: Child, deadline_s: float) -> None:
    """Return when writer, page and database have caught up, or the deadline (each its own) passed."""
    assert bench.influx.child  # noqa: S101 (the rig started it)
    for pid in (*(part.pid for part in parts(gateway).values()), bench.influx.child.pid):
        settle(pid, deadline_s=deadline_s)


def highest_rate(bench: Rig, gateway: Child, options: Options, seconds: float, name: str) -> dict[str, Any]:
    """What the fleet gets through in a closed loop: messages and records a second, freed by `down/ack`.

    Returns when writer, page and database have caught up: what follows starts level.
    """
    run = FleetRun(bench, options, name, "--seconds", str(seconds))
    done = run.result(seconds + options.drain_s + 60)
    span_s = done["seconds"] + done["drain_seconds"]
    level(bench, gateway, 240)
    return {
        "records_per_s": round(done["freed"] / span_s),
        "messages_per_s": round(done["freed"] / span_s / options.records, 1),
    }
