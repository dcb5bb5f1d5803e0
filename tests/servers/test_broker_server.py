"""A broker of our own: who gets in, what they may do, what a kill costs. Against the real programs."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from simulators.servers import accounts
from simulators.servers.broker import Broker, can_connect
from simulators.servers.errors import ServerError
from simulators.servers.ports import free_port
from simulators.servers.process import Children, wait_until

USERS = {accounts.GATEWAY: "g-secret", "bin-001": "one", "bin-002": "two"}
UP = "huishou/1/bin-001/up/records"
WITHOUT_MOSQUITTO = {"PATH": "/nonexistent"}


@pytest.fixture
def children() -> Iterator[Children]:
    with Children() as running:
        yield running


@pytest.fixture(params=["mosquitto", "amqtt"])
def broker(request: pytest.FixtureRequest, tmp_path: Path, children: Children) -> Broker:
    made = Broker(tmp_path, children, USERS, kind=request.param)
    assert made.kind == request.param
    made.start()
    return made


class Client:
    """A paho client with its network loop, and what it has received."""

    def __init__(self, broker: Broker, user: str, *, persistent: bool = False) -> None:
        self.received: list[bytes] = []
        self._connected = False
        self._reasons: list[str] = []  # shown by pytest when something fails
        self._subscribed: list[int] = []
        self.paho = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=f"test-{user}", clean_session=not persistent
        )
        self.paho.username_pw_set(user, USERS[user])
        self.paho.on_message = lambda _c, _u, message: self.received.append(bytes(message.payload))
        self.paho.on_connect = self._on_connect
        self.paho.on_disconnect = lambda _c, _u, _f, reason, _p: self._reasons.append(str(reason))
        self.paho.on_subscribe = lambda _c, _u, _m, codes, _p: self._subscribed.extend(c.value for c in codes)
        self.paho.connect(broker.host, broker.port)
        self.paho.loop_start()
        assert wait_until(lambda: self._connected, 10)

    def _on_connect(self, *args: Any) -> None:
        reason = args[3]
        self._reasons.append(f"connected: {reason}")
        self._connected = not reason.is_failure

    def subscribe(self, topic_filter: str) -> None:
        before = len(self._subscribed)
        self.paho.subscribe(topic_filter, qos=1)
        assert wait_until(lambda: len(self._subscribed) > before, 10)

    def publish(self, topic: str, payload: bytes) -> None:
        """Return when the broker has acknowledged it."""
        message = self.paho.publish(topic, payload, qos=1)
        assert message.rc == mqtt.MQTT_ERR_SUCCESS, self._reasons
        message.wait_for_publish(10)

    def close(self) -> None:
        self.paho.disconnect()
        self.paho.loop_stop()


def test_a_wrong_password_and_an_unknown_user_stay_out(broker: Broker) -> None:
    assert can_connect(broker.host, broker.port, "bin-001", "one")
    assert not can_connect(broker.host, broker.port, "bin-001", "two")
    assert not can_connect(broker.host, broker.port, "bin-009", "one")


def test_what_a_device_sends_reaches_the_gateway_and_no_other_device(broker: Broker) -> None:
    gateway, device, other = (Client(broker, user) for user in (accounts.GATEWAY, "bin-001", "bin-002"))
    gateway.subscribe("huishou/1/+/up/#")
    device.subscribe("huishou/1/bin-001/down/#")
    device.publish(UP, b"mine")
    other.publish("huishou/1/bin-002/up/records", b"theirs")
    gateway.publish("huishou/1/bin-001/down/ack", b"ack")
    assert wait_until(lambda: len(gateway.received) >= 2 and bool(device.received), 10)
    for client in (gateway, device, other):
        client.close()
    assert sorted(gateway.received) == [b"mine", b"theirs"]
    assert (device.received, other.received) == ([b"ack"], [])


def test_a_device_cannot_speak_for_another(broker: Broker) -> None:
    gateway, forger, owner = (Client(broker, user) for user in (accounts.GATEWAY, "bin-001", "bin-002"))
    gateway.subscribe("huishou/1/+/up/#")
    # The broker may acknowledge a forbidden message or close the connection (MQTT 3.1.1, 3.3.5-2).
    forger.paho.publish("huishou/1/bin-002/up/records", b"forged", qos=0)
    forger.close()
    owner.publish("huishou/1/bin-002/up/records", b"genuine")
    assert wait_until(lambda: b"genuine" in gateway.received, 10)
    gateway.close()
    owner.close()
    assert gateway.received == [b"genuine"]


def test_mosquitto_keeps_a_long_queue_for_an_absent_gateway_over_a_kill(
    tmp_path: Path, children: Children
) -> None:
    broker = Broker(tmp_path, children, USERS)
    broker.start()
    gateway = Client(broker, accounts.GATEWAY, persistent=True)
    gateway.subscribe("huishou/1/+/up/#")
    gateway.close()
    device = Client(broker, "bin-001")
    # Mosquitto's own default keeps 1000
    sent = [device.paho.publish(UP, b"%d" % number, qos=1) for number in range(1500)]
    for message in sent:
        message.wait_for_publish(20)
    device.close()
    database = tmp_path / "mosquitto.db"
    assert wait_until(lambda: database.exists() and database.stat().st_size > 1500 * 20, 20)

    assert broker.child is not None
    broker.child.kill()
    assert not broker.ready()
    broker.start()
    gateway = Client(broker, accounts.GATEWAY, persistent=True)
    assert wait_until(lambda: len(gateway.received) >= 1500, 20)
    gateway.close()
    assert [int(payload) for payload in gateway.received] == list(range(1500))


def test_a_second_start_in_the_same_directory_has_the_same_port(tmp_path: Path, children: Children) -> None:
    first = Broker(tmp_path, children, USERS)
    first.start()
    assert first.stop()
    second = Broker(tmp_path, children, USERS)
    second.start()
    assert second.port == first.port


def test_secrets_on_disk_are_for_their_owner_alone(tmp_path: Path, children: Children) -> None:
    Broker(tmp_path, children, USERS).start()
    for name in ("accounts.json", "passwords"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name
    assert "one" not in (tmp_path / "passwords").read_text().split(":")


def test_a_port_that_another_program_has_is_not_mistaken_for_ours(tmp_path: Path, children: Children) -> None:
    port = free_port()
    Broker(tmp_path / "a", children, USERS, port=port).start()
    with pytest.raises(ServerError, match=str(port)) as caught:
        Broker(tmp_path / "b", children, USERS, port=port).start()
    assert caught.value.code == "port-taken"


def test_a_broker_that_cannot_start_says_why(tmp_path: Path, children: Children) -> None:
    (tmp_path / "mosquitto.db").write_bytes(b"not a database")
    with pytest.raises(ServerError, match="database") as caught:
        Broker(tmp_path, children, USERS).start()
    assert caught.value.code == "broker-no-start"


def test_a_configured_broker_is_used_and_not_started(
    broker: Broker, tmp_path: Path, children: Children
) -> None:
    env = {**os.environ, "HUISHOU_BROKER": f"{broker.host}:{broker.port}"}
    used = Broker(tmp_path / "used", children, USERS, env=env)
    used.start()
    assert (used.kind, used.child) == ("configured", None)
    with pytest.raises(ServerError) as caught:
        Broker(tmp_path / "used", children, USERS, env={"HUISHOU_BROKER": "somewhere"})
    assert caught.value.code == "broker-address"


LEVEL = st.sampled_from(["a", "b", "+"])


@given(
    st.lists(LEVEL, min_size=1, max_size=4),
    st.lists(st.sampled_from("ab"), min_size=1, max_size=4),
    st.booleans(),
)
def test_topic_filters_match_as_paho_says(
    levels: list[str], topic: list[str], everything_below: bool
) -> None:
    pattern = "/".join(levels) + ("/#" if everything_below else "")
    assert accounts.matches(pattern, "/".join(topic)) == mqtt.topic_matches_sub(pattern, "/".join(topic))
