"""A journal to write from, a server that answers as told, and the writer between them."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Config, load
from gateway.journal import Judged, Records, SqliteJournal
from gateway.journal.bodies import compose
from gateway.processes import Facts
from gateway.writer.service import Writer

NOW = 1_763_715_600_000
DEADLINE_S = 20.0


class ScriptedServer:
    """Answers writes by a function of the lines, and remembers what it took and which tokens it saw."""

    def __init__(self) -> None:
        self.answer: Callable[[list[str]], tuple[int, dict[str, str], str]] = lambda _: (204, {}, "")
        self.bodies: list[bytes] = []
        self.taken: list[str] = []
        self.tokens: list[str | None] = []
        self.queries: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                lines = body.decode().split("\n")
                status, headers, words = outer.answer(lines)
                outer.bodies.append(body)
                outer.tokens.append(self.headers.get("Authorization"))
                outer.queries.append(self.path)
                if status == 204:
                    outer.taken += lines
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                payload = json.dumps({"code": "x", "message": words}).encode() if words else b""
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Bench:
    """One store with a journal, a configuration, and a writer that runs in a thread while it is wanted."""

    def __init__(self, directory: Path, url: str, token: str, bucket: str = "huishou") -> None:
        self.directory = directory
        (directory / "devices.json").write_text('{"devices":[{"id":"bin-001","unit":"bin","site":"nankai"}]}')
        self.token_file = directory / "token"
        self.token_file.write_text(token)
        (directory / "huishou.toml").write_text(
            f'[influxdb]\nurl = "{url}"\ntoken_file = "token"\nbucket = "{bucket}"\n'
            "timeout_s = 2\nbatch_lines = 100\n"
        )
        self.config: Config = load(directory / "huishou.toml")
        self.journal = SqliteJournal(self.config.store.path)
        self.states: list[tuple[str, str]] = []
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def journal_readings(
        self, *numbers: int, judged: dict[int, Judged] | None = None, device: str = "bin-001", **more: int
    ) -> None:
        """Journal readings of log 0000abcd in one message; `judged` says what is not plainly accepted."""
        extra = "".join(f',"{name}":{value}' for name, value in more.items()).encode()
        texts = [
            b'{"seq":%d,"t":%d,"clock":"ntp","kind":"reading"%b}' % (seq, NOW + seq, extra) for seq in numbers
        ]
        body = compose("0000abcd", numbers[0], NOW, texts)
        judgements = [(judged or {}).get(seq, Judged(seq)) for seq in numbers]
        self.journal.append([Records(NOW, device, "0000abcd", numbers[0], NOW, body, judgements)])

    def start(self, stopped_s: float = 0.05) -> None:
        self._stop.clear()
        self.states.clear()
        writer = Writer(self.config, self._hear, stopped_s)
        self._thread = threading.Thread(target=writer.run, args=(self._stop,))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(DEADLINE_S)
            assert not self._thread.is_alive()
            self._thread = None

    def wait(self, state: str, times: int = 1) -> str:
        """Wait until the writer has said `state` that many times since the last wait.

        Returns its last words about it.
        """
        with self._news:
            assert self._news.wait_for(lambda: self._said(state) >= times, DEADLINE_S), self.states[-5:]
            detail = next(detail for said, detail in reversed(self.states) if said == state)
            self.states.clear()
        return detail

    def _said(self, state: str) -> int:
        return sum(1 for said, _ in self.states if said == state)

    def _hear(self, facts: Facts) -> None:
        with self._news:
            self.states.append((facts["state"], facts["detail"]))
            self._news.notify_all()

    def close(self) -> None:
        self.stop()
        self.journal.close()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    one = ScriptedServer()
    yield one
    one.close()


@pytest.fixture
def bench(tmp_path: Path, server: ScriptedServer) -> Iterator[Any]:
    """A bench in front of the scripted server."""
    one = Bench(tmp_path, server.url, "s3")
    yield one
    one.close()


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes a bench in front of any address."""
    made: list[Bench] = []

    def make(url: str, token: str, bucket: str = "huishou") -> Bench:
        made.append(Bench(tmp_path, url, token, bucket))
        return made[-1]

    yield make
    for one in made:
        one.close()
