"""Real servers for tests.

A Mosquitto each, an InfluxDB for the session. Nothing is skipped: a missing one fails.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from simulators.servers import accounts
from simulators.servers.broker import Broker
from simulators.servers.influxdb import binary
from simulators.servers.influxdb.server import Access, InfluxServer
from simulators.servers.process import Children

# How long an example takes, or its making, is no property of the code.
settings.register_profile(
    "unhurried", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For two workers (`make test`): a file's tests stay together, and so do all whole cities, which come
    first because they take longest. Two cities at once would be more than two cores hold.
    """
    items.sort(key=lambda item: item.get_closest_marker("city") is None)
    for item in items:
        city = item.get_closest_marker("city") is not None
        item.add_marker(pytest.mark.xdist_group("city" if city else item.nodeid.split("::")[0]))


DEVICES = ("bin-001", "bin-002", "bin-003", "truck-001", "stranger-1")


def password(user: str) -> str:
    """The password of an account of the `mosquitto` fixture (one each of DEVICES and the gateway's)."""
    return f"{user}-secret"


@pytest.fixture
def children() -> Iterator[Children]:
    """Processes that end with the test, whatever happens to it."""
    with Children() as all_of_them:
        yield all_of_them


@pytest.fixture
def mosquitto(tmp_path: Path, children: Children) -> Iterator[Broker]:
    """A started Mosquitto with the accounts of DEVICES (`password`).

    Restart it with `stop` or `child.kill`, then `start`.
    """
    users = {user: password(user) for user in (*DEVICES, accounts.GATEWAY)}
    broker = Broker(tmp_path / "broker", children, users, env={"PATH": "/usr/sbin:/usr/bin"})
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def influxdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """A real InfluxDB 2, built when it has to be; for tests that stop and start it themselves, too."""
    executable = binary.find() or binary.build()
    with Children() as processes:
        server = InfluxServer(tmp_path_factory.mktemp("influxdb"), processes)
        server.start(executable)
        yield server
        server.stop()


@pytest.fixture
def influxdb(influxdb_server: InfluxServer) -> Access:
    """Address and token of the session's InfluxDB.

    Its bucket is shared: tests use device ids of their own.
    """
    return influxdb_server.access
