"""A store with a real journal, the application over it, and visitors with and without a session."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gateway.config import Config, load
from gateway.web.app import create_app
from gateway.web.passwords import hash_password, new_token
from gateway.web.sessions import COOKIE
from simulators.servers.ports import free_port
from tests.page.kit import DEVICES, MAP, PASSWORD, Store, caught_up, until


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(PASSWORD)


@pytest.fixture(scope="session")
def token() -> tuple[str, str]:
    return new_token("scraper")


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def config(tmp_path: Path, password_hash: str, token: tuple[str, str], port: int) -> Config:
    (tmp_path / "devices.json").write_text(json.dumps({"devices": DEVICES}), "utf-8")
    (tmp_path / "map.geojson").write_text(json.dumps(MAP), "utf-8")
    (tmp_path / "passwords").write_text(f"# who may look\nop:{password_hash}\n\n{token[1]}\n", "utf-8")
    file = tmp_path / "huishou.toml"
    file.write_text(f'[web]\nport = {port}\npassword_file = "passwords"\nmap = "map.geojson"\n', "utf-8")
    return load(file)


@pytest.fixture
def store(config: Config) -> Iterator[Store]:
    found = Store(config)
    yield found
    found.journal.close()


@pytest.fixture
def client(config: Config, store: Store) -> Iterator[TestClient]:
    """An anonymous visitor on this machine."""
    app = create_app(config)
    with TestClient(app, "http://gateway.test", client=("127.0.0.1", 40000), follow_redirects=False) as found:
        yield found


@pytest.fixture
def operator(client: TestClient) -> TestClient:
    """A visitor who has logged in, known by the cookie that a login gives: a password takes 0.2 s."""
    app = client.app
    assert isinstance(app, Starlette)
    client.cookies.set(COOKIE, app.state.sessions.issue("op", time.time()), domain="gateway.test", path="/")
    return client


@pytest.fixture
def shown(operator: TestClient) -> Callable[[str], Any]:
    """A device by the API, once the projection holds all that the journal holds."""

    def device(name: str) -> Any:
        until(lambda: caught_up(operator), "the projection catches up")
        return operator.get(f"/api/devices/{name}").json()

    return device
