"""An InfluxDB 2 server of our own on the loopback address: set up once, its data kept in a directory."""

import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.servers.errors import ServerError
from simulators.servers.ports import kept_port, require_free
from simulators.servers.process import Child, Children, wait_until

ORG = "huishou"
BUCKET = "huishou"
# A server opens its shards before it answers; a minute is far beyond what a demo's week of data needs.
_READY_S = 60.0


@dataclass(frozen=True)
class Access:
    """What a client needs to know."""

    url: str
    token: str
    org: str = ORG
    bucket: str = BUCKET


def configured(env: Mapping[str, str] = os.environ) -> Access | None:
    """The server that `HUISHOU_INFLUXDB_URL` names, or None when it names none.

    Raises `ServerError` (`influxdb-token-missing`) for an address without a token.
    """
    url = env.get("HUISHOU_INFLUXDB_URL")
    if not url:
        return None
    token = env.get("HUISHOU_INFLUXDB_TOKEN")
    if not token:
        raise ServerError(
            "influxdb-token-missing",
            f"HUISHOU_INFLUXDB_URL names {url}, but HUISHOU_INFLUXDB_TOKEN is empty: set it to an API token "
            f"that may "
            "read and write the bucket.",
        )
    return Access(
        url, token, env.get("HUISHOU_INFLUXDB_ORG", ORG), env.get("HUISHOU_INFLUXDB_BUCKET", BUCKET)
    )


class InfluxServer:
    """`influxd` as a child process. `access` is known before it is started, and the same at every start."""

    def __init__(self, directory: Path, children: Children, port: int | None = None) -> None:
        self._directory = directory
        self._children = children
        directory.mkdir(parents=True, exist_ok=True)
        self.port = kept_port(directory, "influxdb", port)
        self.access = Access(f"http://127.0.0.1:{self.port}", _kept_secret(directory / "token"))
        self.child: Child | None = None

    def start(self, binary: Path) -> None:
        """Start the server and return when it takes writes. Raises `ServerError` (`influxdb-no-start`)."""
        require_free(self.port, "InfluxDB")
        self.child = self._children.start(
            "influxd",
            [
                binary,
                *("--bolt-path", self._directory / "influxd.bolt"),
                *("--sqlite-path", self._directory / "influxd.sqlite"),
                *("--engine-path", self._directory / "engine"),
                *("--http-bind-address", f"127.0.0.1:{self.port}"),
                "--reporting-disabled",
                *("--log-level", "warn"),
            ],
            log=self._directory / "influxd.log",
            # Its settings may also come from the environment or a config file: neither is ours.
            env={k: v for k, v in os.environ.items() if not k.startswith("INFLUXD_")},
            cwd=self._directory,
        )
        child = self.child
        if not wait_until(lambda: not child.running or self.healthy(), _READY_S) or not child.running:
            words = child.last_words()
            child.stop(5.0)
            raise ServerError(
                "influxdb-no-start",
                f"influxd did not become ready on {self.access.url} in {_READY_S:.0f} s; its data is in "
                f"{self._directory}. Its last words:\n{words}",
            )
        self._set_up()

    def healthy(self) -> bool:
        try:
            return bool(self._call("GET", "/health").get("status") == "pass")
        except (OSError, ValueError):
            return False

    def _set_up(self) -> None:
        """First start only: make the user, the organisation, the bucket and the token."""
        if not self._call("GET", "/api/v2/setup").get("allowed"):
            return
        self._call(
            "POST",
            "/api/v2/setup",
            {
                "username": "huishou",
                "password": _kept_secret(self._directory / "password"),
                "org": ORG,
                "bucket": BUCKET,
                "token": self.access.token,
                "retentionPeriodSeconds": 0,
            },
        )

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 (our own http address)
            self.access.url + path,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return dict(json.loads(answer.read()))

    def stop(self, deadline_s: float = 10.0) -> bool:
        """Whether it stopped cleanly within `deadline_s` (it writes its caches out)."""
        return self.child is None or self.child.stop(deadline_s)


def _kept_secret(file: Path) -> str:
    """The secret in `file`; drawn and written, readable by its owner alone, when there is none."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        secret = secrets.token_urlsafe(32)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secret)
        return secret
