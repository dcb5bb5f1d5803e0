"""The parent of the gateway's processes: starts them, restarts what dies, stops them in order.

The children hold the read end of a pipe whose write end stays here: when this process is killed, they
notice and stop.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from gateway.processes import NAMES

log = logging.getLogger(__name__)

BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 15.0, 30.0)
STEADY_S = 60.0  # a child that ran this long starts afresh in the back-off
POLL_S = 0.2
STOP_S = {"intake": 4.0, "writer": 3.0, "web": 2.0}  # together under 10 s; then by force


class _Child:
    """One process and its history of deaths."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.started_s = 0.0
        self.deaths = 0
        self.not_before_s = 0.0


class Supervisor:
    """Keeps the processes of one configuration running until told to stop."""

    def __init__(self, config: Path, names: tuple[str, ...] = NAMES) -> None:
        self._config = config
        self._children = [_Child(name) for name in names]

    def run(self, stop: threading.Event) -> None:
        """Start all, watch over them, and stop them in order (intake, writer, web) once `stop` is set."""
        pipe_read, pipe_write = os.pipe()
        try:
            while not stop.is_set():
                for child in self._children:
                    self._look_after(child, pipe_read)
                stop.wait(POLL_S)
            self._stop_all()
        finally:
            os.close(pipe_write)  # whoever is left ends now
            os.close(pipe_read)

    def _look_after(self, child: _Child, pipe_read: int) -> None:
        now_s = time.monotonic()
        if child.process is not None:
            code = child.process.poll()
            if code is None:
                return
            if now_s - child.started_s > STEADY_S:
                child.deaths = 0
            wait_s = BACKOFF_S[min(child.deaths, len(BACKOFF_S) - 1)]
            child.deaths += 1
            child.process = None
            child.not_before_s = now_s + wait_s
            log.error("%s ended (%s); starts again in %g s", child.name, _ending(code), wait_s)
        if now_s >= child.not_before_s:
            child.started_s = now_s
            child.process = self._start(child.name, pipe_read)

    def _start(self, name: str, pipe_read: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gateway", "gateway", name, "--config", str(self._config)]
        command += ["--parent-fd", str(pipe_read)]
        # A process group of its own: Ctrl-C must reach this process alone, which then stops them in order.
        return subprocess.Popen(command, pass_fds=(pipe_read,), stdin=subprocess.DEVNULL, process_group=0)

    def _stop_all(self) -> None:
        for child in self._children:
            process = child.process
            if process is None or process.poll() is not None:
                continue
            process.terminate()
            try:
                process.wait(STOP_S.get(child.name, 2.0))
            except subprocess.TimeoutExpired:
                log.error("%s did not stop in time: killed", child.name)  # noqa: TRY400
                process.kill()
                process.wait()


def _ending(code: int) -> str:
    """A return code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
