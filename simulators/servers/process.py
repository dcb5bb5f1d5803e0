"""Child processes that cannot outlive us.

`Children` starts programs, each in a process group of its own, and tells a small reaper process
(`reaper.py`) about each group *before* the program runs: the child is a shell that waits for one line on its
standard input and then becomes the program. So there is no instant at which this process could be killed
with -9 and leave an orphan.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from simulators.servers.errors import ServerError

# Becomes the program once the reaper knows of it; goes away when the parent died before that.
_WAIT_THEN_RUN = 'read -r go || exit 1; exec "$@" </dev/null'


class Child:
    """One running program. Made by `Children.start`."""

    def __init__(self, owner: "Children", name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._owner = owner
        self._process = process

    @property
    def pid(self) -> int:
        """Also the number of its process group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        code = self._process.poll()
        if code is not None:
            self._owner.forget(self)
        return code

    @property
    def running(self) -> bool:
        return self.returncode is None

    def wait(self, deadline_s: float) -> bool:
        """Whether it has ended within `deadline_s`."""
        try:
            self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            return False
        self._owner.forget(self)
        return True

    def stop(self, deadline_s: float = 10.0) -> bool:
        """Ask it to end (SIGTERM), insist after `deadline_s` (SIGKILL to the group). Whether it obeyed in
        time."""
        if not self.running:
            return True
        self.resume()
        self._process.terminate()
        if self.wait(deadline_s):
            self._group(signal.SIGKILL)  # what it may have left behind
            return True
        self.kill()
        return False

    def kill(self) -> None:
        """`kill -9`, for it and everything in its process group, at once."""
        self._group(signal.SIGKILL)
        self._process.wait(10.0)
        self._owner.forget(self)

    def pause(self) -> None:
        """Freeze the whole group (SIGSTOP): connections stay open and nothing answers."""
        self._group(signal.SIGSTOP)

    def resume(self) -> None:
        self._group(signal.SIGCONT)

    def _group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # the whole group has ended: nothing left to signal
            os.killpg(self.pid, number)

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, to be shown in an error."""
        try:
            text = self.log.read_bytes()[-8192:].decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


class Children:
    """Starts programs that end when this process ends. Use as a context: leaving it kills what still runs."""

    def __init__(self) -> None:
        self._reaper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("reaper.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C is for us, not for it
        )
        self._running: dict[int, Child] = {}

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """Run `argv` with its output appended to `log`. The program's standard input is empty.

        Raises `ServerError` (`no-program`) when there is no such program.
        """
        if shutil.which(argv[0], path=(env or os.environ).get("PATH")) is None:
            raise ServerError("no-program", f"{name}: there is no program {argv[0]} to start.")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _WAIT_THEN_RUN, name, *map(str, argv)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(env) if env is not None else None,
                process_group=0,
            )
        child = Child(self, name, process, log)
        self._running[child.pid] = child
        self._tell_reaper(f"+{child.pid}\n")
        go = process.stdin
        assert go is not None  # noqa: S101 (asked for with PIPE above)
        _send_and_close(go, b"go\n")
        return child

    def forget(self, child: Child) -> None:
        """The child has ended and was waited for; its number may be given to another process from now on."""
        if self._running.pop(child.pid, None) is not None:
            self._tell_reaper(f"-{child.pid}\n")

    def close(self) -> None:
        """Kill what still runs (callers stop in their own order before this) and end the reaper."""
        for child in list(self._running.values()):
            child.kill()
        if self._reaper.stdin is not None:
            _send_and_close(self._reaper.stdin, b"")
        self._reaper.wait(10.0)

    def _tell_reaper(self, line: str) -> None:
        pipe = self._reaper.stdin
        if pipe is None or pipe.closed:
            return
        try:
            pipe.write(line.encode("ascii"))
            pipe.flush()
        except BrokenPipeError as error:
            raise ServerError(
                "reaper-gone",
                "The process that guards our children against being orphaned has died; was it killed? Start "
                "again.",
            ) from error

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _send_and_close(pipe: IO[bytes], data: bytes) -> None:
    try:
        pipe.write(data)
        pipe.close()
    except BrokenPipeError:
        pass  # it has ended already; whoever waits for it will see that


def wait_until(ready: Callable[[], bool], deadline_s: float, step_s: float = 0.05) -> bool:
    """Ask `ready` every `step_s` until it says yes (True) or `deadline_s` has passed (False)."""
    end = time.monotonic() + deadline_s
    while not ready():
        if time.monotonic() >= end:
            return False
        time.sleep(step_s)
    return True
