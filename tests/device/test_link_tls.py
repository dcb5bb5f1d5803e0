"""TLS under the real interpreter against a real Mosquitto: the device's own certificate, the server held to
its name, bad dates and strangers refused by name, a list of brokers, a handshake that hangs.
"""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from edge.link.x509 import not_before_ms
from hypothesis import given
from hypothesis import strategies as st

from simulators.board.program import output
from simulators.servers import accounts
from simulators.servers.authority import Authority
from simulators.servers.broker import Broker, TlsListener
from simulators.servers.ports import free_port
from simulators.servers.process import Children
from tests.device.interpreter import VM

HOST = "broker.test"
NOW = datetime.now(UTC).replace(microsecond=0)
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("tls") / "ca")
    made.issue("server", host=HOST)
    made.issue("late", host=HOST, start=NOW + YEAR, end=NOW + 2 * YEAR)
    made.issue("ended", host=HOST, start=NOW - 2 * YEAR, end=NOW - YEAR)
    made.issue("bin-001")
    return made


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("stranger") / "ca")
    made.issue("server", host=HOST)
    made.issue("bin-001")
    return made


class Brokers:
    """Starts Mosquittos with a TLS listener each; says where they listen."""

    def __init__(self, folder: Path, children: Children, authority: Authority) -> None:
        self._folder, self._children, self._authority = folder, children, authority
        self.started: list[Broker] = []

    def start(self, name: str = "server", by: Authority | None = None) -> int:
        by = by or self._authority
        port = free_port()
        own = by.directory / f"{name}.pem", by.directory / f"{name}.key"
        listener = TlsListener(port, self._authority.certificate, *own)
        folder = self._folder / f"broker-{len(self.started)}"
        broker = Broker(
            folder, self._children, {accounts.GATEWAY: "x"}, env={"PATH": "/usr/sbin"}, tls=listener
        )
        broker.start()
        self.started.append(broker)
        return port


@pytest.fixture
def brokers(tmp_path: Path, children: Children, authority: Authority) -> Iterator[Brokers]:
    all_of_them = Brokers(tmp_path, children, authority)
    yield all_of_them
    for broker in all_of_them.started:
        broker.stop()


def connect(
    ports: list[int],
    credentials: dict[str, str],
    *,
    wakes_ms: tuple[int, ...] = (20_000,),
    limits: Any = None,
    name: str = HOST,
) -> dict[str, Any]:
    """What the device says of its sessions with these brokers, the first being home. `wakes_ms`: for how long
    each may take.
    """
    listed = [
        {"host": "127.0.0.1", "port": port, "tls": True, "name": name, "keepalive_s": 30} for port in ports
    ]
    arguments = {
        "settings": {"device": "bin-001", "broker": listed, "tls": credentials},
        "wakes_ms": wakes_ms,
        "limits": limits or {},
    }
    said = output([VM / "tls_run.py"], VM, heap="1M", args=arguments)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def test_a_device_is_let_in_by_its_own_certificate_and_sends(authority: Authority, brokers: Brokers) -> None:
    found = connect([brokers.start()], authority.credentials("bin-001"))
    assert (found["ends"], found["sent"]) == (["done"], 20)
    log = brokers.started[0].child
    assert log is not None
    assert "u'bin-001'" in log.log.read_text()


def test_a_server_of_another_name_is_refused(authority: Authority, brokers: Brokers) -> None:
    found = connect([brokers.start()], authority.credentials("bin-001"), name="other.test")
    assert (found["ends"], found["sent"]) == (["tls-wrong-name"], 0)


def test_a_server_of_another_authority_is_refused(
    authority: Authority, stranger: Authority, brokers: Brokers
) -> None:
    found = connect([brokers.start(by=stranger)], authority.credentials("bin-001"))
    assert (found["ends"], found["sent"]) == (["tls-untrusted"], 0)


def test_a_device_of_another_authority_is_not_let_in(
    authority: Authority, stranger: Authority, brokers: Brokers
) -> None:
    foreign = {**stranger.credentials("bin-001"), "ca": authority.credentials("bin-001")["ca"]}
    found = connect([brokers.start()], foreign)
    assert found["ends"] == ["tls-refused"]
    assert found["sent"] == 0


def test_an_ended_certificate_is_refused_also_by_a_dead_clock(authority: Authority, brokers: Brokers) -> None:
    found = connect([brokers.start("ended")], authority.credentials("bin-001"), wakes_ms=(20_000, 20_000))
    assert (found["ends"], found["sent"]) == (["tls-expired"] * 2, 0)


def test_a_dead_clock_learns_from_a_certificate_that_looks_too_new_and_verifies_anew(
    authority: Authority, brokers: Brokers
) -> None:
    """The interpreter's clock is the host's, which the stand-in cannot move: the second handshake fails as
    the first did, and what was learned is forgotten."""
    port, credentials = brokers.start("late"), authority.credentials("bin-001")
    first = connect([port], credentials)
    assert (first["ends"], first["sent"]) == (["tls-not-yet-valid"], 0)
    assert first["tls_ms"] == (NOW + YEAR).timestamp() * 1000
    second = connect([port], credentials, wakes_ms=(20_000, 20_000))
    assert (second["ends"], second["sent"], second["tls_ms"]) == (["tls-not-yet-valid"] * 2, 0, 0)


def test_the_next_broker_of_the_list_is_tried_when_one_is_not_what_it_says(
    authority: Authority, stranger: Authority, brokers: Brokers
) -> None:
    wrong, right = brokers.start(by=stranger), brokers.start()
    found = connect([wrong, right], authority.credentials("bin-001"))
    assert (found["ends"], found["sent"], found["at"]) == (["done"], 21, 1)  # and a fault: not at home


def test_a_handshake_that_hangs_ends_in_time_and_the_next_broker_is_tried(
    authority: Authority, brokers: Brokers
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = [silent.getsockname()[1], brokers.start()]
        found = connect(ports, authority.credentials("bin-001"), limits={"TLS_MS": 700})
    assert (found["ends"], found["sent"], found["at"]) == (["done"], 21, 1)  # and a fault: not at home


def test_a_wake_that_ends_within_a_handshake_makes_the_next_one_begin_with_the_next_broker(
    authority: Authority, brokers: Brokers
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = [silent.getsockname()[1], brokers.start()]
        found = connect(ports, authority.credentials("bin-001"), wakes_ms=(1_000, 20_000))
    assert (found["ends"], found["sent"], found["at"]) == (["cancelled", "done"], 21, 1)


@pytest.mark.parametrize(
    "broken", [{}, {"ca": "", "cert": "", "key": ""}, {"ca": "AAAA", "cert": 1, "key": "x"}]
)
def test_settings_that_are_no_credentials_are_named(broken: Any) -> None:
    assert connect([9], broken)["ends"] == ["settings-tls"]


def test_when_a_certificate_begins_is_read_from_its_bytes(authority: Authority) -> None:
    for name, start in (("server", datetime(2024, 1, 1, tzinfo=UTC)), ("late", NOW + YEAR)):
        authority._run("x509", "-in", f"{name}.pem", "-out", f"{name}.der", "-outform", "DER")
        der = (authority.directory / f"{name}.der").read_bytes()
        assert not_before_ms(der) == start.timestamp() * 1000


@given(st.binary(max_size=80))
def test_bytes_that_are_no_certificate_say_no_time(noise: bytes) -> None:
    assert not_before_ms(noise) is None or noise[0:1] != b""
