"""The operators' page, the HTTP API, and the device-state projection behind both: a process of its own.

It reads the journal, never writes it. Killing it stops nothing else; started again it goes on from state.db.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from gateway.config import Config, WebConfig
from gateway.journal import JournalError
from gateway.journal.readers import announce
from gateway.logs import ERROR, Event
from gateway.processes import Say
from gateway.reload import Change, Reload

if TYPE_CHECKING:
    from starlette.applications import Starlette

GRACE_S = 1  # for open pages and requests when the process is told to stop; pages come back by themselves
LOOK_S = 0.5
ANNOUNCE_S = 5.0
RELEVANT = frozenset({"web", "devices"})  # sections that the application is made of

_SERVING = Event("page-serving", "page and API at {address}", doc="The page can be opened.")
_UNUSABLE = Event(
    "page-address-unusable",
    "cannot listen on {address}: {why}. The former address stays.",
    level=ERROR,
    doc="[web] host or port were changed to something that cannot be used; the page stays where it was.",
)


def run(config: Config, stop: threading.Event, say: Say) -> None:
    """The process body. Raises SystemExit when the address cannot be listened on."""
    from gateway.web.app import create_app

    page = Page(config, say)
    listener = listen(config.web)
    try:
        while not stop.is_set():
            app = create_app(page.reload.config)
            over = threading.Event()
            watcher = threading.Thread(target=page.watch, args=(app, stop, over), name="watch", daemon=True)
            watcher.start()
            try:
                # A copy: who connects while one application follows another waits in the listener's queue.
                serve(app, listener.dup(), over, address(page.served))
            finally:
                over.set()
                watcher.join(5)
            if page.next_listener is not None:
                listener.close()
                listener, page.next_listener = page.next_listener, None
    finally:
        listener.close()


class Page:
    """What the process knows of itself between two applications: its settings, its address, what it says."""

    def __init__(self, config: Config, say: Say) -> None:
        self.reload = Reload(config)
        self.served = config.web  # whose address is in use
        self.next_listener: socket.socket | None = None
        self._say = say
        self._problem = ""
        self._announce_s = 0.0

    def watch(self, app: "Starlette", stop: threading.Event, over: threading.Event) -> None:
        """Say how it is until the process stops or other settings are to be served: then set `over`."""
        city = app.state.city
        while not over.is_set() and not stop.wait(LOOK_S):
            change = self.reload.changed()
            if change is not None and change.sections & RELEVANT:
                self._move(change)
                break
            self._announce(city)
            self._say(
                {
                    "state": f"at {address(self.served)}",
                    "cursor": city.projector.cursor,
                    "pages": len(city.hub),
                    "alarms": [*self._conditions(city), *self.reload.alarms()],
                    "config": self.reload.facts(),
                }
            )
        over.set()

    def _move(self, change: Change) -> None:
        """Listen on the new address, if it is another one, before the old one is given up."""
        self.next_listener, self._problem = None, ""
        new = change.config.web
        if (new.host, new.port) == (self.served.host, self.served.port):
            return
        try:
            self.next_listener = listen(new)
        except SystemExit as err:
            self._problem = str(err)
            _UNUSABLE(address=address(new), why=str(err))
        else:
            self.served = new

    def _announce(self, city: Any) -> None:
        """Tell retention from where on the journal is still needed here."""
        if time.monotonic() < self._announce_s:
            return
        self._announce_s = time.monotonic() + ANNOUNCE_S
        with contextlib.suppress(JournalError, OSError):
            epoch = city.journal.epoch()
            if epoch is not None:
                announce(self.reload.config.store.path, "page", epoch.id, city.projector.cursor + 1)

    def _conditions(self, city: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if self._problem:
            found.append({"code": "config-invalid", "detail": self._problem, "about": "web"})
        if city.devices.problem:
            found.append({"code": "devices-invalid", "detail": city.devices.problem})
        if city.projector.problem:
            found.append({"code": "store-unreadable", "detail": city.projector.problem, "about": "web"})
        return found


def listen(web: WebConfig) -> socket.socket:
    """A listening socket. Raises SystemExit with the reason when that address cannot be had."""
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    try:
        return socket.create_server((web.host, web.port), family=family, backlog=256)
    except (OSError, OverflowError) as err:
        raise SystemExit(f"[page-address-unusable] {address(web)}: {err}") from None


def address(web: WebConfig) -> str:
    """The page's URL."""
    return f"http://{f'[{web.host}]' if ':' in web.host else web.host}:{web.port}/"


def serve(app: "Starlette", listener: socket.socket, stop: threading.Event, at: str = "") -> None:
    """Serve until `stop` is set, or SIGTERM or SIGINT comes; closes the listener. `at`: its address."""
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _SERVING(address=at)

        async def main_loop(self) -> None:
            """As uvicorn's, which looks ten times a second: a quiet page would do hardly anything else."""
            tenths = 0  # of a second, as `on_tick` counts
            while not await self.on_tick(tenths):
                await asyncio.sleep(LOOK_S)
                tenths += round(LOOK_S * 10)

    server = Server(
        uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_max_size=4_096,  # pages have nothing to say
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if stop.wait(LOOK_S):
                server.should_exit = True
                return

    threading.Thread(target=watch, name="stop", daemon=True).start()
    try:
        server.run(sockets=[listener])
    finally:
        ended.set()
    if not server.started:
        raise SystemExit(3)  # uvicorn has said why, in the log
