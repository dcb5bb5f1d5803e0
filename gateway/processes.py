"""What every process of the gateway does alike: its lock, its signals, its heartbeat, its end when the
parent dies.

A process body is `body(config, stop, say)`: it works until `stop` is set, and says now and then how it is.
`run_process` gives it the rest. Status lives in `<store>/<name>.status.json`, replaced every second:
`{"name", "pid", "started_ms", "beat_ms", "said_ms", "state", "cpu_s", "rss_bytes", "alarms", …}`. It is
information for people, not for the store: nothing is decided by it.
"""

import ctypes
import fcntl
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from gateway import logs
from gateway.config import Config
from gateway.files import replace
from gateway.logs import ERROR, WARNING, Event
from gateway.reload import hasten

NAMES = ("intake", "writer", "web")
BEAT_S = 1.0
TRIM_S = 60.0
LATE_MS = 10_000  # a beat older than this: not up
NICE = {"intake": -8, "writer": 10, "web": 10}
"""What acknowledges to devices goes first where cores are scarce; below 0 only where the system allows it
(root, or `LimitNICE=-8` in a systemd unit)."""
GRACE_S = 8.0  # from the request to stop to the end by force

_STARTED = Event("process-started", "started, store {store}", doc="A process works now.")
_STOPPED = Event("process-stopped", "stopped", doc="A process has ended as it was told to.")
_FORCED = Event(
    "process-forced",
    "did not stop within {grace_s:g} s: ended by force",
    level=ERROR,
    doc="A process hung when it was told to stop. Nothing is lost: what was not finished is done again.",
)
_ORPHANED = Event(
    "parent-gone",
    "the parent is gone: stopping",
    level=WARNING,
    doc="Its starter died.",
)
_UNWATCHED = Event(
    "parent-unwatched", "the parent cannot be watched: {why}", level=WARNING, doc="The pipe to it is broken."
)
_UNWRITTEN = Event(
    "status-unwritten",
    "status {file} not written: {why}",
    level=WARNING,
    doc="Only what is told of this process suffers; usually the disk is full.",
)

Facts = dict[str, Any]
Say = Callable[[Facts], None]
Body = Callable[[Config, threading.Event, Say], None]


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


def run_process(name: str, config: Config, body: Body, parent_fd: int | None = None) -> None:
    """Run a process body under its lock until SIGTERM, SIGINT or the parent's death.

    `parent_fd`: the read end of a pipe whose write end the parent holds. What the body raises ends the
    process. SIGHUP: the settings are looked at now (`gateway.reload`).
    """
    logs.set_up(name, config.log)
    store = config.store.path
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: hasten())
    if parent_fd is not None:
        threading.Thread(target=_watch_parent, args=(parent_fd, stop), name="parent", daemon=True).start()
    with suppress(PermissionError):
        os.nice(NICE.get(name, 0))
    with sole(store, name), Heartbeat(store, name) as heart:
        threading.Thread(target=_force_end, args=(stop,), name="grace", daemon=True).start()
        # Messages and rows come and go by the thousand, in no cycles: looking for those takes a tenth.
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)
        _STARTED(store=str(store))
        body(config, stop, heart.say)
        _STOPPED()


def status(store: Path, now_ms: int) -> dict[str, Facts]:
    """What each process last said, by name, with `up` and `age_ms`; a process that never ran is not up."""
    return {name: status_of(store, name, now_ms) for name in NAMES}


def status_of(store: Path, name: str, now_ms: int) -> Facts:
    """What one process last said."""
    try:
        text = (store / f"{name}.status.json").read_bytes()
        facts: Facts = msgspec.json.decode(text, type=Facts)
        age_ms = now_ms - int(facts["beat_ms"])
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return {"up": False, "state": "never ran"}
    up = age_ms <= LATE_MS and not facts.get("stopped", False)
    if not up and not facts.get("stopped", False):
        facts["state"] = f"no sign of life for {age_ms // 1000} s"
    return {**facts, "up": up, "age_ms": age_ms}


class Heartbeat:
    """Writes the status file every second from a thread of its own, so that a body that hangs is told apart.

    `beat_ms` is the thread's; `said_ms` is when the body itself last spoke.
    """

    def __init__(self, store: Path, name: str) -> None:
        self._file = store / f"{name}.status.json"
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

    def __enter__(self) -> "Heartbeat":
        self._write()
        self._thread.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._ending = True
        self._news.set()
        self._thread.join(timeout=2)
        state = "stopped" if error is None else f"failed: {type(error).__name__}: {error}"[:500]
        self.say({"state": state, "stopped": True})
        self._write()

    def _run(self) -> None:
        trimmed_s = time.monotonic()
        while not self._ending:
            self._news.wait(BEAT_S)
            self._news.clear()
            self._write()
            logs.flush()
            if time.monotonic() - trimmed_s >= TRIM_S:
                trimmed_s = time.monotonic()
                _trim()

    def _write(self) -> None:
        facts = self._facts | {"beat_ms": _now_ms(), "cpu_s": time.process_time(), "rss_bytes": _rss_bytes()}
        try:
            replace(self._file, msgspec.json.encode(facts))
        except OSError as err:
            _UNWRITTEN(file=str(self._file), why=str(err))


def _watch_parent(fd: int, stop: threading.Event) -> None:
    """Nothing is ever written into the pipe: reading returns when its last writer, the parent, is gone."""
    try:
        os.read(fd, 1)
    except OSError as err:
        _UNWATCHED(why=str(err))
        return
    if not stop.is_set():
        _ORPHANED()
        stop.set()
        os.kill(os.getpid(), signal.SIGTERM)


def _force_end(stop: threading.Event) -> None:
    stop.wait()
    time.sleep(GRACE_S)
    _FORCED(grace_s=GRACE_S)
    os._exit(3)


def _trim() -> None:
    """Give memory that a burst has left behind back to the system, where the C library can (glibc)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _rss_bytes() -> int:
    """Memory that is resident now (proc_pid_statm(5)); 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
