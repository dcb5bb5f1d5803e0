"""The parent of the gateway's processes: starts them, restarts what dies, stops them in order.

The children hold the read end of a pipe whose write end stays here: when this process is killed, they
notice and stop. A watch beside it folds the alarms (gateway.watch).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from gateway import former
from gateway.alarms import Condition
from gateway.config import Config
from gateway.logs import ERROR, INFO, WARNING, Event
from gateway.processes import NAMES, Facts, Heartbeat
from gateway.reload import Reload
from gateway.watch import Clock, Watch

BACKOFF_S = (0.5, 1.0, 2.0, 5.0)  # a start costs half a second of one core; longer, and devices wait for us
STEADY_S = 10.0  # a child that ran this long starts afresh in the back-off
OFTEN = 3  # deaths within OFTEN_S: it dies again and again
OFTEN_S = 600.0
POLL_S = 0.5
TELL_S = 1.0
# How long each step of a stop may take before the process is killed; together under 10 s. Intake ends first,
# so that the writer can still write what intake drained.
STOP_STEPS: tuple[tuple[tuple[str, ...], float], ...] = ((("intake",), 4.5), (("writer", "web"), 4.0))

_ENDED = Event(
    "process-ended",
    "{child} ended ({ending}); starts again in {wait_s:g} s",
    level=ERROR,
    doc="A process died without being told to. It is started anew; see its last lines for the reason.",
)
_KILLED = Event(
    "process-killed",
    "{child} did not stop within {wait_s:g} s: killed",
    level=WARNING,
    doc="A process hung when it was told to stop. Nothing is lost: what was not finished is done again.",
)
_UNKEPT = Event(
    "settings-unkept",
    "the settings in force could not be kept in the store: {why}",
    level=WARNING,
    doc="A process that dies while the settings file is wrong could not start again.",
)
_STOPPING = Event("gateway-stopping", "stopping", level=INFO, doc="The gateway was told to stop.")
_OVER = Event("gateway-stopped", "stopped in {took_s:.1f} s", level=INFO, doc="All processes have ended.")


class Child:
    """One process and its history of deaths."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = -1  # the first start is none
        self.ending = ""  # how it ended last
        self.deaths: deque[float] = deque(maxlen=OFTEN)  # the latest, monotonic seconds
        self.died_ms = 0
        self._started_s = 0.0
        self._in_a_row = 0
        self._not_before_s = 0.0

    def look_after(self, now_s: float, start: Callable[[str], "subprocess.Popen[bytes]"]) -> None:
        """Notice its death; start it when its time has come."""
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self._died(code, now_s)
        if now_s >= self._not_before_s:
            self._started_s = now_s
            self.restarts += 1
            self.process = start(self.name)

    def conditions(self, now_s: float) -> Iterator[Condition]:
        """Whether it dies again and again."""
        if len(self.deaths) == OFTEN and now_s - self.deaths[0] <= OFTEN_S:
            detail = f"{OFTEN} times or more within {OFTEN_S / 60:g} minutes; the last time: {self.ending}"
            yield Condition("process-restarts", detail, self.died_ms, self.name)

    def facts(self) -> Facts:
        pid = self.process.pid if self.process is not None else None
        return {"pid": pid, "restarts": max(0, self.restarts), "ended": self.ending}

    def _died(self, code: int, now_s: float) -> None:
        if now_s - self._started_s > STEADY_S:
            self._in_a_row = 0
        wait_s = BACKOFF_S[min(self._in_a_row, len(BACKOFF_S) - 1)]
        self._in_a_row += 1
        self.deaths.append(now_s)
        self.died_ms = time.time_ns() // 1_000_000
        self.process = None
        self.ending = ending(code)
        self._not_before_s = now_s + wait_s
        _ENDED(child=self.name, ending=self.ending, wait_s=wait_s)


class Supervisor:
    """Keeps the processes of one configuration running until told to stop."""

    def __init__(self, config: Config, names: tuple[str, ...] = NAMES) -> None:
        self._config = config
        self._reload = Reload(config)
        self._clock = Clock()
        self._children = {name: Child(name) for name in names}

    def run(self, stop: threading.Event) -> None:
        """Start all, watch over them, and stop them in order once `stop` is set."""
        pipe_read, pipe_write = os.pipe()
        store = self._config.store.path
        self._keep()
        try:
            with Heartbeat(store, "gateway") as heart:
                watch = Watch(store)
                watch.start()
                self._look_after(stop, pipe_read, heart)
                watch.stop()
                self._stop_all()
        finally:
            os.close(pipe_write)  # whoever is left ends now
            os.close(pipe_read)

    def _look_after(self, stop: threading.Event, pipe_read: int, heart: Heartbeat) -> None:
        tell_s = 0.0
        while not stop.is_set():
            now_s = time.monotonic()
            for child in self._children.values():
                child.look_after(now_s, lambda name: self._start(name, pipe_read))
            if now_s >= tell_s:
                tell_s = now_s + TELL_S
                if self._reload.changed() and not self._reload.pending:
                    self._keep()
                heart.say(self._facts(now_s))
            stop.wait(POLL_S)

    def _facts(self, now_s: float) -> Facts:
        found = [one for child in self._children.values() for one in child.conditions(now_s)]
        found += self._clock.conditions()
        raised: list[dict[str, Any]] = [
            {"code": one.code, "detail": one.detail, "since_ms": one.since_ms, "about": one.about}
            for one in found
        ]
        return {
            "state": "watching",
            "children": {name: child.facts() for name, child in self._children.items()},
            "alarms": [*raised, *self._reload.alarms()],
            "config": self._reload.facts(),
        }

    def _start(self, name: str, pipe_read: int) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "gateway", "gateway", name, "--config", str(self._config.file)]
        command += ["--parent-fd", str(pipe_read), "--former", str(self._config.store.path / former.FILE)]
        # A process group of its own: Ctrl-C must reach this process alone, which then stops them in order.
        return subprocess.Popen(command, pass_fds=(pipe_read,), stdin=subprocess.DEVNULL, process_group=0)

    def _keep(self) -> None:
        """Children start with what is in force here, also while the file is wrong."""
        try:
            former.keep(self._reload.config)
        except OSError as err:
            _UNKEPT(why=str(err))

    def _stop_all(self) -> None:
        began_s = time.monotonic()
        _STOPPING()
        for names, wait_s in STOP_STEPS:
            stop_together([child for name in names if (child := self._children.get(name))], wait_s)
        _OVER(took_s=time.monotonic() - began_s)


def stop_together(children: list[Child], wait_s: float) -> None:
    """Ask these to stop, wait for all of them until `wait_s` is over, and kill who is left."""
    running = [child for child in children if child.process is not None and child.process.poll() is None]
    end_s = time.monotonic() + wait_s
    for child in running:
        assert child.process is not None  # noqa: S101 - see the line above
        child.process.terminate()
    for child in running:
        assert child.process is not None  # noqa: S101
        try:
            child.process.wait(max(0.0, end_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            _KILLED(child=child.name, wait_s=wait_s)
            child.process.kill()
            child.process.wait()


def ending(code: int) -> str:
    """A return code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
