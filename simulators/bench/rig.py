"""What every bench of the gateway stands on: a broker, InfluxDB, a gateway, in one scratch directory."""

import json
import secrets
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulators.fleet import Options, devices_file
from simulators.servers import accounts, influxdb
from simulators.servers.broker import Broker, Kind
from simulators.servers.influxdb import Access, InfluxServer
from simulators.servers.ports import free_port
from simulators.servers.process import Child, Children, wait_until

START_S = 30.0


@dataclass(frozen=True)
class Store:
    """One gateway's directory and configuration: a fresh journal."""

    directory: Path
    config: Path
    client: str

    @property
    def path(self) -> Path:
        return self.directory / "store"

    def status(self, process: str) -> dict[str, Any]:
        """What a process of the gateway last said of itself; empty: nothing yet."""
        try:
            return dict(json.loads((self.path / f"{process}.status.json").read_bytes()))
        except (FileNotFoundError, ValueError):
            return {}


class Rig:
    """Broker and InfluxDB, running. Gateways and others come and go."""

    def __init__(
        self, directory: Path, children: Children, *, inflight: int = 1000, kind: Kind | None = None
    ) -> None:
        self.directory = directory
        self.children = children
        self.passwords = {name: secrets.token_urlsafe(16) for name in (accounts.GATEWAY, accounts.FLEET)}
        self.broker = Broker(directory / "broker", children, self.passwords, inflight=inflight, kind=kind)
        self.broker.start()
        self.influx = InfluxServer(directory / "influxdb", children)
        self.influx.start(influxdb.find() or influxdb.build())

    def fleet(self, options: Options) -> Options:
        """The same fleet, told how to reach the broker."""
        return replace(
            options,
            host=self.broker.host,
            port=self.broker.port,
            username=accounts.FLEET,
            password=self.passwords[accounts.FLEET],
        )

    def bucket(self, name: str) -> Access:
        """A fresh bucket that keeps everything."""
        access = replace(self.influx.access, bucket=name)
        found = self._call(access, "GET", "/api/v2/orgs?org=" + access.org)
        body = {"orgID": found["orgs"][0]["id"], "name": name, "retentionRules": []}
        self._call(access, "POST", "/api/v2/buckets", body)
        return access

    def points(self) -> tuple[int, int]:
        """Points that InfluxDB took since it started (written again: again), and in how many writes."""
        found = {"sum": 0, "count": 0}
        with urllib.request.urlopen(self.influx.access.url + "/metrics", timeout=10) as answer:  # noqa: S310
            for line in answer.read().decode().splitlines():
                for what in found:
                    if line.startswith(f"storage_writer_req_points_{what}"):
                        found[what] = int(float(line.rsplit(" ", 1)[1]))
        return found["sum"], found["count"]

    def count(self, access: Access, field: str = "seq") -> int:
        """Distinct points in a bucket, counted by a field that each has."""
        flux = (
            f'from(bucket: "{access.bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)'
            f' |> filter(fn: (r) => r._field == "{field}") |> count() |> group() |> sum()'
        )
        rows = [line.split(",") for line in self._query(access, flux)]
        return int(rows[1][rows[0].index("_value")]) if len(rows) > 1 else 0

    def stored(self, access: Access, expected: int) -> tuple[int, list[str]]:
        """How many points there are, and some of those that are not the only one of their (device, seq).

        InfluxDB before 2.8 may return a point twice while it is both in a file and in memory
        (influxdata/influxdb#26690), so a count that is not as expected is made again by hand.
        """
        counted = self.count(access)
        if counted == expected:
            return counted, []
        flux = (
            f'from(bucket: "{access.bucket}") |> range(start: 0, stop: 2100-01-01T00:00:00Z)'
            ' |> filter(fn: (r) => r._field == "seq") |> drop(columns: ["_start", "_stop", "_field"])'
        )
        found: dict[tuple[str, str], set[str]] = {}
        header: list[str] = []
        for line in self._query(access, flux):
            cells = line.split(",")
            if "_value" in cells:
                header = cells
            elif len(cells) > 1:
                row = dict(zip(header, cells, strict=False))
                found.setdefault((row["device"], row["_value"]), set()).add(line)
        doubled = [" / ".join(lines) for lines in found.values() if len(lines) > 1]
        return sum(len(lines) for lines in found.values()), doubled[:20]

    def store(
        self, name: str, access: Access, options: Options, more: str = "", also: Sequence[Options] = ()
    ) -> Store:
        """A gateway's directory: configuration, devices file, no journal yet.

        `more`: further TOML; `also`: further fleets that it knows.
        """
        directory = self.directory / name
        directory.mkdir()
        known = [device for fleet in (options, *also) for device in devices_file(fleet)["devices"]]
        (directory / "devices.json").write_text(json.dumps({"devices": known}))
        store = Store(directory, directory / "huishou.toml", f"huishou-{name}")
        settings: dict[str, dict[str, Any]] = {
            "mqtt": {
                "host": self.broker.host,
                "port": self.broker.port,
                "username": accounts.GATEWAY,
                "password": self.passwords[accounts.GATEWAY],
                "client_id": store.client,
            },
            "influxdb": {
                "url": access.url,
                "org": access.org,
                "bucket": access.bucket,
                "token": access.token,
            },
            "web": {"port": free_port()},
        }
        text = "\n".join(
            f"[{section}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
            for section, values in settings.items()
        )
        store.config.write_text(text + more)
        return store

    def gateway(self, store: Store, process: str | None = None, before: Sequence[str] = ()) -> Child:
        """Start the gateway, or one process of it. `before`: a command that runs it (a profiler)."""
        argv = [*before, sys.executable, "-m", "gateway", "gateway", *([process] if process else [])]
        name = process or "gateway"
        log = store.directory / f"{name}.log"
        return self.children.start(name, [*argv, "--config", str(store.config)], log=log)

    def subscribed(self, store: Store, child: Child) -> None:
        """Return when intake is connected and subscribed."""
        ready = wait_until(
            lambda: not child.running or store.status("intake").get("state") == "connected", START_S
        )
        if not ready or not child.running:
            raise RuntimeError(f"intake is not connected after {START_S:g} s:\n{child.last_words()}")

    def _query(self, access: Access, flux: str) -> list[str]:
        request = urllib.request.Request(  # noqa: S310 (our own http address)
            access.url + "/api/v2/query?org=" + access.org,
            data=json.dumps({"query": flux, "dialect": {"header": True, "annotations": []}}).encode(),
            headers={"Authorization": f"Token {access.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
            return [line for line in answer.read().decode().split("\r\n") if line]

    def _call(self, access: Access, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 (our own http address)
            access.url + path,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Token {access.token}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read())


@contextmanager
def rig(*, inflight: int = 1000, kind: Kind | None = None) -> Iterator[Rig]:
    """A rig in a scratch directory; everything ends with the context."""
    with tempfile.TemporaryDirectory(prefix="huishou-bench-") as folder, Children() as children:
        yield Rig(Path(folder), children, inflight=inflight, kind=kind)
