"""A server that is kept running: started, watched, restarted when it dies, stopped in the end."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from simulators.servers.errors import ServerError
from simulators.servers.process import Child

_LOOK_S = 0.1
_BACKOFF_S = (0.2, 1.0, 2.0, 5.0, 10.0)
_STEADY_S = 30.0  # a server that ran this long starts afresh in the back-off


@dataclass(frozen=True)
class Event:
    """Something that happened in a run, for the report and for people."""

    at_s: float
    text: str


class Service:
    """Keeps one child process running. `state` is a word or two for people.

    `start` blocks until the server is ready and returns its process; it is called in a thread. It may raise
    `ServerError`, which is shown and tried again. `before`, if given, is awaited before the first start (a
    build, another server).
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Child | None],
        say: Callable[[str], None],
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.name = name
        self.state = "waiting"
        self.restarts = 0
        self._started_before = False
        self.child: Child | None = None
        self._start = start
        self._say = say
        self._before = before
        self._held = asyncio.Event()  # cleared while it is kept down on purpose
        self._held.set()
        self._up = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. The process is left as it is then: see `stop`."""
        failures = 0
        if self._before is not None:
            await self._before()
        while True:
            await self._held.wait()
            began = time.monotonic()
            self.state = "starting" if self.child is None else "restarting"
            try:
                self.child = await asyncio.to_thread(self._start)
            except ServerError as error:
                self._say(f"{self.name}: {error}")
                self.state = f"does not start [{error.code}]"
            else:
                self.restarts += self._started_before
                self._started_before = True
                self.state = "up"
                self._up.set()
                if self.child is None:
                    return  # not ours to watch
                await self._watch(self.child)
                self._up.clear()
            failures = 0 if time.monotonic() - began > _STEADY_S else failures + 1
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1] if failures else 0)

    async def _watch(self, child: Child) -> None:
        """Return when it has ended."""
        while child.running:  # noqa: ASYNC110 (the end of a `Popen` is no event)
            await asyncio.sleep(_LOOK_S)
        code = child.returncode
        how = f"killed by signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        self.state = "down"
        self._say(f"{self.name} has ended ({how})" + ("" if self._held.is_set() else ", as asked"))

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    async def up(self) -> None:
        """Return when it is up."""
        await self._up.wait()

    def kill(self) -> None:
        """`kill -9`. It comes back by itself."""
        if self.child is not None:
            self.child.kill()

    async def pause(self, for_s: float) -> None:
        """Freeze it for a while."""
        if self.child is not None:
            self.child.pause()
            self.state = f"paused for {for_s:g} s"
            await asyncio.sleep(for_s)
            self.child.resume()
            self.state = "up"

    async def down(self, for_s: float) -> None:
        """Kill it and keep it down for a while."""
        self._held.clear()
        self.kill()
        self.state = f"down for {for_s:g} s"
        await asyncio.sleep(for_s)
        self._held.set()

    async def stop(self, deadline_s: float) -> None:
        """Stop the process. `run` must have been cancelled."""
        if self.child is not None and self.child.running:
            self.state = "stopping"
            obeyed = await asyncio.to_thread(self.child.stop, deadline_s)
            if not obeyed:
                self._say(f"{self.name} did not stop within {deadline_s:g} s: killed")
        self.state = "stopped"
