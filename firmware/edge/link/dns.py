"""Names to IPv4 addresses without blocking (RFC 1035, one question over UDP): a port's `getaddrinfo` stops
the event loop for as long as the server is silent, many seconds.

An answer is believed only when it repeats number and question, which a blind forger must guess; what the
address then says is proved by TLS, not by this.
"""

import asyncio
import os
import socket
import time

import network

from edge.errors import EdgeError

_PORT = 53
_TRY_MS = 2_000  # then the next server, or the same again
_A = b"\x00\x01\x00\x01"  # type A, class IN
_MAX_ANSWER = 512  # [2.3.4]


def numeric(host: str) -> bool:
    """Whether `host` is an IPv4 address already."""
    parts = host.split(".")
    return len(parts) == 4 and all(part.isdigit() and len(part) <= 3 and int(part) < 256 for part in parts)


def _question(name: str) -> bytes:
    out = b""
    for label in name.rstrip(".").split("."):
        data = label.encode()
        if not 1 <= len(data) <= 63:
            raise EdgeError("dns-bad-name", "%s: a label of %d bytes" % (name, len(data)))
        out += bytes([len(data)]) + data
    if len(out) > 254:
        raise EdgeError("dns-bad-name", "%s is too long" % name)
    return out + b"\0" + _A


def query(number: bytes, name: str) -> bytes:
    """A recursive query. `number`: 2 random bytes. Errors: `dns-bad-name`."""
    return number + b"\x01\x00\x00\x01" + b"\0" * 6 + _question(name)


def decode(answer: bytes, number: bytes, name: str) -> "list[str]":
    """The addresses in an answer, as they stand. Errors: `dns-bad-answer`, `dns-unknown-name`,
    `dns-failed`.
    """
    wanted = _question(name)
    end = 12 + len(wanted)
    if (
        len(answer) < end
        or answer[:2] != number
        or not answer[2] & 0x80
        or answer[4:6] != b"\0\1"
        or answer[12:end].lower() != wanted.lower()
    ):
        raise EdgeError("dns-bad-answer", "not an answer to this question")
    code = answer[3] & 15
    if code == 3:
        raise EdgeError("dns-unknown-name", name + " does not exist; see the broker's host in the settings")
    if code:
        raise EdgeError("dns-failed", "the name server failed with code %d" % code)
    out = []
    at = end
    for _ in range(answer[6] << 8 | answer[7]):
        at = _skip_name(answer, at)
        size = answer[at + 8] << 8 | answer[at + 9] if at + 10 <= len(answer) else 65535
        data = at + 10
        if data + size > len(answer):
            break  # cut short: what came whole counts
        if answer[at : at + 4] == _A and size == 4:
            out.append("%d.%d.%d.%d" % tuple(answer[data : data + 4]))
        at = data + size
    if not out:
        raise EdgeError("dns-unknown-name", name + " has no IPv4 address")
    return out


def _skip_name(answer: bytes, at: int) -> int:
    """Past a name: labels, or a pointer, which is never followed [4.1.4]."""
    while at < len(answer):
        size = answer[at]
        if size >= 0xC0:
            return at + 2
        at += 1 + size
        if not size:
            return at
    return at


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
        sock.connect(socket.getaddrinfo(server, _PORT)[0][-1])
        number = os.urandom(2)
        sock.send(query(number, name))
        stream = asyncio.StreamReader(sock)
        start = time.ticks_ms()
        while True:
            left = limit_ms - time.ticks_diff(time.ticks_ms(), start)
            try:
                answer: bytes = await asyncio.wait_for_ms(stream.read(_MAX_ANSWER), max(1, left))
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
                await asyncio.sleep_ms(200)
        turn += 1
