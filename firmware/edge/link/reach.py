"""From a list of brokers to a connection that one of them has let us into: order, name, TCP or TLS, clock of
the certificates.
"""

import asyncio
import gc

from edge.errors import EdgeError
from edge.link import brokers
from edge.unload import unload

if False:  # for types
    from collections.abc import Awaitable, Callable
    from typing import Any

    from edge.clock import Clock
    from edge.link.connection import Connection
    from edge.link.tls import Tls

_CONNECTING = "link.connection link.resolve link.dns"  # modules that are needed until somebody lets us in
DNS_MS = 8_000
CONNECT_MS = 10_000
TLS_MS = 20_000  # instead: two round trips more, and the arithmetic


class Reach:
    """`broker`: the one in use, or tried. `away`: why the unit is not at home, "" when it is. `note` is kept
    over sleep: place of the broker (`Brokers`), and `tls_ms`, what a dead clock learned from certificates.
    """

    def __init__(self, settings: "dict[str, Any]", clock: "Clock", note: "dict[str, Any]") -> None:
        self._brokers = brokers.Brokers(settings["broker"], note)
        self._credentials: "dict[str, Any]" = settings.get("tls", {})
        self._names: "list[str]" = settings.get("network", {}).get("dns", [])
        self._tls: "Tls | None" = None  # made when first needed
        self._clock = clock
        self._note = note
        self._place = 0
        self.broker: "dict[str, Any]" = self._brokers.all[0]
        self.away = ""

    @property
    def keepalive_s(self) -> int:
        seconds: int = self.broker.get("keepalive_s", brokers.KEEPALIVE_S)
        return seconds

    def homesick(self) -> bool:
        """Whether it is time to leave this broker and look for the first again."""
        return self._brokers.homesick(self._clock.local_ms())

    def useless(self) -> None:
        """The broker let us in, and nothing came of it."""
        self._brokers.useless(self._place, self._clock.local_ms())

    async def enter(self, hello: "Callable[[Connection, int], Awaitable[None]]") -> "Connection":
        """A connection to the first broker of the list that lets us in: `hello(link, ms for its first write)`
        returned. Errors: those of the last one.
        """
        try:
            return await self._first(hello)
        finally:
            unload(_CONNECTING)

    async def _first(self, hello: "Callable[[Connection, int], Awaitable[None]]") -> "Connection":
        last: "Exception" = EdgeError("link-no-broker", "none is named in the settings")
        for place in self._brokers.order(self._clock.local_ms()):
            self._place, self.broker = place, self._brokers.all[place]
            try:
                link = await self._open(hello)
            except (EdgeError, OSError) as error:
                last = error
                continue
            except asyncio.CancelledError:  # a wake has used up its time: the next one begins with the next
                self.useless()
                raise
            self._brokers.chosen(place, self._clock.local_ms())
            self.away = "%s; %s" % (self.broker["host"], last) if place else ""
            return link
        raise last

    async def _open(self, hello: "Callable[[Connection, int], Awaitable[None]]") -> "Connection":
        from edge.link.connection import dial
        from edge.link.resolve import resolve, servers

        broker, limit = self.broker, CONNECT_MS
        host, port, secure = broker["host"], brokers.port(broker), None
        found = await resolve(host, servers(self._names), DNS_MS)
        if broker.get("tls"):
            gc.collect()  # a handshake needs room in one piece
            if not self._tls:
                from edge.link.tls import Tls

                self._tls = Tls(self._credentials)
            secure, limit = self._tls, TLS_MS
        dead = secure and self._clock.source() == "none"
        lent_ms = self._note.pop("tls_ms", 0) if dead else 0
        link = None
        try:
            if lent_ms:
                self._clock.lend(lent_ms)
            link = dial(found[0], port, "%s:%d" % (host, port), secure, broker.get("name", host))
            await hello(link, limit)
        except BaseException:
            if link:
                link.close()
            if dead and secure and not lent_ms:
                self._note["tls_ms"] = secure.floor_ms(self._clock.local_ms())
            raise
        finally:
            if lent_ms:
                self._clock.give_back()
        if lent_ms:
            self._note["tls_ms"] = lent_ms
        return link
