"""The HTTP shell of a sink: one write, one answer, within a deadline.

Not influxdb-client: it reads whole answers however long, its time-out starts anew with every byte, and
nothing can end a request from outside. This works on urllib3, which that client is made of, too.
"""

import contextlib
import socket
import threading
import time
from typing import Any
from urllib.parse import urlencode

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, Timeout, connection_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from gateway.config import SinkConfig
from gateway.writer.delivery import Answer, Kind, judge

CONNECT_S = 5.0
MAX_ANSWER_BYTES = 1 << 20  # of a refusal that quotes every line of a batch
_TEXT = "text/plain; charset=utf-8"


class Server:
    """One sink's server. `write` and `get` belong to one thread at a time; `end_late` may come from another.

    The token is read anew for each connection, and that ends with an answer that is not about lines.
    """

    def __init__(self, config: SinkConfig) -> None:
        self.config = config
        base = parse_url(config.url)
        self._path = (base.path or "").rstrip("/")
        query = {"org": config.org, "bucket": config.bucket, "precision": "ns"}
        self._write_path = f"{self._path}/api/v2/write?{urlencode(query)}"
        self._pool: HTTPConnectionPool | None = None
        self._token: str | None = None
        self.connections = 0  # made so far
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None  # of the connection; shut down to end a request
        self._since: float | None = None  # when the request in flight began (monotonic)

    def write(self, body: bytes) -> Answer:
        """Send lines, their times in ns. Never raises for what the server or the network does."""
        if self._pool is None:
            self._token = self.config.secret()
        if not self._token and self.config.kind == "influxdb":
            return Answer(Kind.STOP, 0, "no token: set `token_file` (or HUISHOU_INFLUXDB_TOKEN)")
        answer, _ = self._exchange("POST", self._write_path, body)
        return answer

    def get(self, path: str) -> str | None:
        """A page of the server as text; None: it cannot be had."""
        answer, text = self._exchange("GET", self._path + path, None)
        return text if answer.kind is Kind.TAKEN else None

    @property
    def token(self) -> str | None:
        """The token that the last request went with."""
        return self._token

    def end_late(self, over_s: float | None = None) -> None:
        """End a request that takes longer than `over_s` (None: than it may); 0: whatever is in flight."""
        limit = 2 * self.config.timeout_s if over_s is None else over_s
        with self._lock:
            if (
                self._socket is not None
                and self._since is not None
                and time.monotonic() - self._since >= limit
            ):
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; the next request makes a new one, with the token of then."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        with self._lock:
            self._socket = None

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[Answer, str]:
        with self._lock:
            self._since = time.monotonic()
        try:
            answer, text = self._request(method, path, body)
        except (HTTPError, OSError) as err:
            answer, text = Answer(Kind.LATER, 0, f"{type(err).__name__}: {err}"), ""
        except UnicodeError:
            answer, text = Answer(Kind.STOP, 0, "the token has characters that HTTP cannot carry"), ""
        finally:
            with self._lock:
                self._since = None
        if answer.kind is Kind.STOP or answer.status == 0:
            self.close()
        return answer, text

    def _request(self, method: str, path: str, body: bytes | None) -> tuple[Answer, str]:
        pool = self._pool = self._pool or self._connect()
        headers = {"User-Agent": "huishou", "Content-Type": _TEXT}
        if self._token:
            headers["Authorization"] = f"Token {self._token}"
        response = pool.urlopen(method, path, body, headers, redirect=False, preload_content=False)
        data = response.read(MAX_ANSWER_BYTES) if response.status != 204 else b""
        if len(data) < MAX_ANSWER_BYTES:
            response.release_conn()
        else:  # there is more, and nobody wants it
            response.close()
            self.close()
        text = data.decode("utf-8", "replace")
        answer = judge(response.status, text, response.headers.get("Retry-After"), time.time())
        if 300 <= response.status < 400:  # where to, is the operator's to decide: a token goes with it
            where = response.headers.get("Location", "nowhere")
            answer = Answer(Kind.STOP, response.status, f"sends elsewhere: {where}. Correct `url`.")
        return answer, text

    def _connect(self) -> HTTPConnectionPool:
        timeout = Timeout(connect=min(CONNECT_S, self.config.timeout_s), read=self.config.timeout_s)
        more: dict[str, Any] = {"maxsize": 1, "retries": False}
        if self.config.ca_file is not None:
            more["ca_certs"] = str(self.config.ca_file)
        pool = connection_from_url(self.config.url, timeout=timeout, **more)
        base = HTTPSConnection if isinstance(pool, HTTPSConnectionPool) else HTTPConnection
        pool.ConnectionCls = self._watched(base)
        return pool

    def _watched(self, base: type[HTTPConnection]) -> type[HTTPConnection]:
        """A connection whose socket `end_late` can reach."""
        server = self

        class Watched(base):  # type: ignore[misc, valid-type]
            def connect(self) -> None:
                super().connect()
                with server._lock:
                    server._socket = self.sock
                    server.connections += 1

        return Watched
