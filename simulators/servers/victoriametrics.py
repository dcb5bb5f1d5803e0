"""A VictoriaMetrics of our own on the loopback address (Debian's), its data kept in a directory."""

import json
import urllib.parse
import urllib.request
from pathlib import Path

from simulators.servers.errors import ServerError
from simulators.servers.ports import kept_port, require_free
from simulators.servers.process import Child, Children, wait_until

_READY_S = 30.0


class VictoriaMetrics:
    """The server as a child process. `url` is known before it is started, and the same at every start."""

    def __init__(self, directory: Path, children: Children, port: int | None = None) -> None:
        self._directory = directory
        self._children = children
        directory.mkdir(parents=True, exist_ok=True)
        self.port = kept_port(directory, "victoriametrics", port)
        self.url = f"http://127.0.0.1:{self.port}"
        self.child: Child | None = None

    def start(self, *, dedup: str = "1ms", retention: str = "100y") -> None:
        """Start it and return when it takes writes. Raises `ServerError` (`victoriametrics-no-start`).

        `dedup`: samples of a series within this time are one; "0": all are kept.
        """
        require_free(self.port, "VictoriaMetrics")
        self.child = child = self._children.start(
            "victoria-metrics",
            [
                "victoria-metrics",
                f"-storageDataPath={self._directory / 'data'}",
                f"-httpListenAddr=127.0.0.1:{self.port}",
                f"-dedup.minScrapeInterval={dedup}",
                f"-retentionPeriod={retention}",
                "-search.latencyOffset=0s",
                "-loggerLevel=WARN",
            ],
            log=self._directory / "victoriametrics.log",
        )
        if not wait_until(lambda: not child.running or self.healthy(), _READY_S) or not child.running:
            words = child.last_words()
            child.stop(5.0)
            raise ServerError(
                "victoriametrics-no-start",
                f"victoria-metrics did not become ready on {self.url} in {_READY_S:.0f} s. Its last words:\n"
                f"{words}",
            )

    def healthy(self) -> bool:
        """Whether it answers."""
        try:
            return self._get("/health").strip() == "OK"
        except OSError:
            return False

    def samples(self, selector: str) -> dict[tuple[tuple[str, str], ...], list[tuple[int, float]]]:
        """All samples of the series that a selector such as `{device="bin-001"}` names, as (ms, value).

        By their labels, the metric's name as `__name__`. What it took is made visible before.
        """
        self._get("/internal/force_flush")
        query = urllib.parse.urlencode({"match[]": selector, "reduce_mem_usage": "0"})
        found = {}
        for line in self._get(f"/api/v1/export?{query}").splitlines():
            series = json.loads(line)
            labels = tuple(sorted(series["metric"].items()))
            found[labels] = list(zip(series["timestamps"], series["values"], strict=True))
        return found

    def value(self, query: str, time_s: float) -> float | None:
        """The single value of an instant query at a time (Unix, seconds); None: there is none."""
        self._get("/internal/force_flush")
        parameters = urllib.parse.urlencode({"query": query, "time": time_s, "nocache": 1})
        result = json.loads(self._get(f"/api/v1/query?{parameters}"))["data"]["result"]
        return float(result[0]["value"][1]) if result else None

    def stop(self, deadline_s: float = 10.0) -> bool:
        """Whether it stopped cleanly within `deadline_s`."""
        return self.child is None or self.child.stop(deadline_s)

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310 (our own http address)
            return str(answer.read().decode())
