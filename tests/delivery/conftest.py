"""A journal to write from, a server that answers as told, and the writer between them."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Config, load
from gateway.journal import JournalReader, Judged, Records, SqliteJournal
from gateway.journal.bodies import compose
from gateway.processes import Facts
from gateway.writer.service import Writer
from gateway.writer.store import read_progress

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

    def __init__(
        self,
        directory: Path,
        url: str,
        token: str,
        bucket: str = "huishou",
        timeout_s: int = 2,
        batch_lines: int = 100,
        more: str = "",
    ) -> None:
        self.directory = directory
        (directory / "devices.json").write_text('{"devices":[{"id":"bin-001","unit":"bin","site":"nankai"}]}')
        self.token_file = directory / "token"
        self.token_file.write_text(token)
        (directory / "huishou.toml").write_text(
            f'[influxdb]\nurl = "{url}"\ntoken_file = "token"\nbucket = "{bucket}"\n'
            f"timeout_s = {timeout_s}\nbatch_lines = {batch_lines}\n{more}"
        )
        self.config: Config = load(directory / "huishou.toml")
        self.journal = SqliteJournal(self.config.store.path)
        self.said: list[dict[str, Any]] = []
        self._troubles = 0
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
        self.journal_texts(numbers[0], texts, judged, device)

    def journal_texts(
        self,
        first: int,
        texts: list[bytes],
        judged: dict[int, Judged] | None = None,
        device: str = "bin-001",
        received_ms: int | None = None,
    ) -> None:
        """Journal records of log 0000abcd, numbered from `first`, in one message."""
        body = compose("0000abcd", first, NOW, texts)
        judgements = [(judged or {}).get(seq, Judged(seq)) for seq in range(first, first + len(texts))]
        at_ms = time.time_ns() // 1_000_000 if received_ms is None else received_ms
        self.journal.append([Records(at_ms, device, "0000abcd", first, NOW, body, judgements)])

    def start(self, stopped_s: float = 0.05) -> None:
        self._stop.clear()
        self.said.clear()
        self._troubles = 0
        writer = Writer(self.config, self._hear, stopped_s)
        self._thread = threading.Thread(target=writer.run, args=(self._stop,))
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(DEADLINE_S)
            assert not self._thread.is_alive()
            self._thread = None

    def wait(self, state: str, times: int = 1, sink: str = "influxdb") -> str:
        """Wait until a sink has been in trouble ("waiting", "stopped") so many times since the last wait.

        Or until it is "up to date", with all that is journaled. Returns its last words.
        """

        def reached() -> bool:
            facts = self._facts(sink)
            if state == "up to date":
                return bool(facts.get("state") == state and self._complete(sink))
            enough: bool = facts.get("troubles", 0) >= self._troubles + times
            return enough and facts["last_trouble"].startswith(state)

        with self._news:
            assert self._news.wait_for(reached, DEADLINE_S), self.said[-3:]
            self._troubles = self._facts(sink)["troubles"]
            return str(self._facts(sink)["last_trouble"])

    def wait_for(self, reached: Callable[[dict[str, Any]], bool], sink: str = "influxdb") -> dict[str, Any]:
        """Wait until what a sink says is as wanted."""
        with self._news:
            assert self._news.wait_for(lambda: reached(self._facts(sink)), DEADLINE_S), self.said[-3:]
            return self._facts(sink)

    def conditions(self) -> dict[str, str]:
        """Codes and details of what the writer would have people know, as last said."""
        return {one["code"]: one["detail"] for one in self.said[-1]["alarms"]} if self.said else {}

    def _complete(self, sink: str) -> bool:
        with JournalReader(self.config.store.path) as journal:
            return read_progress(self.config.store.path, sink).plan.owed(journal.end()) == 0

    def _facts(self, sink: str) -> dict[str, Any]:
        found = self.said[-1]["sinks"].get(sink, {}) if self.said else {}
        return dict(found)

    def _hear(self, facts: Facts) -> None:
        with self._news:
            self.said.append(facts)
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

    def make(url: str, token: str, bucket: str = "huishou", **more: Any) -> Bench:
        made.append(Bench(tmp_path, url, token, bucket, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
