"""Asks time servers until two witnesses agree. Every wait has a deadline.

Witnesses are the servers and, once it is set, the device's own clock within its bound: so a routine look
costs one exchange, the first after a power cut two (where two servers are named), and a server that is alone
against the clock is asked a second time. Servers that contradict each other set nothing.
"""

import asyncio
import os
import socket
import time

from edge.errors import EdgeError
from edge.link.ntp import KissError, agree, decode, request
from edge.link.resolve import resolve, servers

if False:  # for types
    from typing import Any

    from edge.log import Log

PORT = 123
MAX_SERVERS = 4
_TIMEOUT_MS = 3000
_NAME_MS = 6000
_RATE_MS = (
    3_600_000  # how long a server that says RATE, or that was silent while another spoke, is left alone
)
_DENY_MS = 86_400_000  # and one that refuses us


async def query(host: str, port: int, names: "list[str]") -> "tuple[int, int]":
    """Ask a server: (ms since 1970 at the moment of return, bound of its error in ms). `names`: name servers.

    Errors: `ntp-no-answer`, `ntp-bad-answer`, `ntp-kiss`, those of `resolve`, OSError.
    """
    address = (await resolve(host, servers(names), _NAME_MS))[0]
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(socket.getaddrinfo(address, port)[0][-1])
        nonce = os.urandom(8)
        start = time.ticks_ms()
        sock.send(request(nonce))
        try:
            answer: bytes = await asyncio.wait_for_ms(asyncio.StreamReader(sock).read(48), _TIMEOUT_MS)
        except asyncio.TimeoutError:
            raise EdgeError(
                "ntp-no-answer", "%s:%d said nothing in %d ms" % (host, port, _TIMEOUT_MS)
            ) from None
        return decode(answer, nonce, time.ticks_diff(time.ticks_ms(), start))
    finally:
        sock.close()


class Sync:
    """`given`: the settings' `ntp`, one {"host", "port"} or a list of at most MAX_SERVERS. `rests` (in
    `keep`, so that a sleep does not end it): until when a server is left alone, by its place in the list.
    """

    def __init__(self, given: "Any", log: "Log", rests: "dict[str, int]", names: "list[str]") -> None:
        listed = given if isinstance(given, list) else [given] if given else []
        self.servers = listed[:MAX_SERVERS]
        self._names = names
        self._log = log
        self._rests = rests

    async def run(self) -> None:
        """Set the clock, or say why not. Errors: as `query`; `ntp-disagree`."""
        clock = self._log.clock
        bound_ms = clock.error_ms()
        own = None if bound_ms is None else (clock.local_ms() - clock.mono_ms(), bound_ms)
        samples: "list[tuple[int, int]]" = []
        last: "Exception" = EdgeError("ntp-kiss", "every server asks to be left alone for now")
        silent: "list[int]" = []
        found, spoke = (0, 0, 0), 0
        asked = [index for index in range(len(self.servers)) if not self._rests_now(index)]
        for index in asked:
            try:
                samples.append(await self._ask(index))
            except KissError as failure:
                last = failure
                self._rest(index, _RATE_MS if failure.word == "RATE" else _DENY_MS)
                continue
            except (EdgeError, OSError) as failure:
                last = failure
                silent.append(index)
                continue
            found, spoke = agree(samples, own), index
            if found[2] > 1 or len(self.servers) == 1:
                break
        if not samples:
            raise last
        for index in silent:
            self._rest(index, _RATE_MS)
        if found[2] < 2 and len(samples) == 1 and own is not None:  # alone against the clock: once more
            samples.append(await self._ask(spoke))
            found = agree(samples, own)
        if found[2] < 2 and len(samples) > 1:
            raise EdgeError("ntp-disagree", "%d answers, no two of which agree" % len(samples))
        self._log.set_time(found[0] + clock.mono_ms(), "ntp", found[1], sure=len(samples) > 1)

    async def _ask(self, index: int) -> "tuple[int, int]":
        """A sample: (the server's time less the time since boot, bound of its error), in ms."""
        server = self.servers[index]
        utc_ms, bound_ms = await query(server["host"], server.get("port", PORT), self._names)
        return utc_ms - self._log.clock.mono_ms(), bound_ms

    def _rests_now(self, index: int) -> bool:
        left = self._rests.get(str(index), 0) - self._log.clock.local_ms()
        return 0 < left <= _DENY_MS  # more: the clock was stepped

    def _rest(self, index: int, ms: int) -> None:
        self._rests[str(index)] = self._log.clock.local_ms() + ms
