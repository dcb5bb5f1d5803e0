"""What every process of the gateway does alike: its lock, its signals, its heartbeat, its end when the
parent dies.

A process body is `body(stop, say)`: it works until `stop` is set, and says now and then how it is.
`run_process` gives it the rest. Status lives in `<store>/<name>.status.json`, replaced every second:
`{"name", "pid", "started_ms", "beat_ms", "state", …}`. It is information for people, not for the store:
nothing is decided by it.
"""

import fcntl
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

log = logging.getLogger(__name__)

NAMES = ("intake", "writer", "web")
BEAT_S = 1.0
LATE_MS = 10_000  # a beat older than this: not up
GRACE_S = 8.0  # from the request to stop to the end by force

Facts = dict[str, Any]
Say = Callable[[Facts], None]
Body = Callable[[threading.Event, Say], None]


class ProcessError(Exception):
    """A process that cannot start. `code` is stable."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"[{code}] {text}")
        self.code = code


@contextmanager
def sole(store: Path, name: str) -> Iterator[None]:
    """Hold the lock that allows one process of a name on a store. Raises ProcessError `already-running`."""
    store.mkdir(parents=True, exist_ok=True)
    path = store / f"{name}.lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ProcessError(
                "already-running",
                f"another {name} works on {store} (lock {path}): stop it; see `huishou gateway status`",
            ) from None
        yield


def run_process(name: str, store: Path, body: Body, parent_fd: int | None = None) -> None:
    """Run a process body under its lock until SIGTERM, SIGINT or the parent's death.

    `parent_fd`: the read end of a pipe whose write end the parent holds. What the body raises ends the
    process.
    """
    set_up_logging(name)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if parent_fd is not None:
        threading.Thread(target=_watch_parent, args=(parent_fd, stop), name="parent", daemon=True).start()
    with sole(store, name), _Heartbeat(store, name) as heart:
        threading.Thread(target=_force_end, args=(stop,), name="grace", daemon=True).start()
        log.info("%s started, store %s", name, store)
        body(stop, heart.say)
        log.info("%s stopped", name)


def set_up_logging(name: str) -> None:
    """One format for all processes: UTC time, process, level, message, on standard error."""
    logging.Formatter.converter = time.gmtime
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s.%(msecs)03dZ {name} %(levelname)s %(name)s: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
        force=True,
    )
    logging.getLogger("paho").setLevel(logging.WARNING)


def status(store: Path, now_ms: int) -> dict[str, Facts]:
    """What each process last said, by name, with `up` and `age_ms`; a process that never ran is not up."""
    return {name: _status(store / f"{name}.status.json", now_ms) for name in NAMES}


def _status(path: Path, now_ms: int) -> Facts:
    try:
        facts: Facts = msgspec.json.decode(path.read_bytes(), type=Facts)
        age_ms = now_ms - int(facts["beat_ms"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return {"up": False, "state": "never ran"}
    up = age_ms <= LATE_MS and not facts.get("stopped", False)
    if not up and not facts.get("stopped", False):
        facts["state"] = f"no sign of life for {age_ms // 1000} s"
    return {**facts, "up": up, "age_ms": age_ms}


class _Heartbeat:
    """Writes the status file every second from a thread of its own, so that a body that hangs is told apart.

    `beat_ms` is the thread's; `said_ms` is when the body itself last spoke.
    """

    def __init__(self, store: Path, name: str) -> None:
        self._path = store / f"{name}.status.json"
        self._facts: Facts = {"name": name, "pid": os.getpid(), "started_ms": _now_ms(), "state": "starting"}
        self._ending = False
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def say(self, facts: Facts) -> None:
        """Replace what the body says of itself; a new state is written at once."""
        changed = facts.get("state", "") != self._facts["state"]
        self._facts = self._facts | facts | {"said_ms": _now_ms()}
        if changed:
            self._news.set()

    def __enter__(self) -> "_Heartbeat":
        self._write()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._news.set()
        self._thread.join(timeout=2)
        self.say({"state": "stopped", "stopped": True})
        self._write()

    def _run(self) -> None:
        while not self._ending:
            self._news.wait(BEAT_S)
            self._news.clear()
            self._write()

    def _write(self) -> None:
        part = self._path.with_suffix(".part")
        try:
            part.write_bytes(msgspec.json.encode(self._facts | {"beat_ms": _now_ms()}))
            part.replace(self._path)
        except OSError as err:
            log.warning("status %s not written: %s", self._path, err)


def _watch_parent(fd: int, stop: threading.Event) -> None:
    """Nothing is ever written into the pipe: reading returns when its last writer, the parent, is gone."""
    try:
        os.read(fd, 1)
    except OSError as err:
        log.warning("parent cannot be watched: %s", err)
        return
    if not stop.is_set():
        log.warning("parent is gone: stopping")
        stop.set()
        os.kill(os.getpid(), signal.SIGTERM)


def _force_end(stop: threading.Event) -> None:
    stop.wait()
    time.sleep(GRACE_S)
    log.error("did not stop within %g s: ended by force", GRACE_S)
    os._exit(3)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
