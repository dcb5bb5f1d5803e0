"""The network of virtual time: sockets whose bytes reach a peer and come back after a delay, with no I/O at
all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Protocol

from simulators.board import link
from simulators.peers import dns

CONNECT_US = 160_000  # name look-up and TCP handshake over a cellular or Wi-Fi uplink
ONE_WAY_US = 40_000
REFUSED = 111
DNS_PORT = 53  # a name server knows every name


class Stream(Protocol):
    """The far end of one TCP connection."""

    def received(self, now_ms: int, data: bytes) -> bytes:
        """Take bytes, return the answer's bytes."""

    @property
    def closed(self) -> bool:
        """Whether the peer ended the connection."""


@dataclass(slots=True)
class VirtualNetwork:
    """Sockets of one unit. `connect(port)` opens a stream or returns None (refused); `datagram` answers
    UDP, unless `hosts` has who answers at that address."""

    connect: Callable[[int], Stream | None]
    datagram: Callable[[int, bytes], bytes | None]
    hosts: dict[str, Callable[[int, bytes], bytes | None]] = field(default_factory=dict)
    _queue: list[tuple[int, int, int, str, bytes]] = field(default_factory=list)
    _streams: dict[int, Stream] = field(default_factory=dict)
    _count: int = 0

    def request(self, now_us: int, what: str, socket: int, port: int, data: bytes) -> None:
        """The chip connects (`c`), sends (`s`), sends a datagram (`d`) or closes (`x`)."""
        match what:
            case "c":
                peer = self.connect(port)
                if peer is None:
                    self._later(now_us + CONNECT_US, socket, "f", bytes((REFUSED,)))
                else:
                    self._streams[socket] = peer
                    self._later(now_us + CONNECT_US, socket, "o")
            case "s":
                peer = self._streams.get(socket)
                if peer is not None:
                    self._later(now_us + ONE_WAY_US, socket, ">", data)
            case "d":
                host, _, payload = data.partition(b"\0")
                usual = dns.reply if port == DNS_PORT else self.datagram
                answer = self.hosts.get(host.decode(), usual)
                reply = answer(now_us + ONE_WAY_US, payload)
                if reply is not None:
                    self._later(now_us + 2 * ONE_WAY_US, socket, "d", reply)
            case "x":
                self._streams.pop(socket, None)

    def next_us(self) -> int:
        """When something next arrives somewhere; `link.FOREVER`: nothing is on its way."""
        return self._queue[0][0] if self._queue else link.FOREVER

    def advance(self, now_us: int) -> bytes:
        """What has arrived at the chip by now, as stimuli."""
        out = b""
        while self._queue and self._queue[0][0] <= now_us:
            at, _, socket, what, data = heappop(self._queue)
            if what != ">":
                out += link.socket_event(socket, what, data)
                continue
            peer = self._streams.get(socket)
            if peer is None:
                continue
            answer = peer.received(at // 1000, data)
            if answer:
                self._later(at + ONE_WAY_US, socket, "d", answer)
            if peer.closed:
                self._later(at + ONE_WAY_US, socket, "e")
                del self._streams[socket]
        return out

    def push(self, peer: Stream, at_us: int, data: bytes) -> None:
        """A peer speaks on its own: `data` arrives at `at_us`, unless the connection is gone by then."""
        for socket, known in self._streams.items():
            if known is peer:
                self._later(at_us, socket, "d", data)

    def drop(self) -> None:
        """The chip is gone (sleep, reset, no supply): so are its sockets."""
        self._queue.clear()
        self._streams.clear()

    def _later(self, at_us: int, socket: int, what: str, data: bytes = b"") -> None:
        self._count += 1
        heappush(self._queue, (at_us, self._count, socket, what, data))
