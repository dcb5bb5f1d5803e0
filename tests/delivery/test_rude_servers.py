"""Servers that do not behave: what they do costs time, never a line, and never the other things to do."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

NOW = 1_763_715_600_000
Behaviour = Callable[[socket.socket, "RudeServer"], None]
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class RudeServer:
    """Reads requests, then does what its script says, one item a request; at its end it answers 204."""

    def __init__(self) -> None:
        self.script: list[Behaviour] = []
        self.taken: list[str] = []
        self.seen = 0
        self.closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._run(self._accept)

    def _run(self, target: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(0.05)
            rest = b""
            while not self.closing.is_set():
                request = self._request(connection, rest)
                if request is None:
                    return
                body, rest = request
                self.seen += 1
                if self.script:
                    self.script.pop(0)(connection, self)
                    continue
                self.taken += body.decode().split("\n")
                connection.sendall(OK)

    def _request(self, connection: socket.socket, data: bytes) -> tuple[bytes, bytes] | None:
        while not self.closing.is_set():
            head, end, body = data.partition(b"\r\n\r\n")
            if end:
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                if len(body) >= length:
                    return body[:length], body[length:]
            try:
                more = connection.recv(65536)
            except TimeoutError:
                continue
            except OSError:
                return None
            if not more:
                return None
            data += more
        return None

    def close(self) -> None:
        self.closing.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()


def say(answer: bytes, *, close: bool = True) -> Behaviour:
    """Send these bytes, and end the connection."""

    def behave(connection: socket.socket, server: RudeServer) -> None:
        connection.sendall(answer)
        if close:
            connection.shutdown(socket.SHUT_RDWR)

    return behave


def hang(connection: socket.socket, server: RudeServer) -> None:
    """Never answer."""
    _until_gone(connection, server, b"")


def drip(connection: socket.socket, server: RudeServer) -> None:
    """Headers that never end: no single read ever times out."""
    connection.sendall(b"HTTP/1.1 503 Later\r\nX-Slow: ")
    _until_gone(connection, server, b"a")


def promise(connection: socket.socket, server: RudeServer) -> None:
    """Interim answers for ever (RFC 9110 §15.2), and never the answer."""
    _until_gone(connection, server, b"HTTP/1.1 100 Continue\r\n\r\n")


def endless(connection: socket.socket, server: RudeServer) -> None:
    """A body without an end."""
    connection.sendall(b"HTTP/1.1 500 Oh\r\nContent-Length: 999999999999\r\n\r\n")
    _until_gone(connection, server, b"<p>no</p>" * 10_000)


def reset(connection: socket.socket, server: RudeServer) -> None:
    """RST in place of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _until_gone(connection: socket.socket, server: RudeServer, data: bytes) -> None:
    """Say this again and again until the other side has had enough."""
    while not server.closing.wait(0.02):
        try:
            if data:
                connection.sendall(data)
            elif not connection.recv(1):
                return
        except TimeoutError:
            continue
        except OSError:
            return


@pytest.fixture
def rude() -> Iterator[RudeServer]:
    server = RudeServer()
    yield server
    server.close()


def taken(*numbers: int) -> list[str]:
    return [
        f"reading,clock=ntp,device=bin-001,log=0000abcd,site=nankai,unit=bin seq={seq}i"
        f" {(NOW + seq) * 1_000_000 + seq}"
        for seq in numbers
    ]


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (hang, "cannot be reached"),
        (drip, "waiting"),  # 503, or reset: the line is cut while it still speaks
        (promise, "cannot be reached"),
        (endless, "(500): no no"),
        (reset, "cannot be reached"),
        (say(b""), "cannot be reached"),
        (say(b"HTTP/1.1 20"), "cannot be reached"),
        (say(b"HTTP/1.1 204 No Content\r\nX-Half: "), None),
        (say(b"HTTP/1.1 500 Oh\r\nContent-Length: 100\r\n\r\nhalf"), "cannot be reached"),
        (say(b"SSH-2.0-OpenSSH_9.2\r\n"), "cannot be reached"),
        (
            say(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 24\r\n\r\n<h1>502 Bad Gateway</h1>"),
            "(502): 502 Bad Gateway",
        ),
    ],
    ids=[
        "hang",
        "drip",
        "promise",
        "endless",
        "reset",
        "close",
        "half-status",
        "half-headers",
        "half-body",
        "ssh",
        "html",
    ],
)
def test_a_server_that_does_not_behave_gets_the_same_lines_again(
    make_bench: Any, rude: RudeServer, behaviour: Behaviour, words: str | None
) -> None:
    bench = make_bench(rude.url, "s3", timeout_s=1)
    rude.script = [behaviour]
    bench.journal_readings(1, 2)
    bench.start()
    if words is not None:
        assert words in bench.wait("waiting")
    bench.wait("up to date")
    assert rude.taken in (taken(1, 2), [])
    assert rude.taken or words is None  # a 204 that breaks off after its status is a 204
    bench.journal_readings(3)
    bench.wait("up to date")
    assert rude.taken[-1:] == taken(3)


def test_what_follows_a_204_does_not_become_the_next_answer(make_bench: Any, rude: RudeServer) -> None:
    bench = make_bench(rude.url, "s3", timeout_s=1)
    rude.script = [say(OK + b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n" * 3, close=False)]
    bench.journal_readings(1)
    bench.start()
    bench.wait("up to date")
    bench.journal_readings(2)
    bench.wait("up to date")
    assert rude.taken in (taken(2), [])


def test_a_redirect_is_not_followed_since_the_token_goes_with_it(
    make_bench: Any, rude: RudeServer, server: Any
) -> None:
    bench = make_bench(rude.url, "s3")
    elsewhere = f"HTTP/1.1 307 Temporary Redirect\r\nLocation: {server.url}/x\r\nContent-Length: 0\r\n\r\n"
    rude.script = [say(elsewhere.encode(), close=False)]
    bench.journal_readings(1)
    bench.start(stopped_s=1.0)
    assert f"sends elsewhere: {server.url}/x" in bench.wait("stopped")
    bench.wait("up to date")
    assert server.bodies == []
    assert rude.taken == taken(1)


def test_a_hanging_server_does_not_delay_the_end(make_bench: Any, rude: RudeServer) -> None:
    bench = make_bench(rude.url, "s3", timeout_s=300)
    rude.script = [hang]
    bench.journal_readings(1)
    bench.start()
    assert rude_has_seen(rude, 1)
    bench.stop()  # joins within its deadline, far below the server's
    bench.start()
    bench.wait("up to date")
    assert rude.taken == taken(1)


def rude_has_seen(server: RudeServer, requests: int) -> bool:
    waiting = threading.Event()
    for _ in range(400):
        if server.seen >= requests:
            return True
        waiting.wait(0.05)
    return False
