"""Live updates: one WebSocket per page. What changed is gathered per page and sent at most twice a second.

A page never gets a queue of updates: while it is slow, changes fold into the set of devices that it has
to be told of, so a slow reader costs a bounded amount of memory and always gets the newest state.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.logs import DEBUG, Event

_GONE = Event("page-gone", "a page went away: {why}", level=DEBUG, doc="Somebody closed a page.")

MIN_GAP_S = 0.5
SEND_TIMEOUT_S = 10
AGAIN_S = 1.0  # after a message whose sums were not the newest
BEAT_S = 10  # even when nothing happens: so that the page knows that it is in touch
MAX_EVENTS = 30  # newest ones in one update; a backlog of thousands is counted, not listed
MAX_PAGES = 500
GOING_AWAY, NOT_WELCOME, TRY_LATER = 1001, 1008, 1013

Message = dict[str, Any]


class Told(msgspec.Struct, frozen=True):
    """What one message to a page is about. `whole`: everything, as at the start."""

    lang: str
    tz: str
    whole: bool
    devices: frozenset[str]
    events: tuple[Any, ...]


Compose = Callable[[Told], Message]


class Page:
    """One open page: what it has not been told yet."""

    def __init__(self, lang: str, tz: str, welcome: Callable[[], bool] = lambda: True) -> None:
        """`welcome`: whether it may still listen (its session may end while it is open)."""
        self.welcome = welcome
        self.wake = asyncio.Event()
        self.stale = False  # the process stops
        self._lang = lang
        self._tz = tz
        self._whole = True
        self._devices: set[str] = set()
        self._events: deque[Any] = deque(maxlen=MAX_EVENTS)

    def add(self, devices: set[str], events: list[Any]) -> None:
        self._devices |= devices
        self._events.extend(events)
        self.wake.set()

    def take(self) -> Told:
        """What to tell now; afterwards the page counts as told."""
        told = Told(self._lang, self._tz, self._whole, frozenset(self._devices), tuple(self._events))
        self._whole = False
        self._devices.clear()
        self._events.clear()
        self.wake.clear()
        return told


class Hub:
    """All open pages. Only to be used from the event loop's thread."""

    def __init__(self) -> None:
        self._pages: set[Page] = set()

    def __len__(self) -> int:
        return len(self._pages)

    def publish(self, devices: Iterable[str], events: Iterable[Any]) -> None:
        """Something changed."""
        changed, came = set(devices), list(events)[-MAX_EVENTS:]
        for page in self._pages:
            page.add(changed, came)

    def stop(self) -> None:
        """The process stops: all pages are closed (they come back by themselves)."""
        for page in self._pages:
            page.stale = True
            page.wake.set()

    async def serve(self, socket: WebSocket, page: Page, compose: Compose) -> None:
        """Talk to one page until it goes. `compose` runs in a thread; its message
        says by `settled` whether its sums were the newest."""
        if len(self._pages) >= MAX_PAGES:
            await socket.close(TRY_LATER)
            return
        await socket.accept()
        self._pages.add(page)
        gone = asyncio.create_task(_until_gone(socket))
        try:
            while not gone.done() and not page.stale and page.welcome():
                message = await asyncio.to_thread(compose, page.take())
                text = msgspec.json.encode(message).decode()
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await socket.send_text(text)
                await asyncio.wait({gone}, timeout=MIN_GAP_S)
                await self._news(page, gone, BEAT_S if message["settled"] else AGAIN_S)
            if not gone.done():
                await socket.close(GOING_AWAY if page.stale else NOT_WELCOME)
        except (WebSocketDisconnect, TimeoutError, RuntimeError) as err:
            _GONE(why=str(err))
        finally:
            self._pages.discard(page)
            gone.cancel()

    async def _news(self, page: Page, gone: "asyncio.Task[None]", timeout_s: float) -> None:
        """Wait for something to tell, for the page's end, or for the time to speak anyway."""
        news = asyncio.create_task(page.wake.wait())
        await asyncio.wait({news, gone}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()


async def _until_gone(socket: WebSocket) -> None:
    """Pages say nothing; what they send is read and dropped, so that their close is noticed."""
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError, KeyError):
        return
