"""Names looked up without blocking: a port's `getaddrinfo` stops the event loop for as long as the server is
silent, many seconds. Anew for each connection: an address may have changed, nothing is remembered.
"""

import asyncio
import os
import socket
import time

import network

from edge.errors import EdgeError
from edge.link.dns import MAX_ANSWER, PORT, decode, numeric, query

_TRY_MS = 2_000  # then the next server, or the same again
_PAUSE_MS = 200  # before a server that failed is asked again


def servers(given: "list[str]") -> "list[str]":
    """The name servers: those of the settings, else what the network said (DHCP, PPP); may be empty."""
    if given:
        return given
    try:
        told = network.ipconfig("dns")
    except (AttributeError, ValueError, TypeError):  # a port that does not tell
        return []
    return [told] if told and told != "0.0.0.0" else []  # noqa: S104


async def _ask(server: str, name: str, limit_ms: int) -> "list[str]":
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(socket.getaddrinfo(server, PORT)[0][-1])
        number = os.urandom(2)
        sock.send(query(number, name))
        stream = asyncio.StreamReader(sock)
        start = time.ticks_ms()
        while True:
            left = limit_ms - time.ticks_diff(time.ticks_ms(), start)
            try:
                answer: bytes = await asyncio.wait_for_ms(stream.read(MAX_ANSWER), max(1, left))
            except asyncio.TimeoutError:
                raise EdgeError("dns-silent", "%s said nothing in %d ms" % (server, limit_ms)) from None
            try:
                return decode(answer, number, name)
            except EdgeError as error:
                if (
                    error.code != "dns-bad-answer"
                ):  # else: of another question, or forged: the true one may come
                    raise
    finally:
        sock.close()


async def resolve(host: str, asked: "list[str]", limit_ms: int) -> "list[str]":
    """Addresses of `host`, looked up anew; `asked`: name servers (`servers`).

    Errors: `dns-bad-name`, `dns-unknown-name`, `dns-failed`, `dns-silent`, OSError.
    """
    if numeric(host):
        return [host]
    if not asked:  # only the port knows whom to ask, and only blocking
        return [socket.getaddrinfo(host, 0)[0][-1][0]]
    start = time.ticks_ms()
    turn = 0
    while True:
        left = limit_ms - time.ticks_diff(time.ticks_ms(), start)
        try:
            return await _ask(asked[turn % len(asked)], host, max(1, min(_TRY_MS, left)))
        except EdgeError as error:
            if error.code not in ("dns-silent", "dns-failed") or left <= _TRY_MS:
                raise
            if error.code == "dns-failed":
                await asyncio.sleep_ms(_PAUSE_MS)
        turn += 1
