"""The MQTT session without I/O: bytes however they are cut, any garbage, and a real Mosquitto."""

import socket
from typing import Any

import pytest
from edge.errors import EdgeError
from edge.link.mqtt import MAX_PACKET, Session
from hypothesis import given
from hypothesis import strategies as st

from simulators.servers.broker import Broker
from tests.conftest import password

CONNACK = b"\x20\x02\x00\x00"


def packet(head: int, body: bytes) -> bytes:
    size, length = b"", len(body)
    while True:
        length, digit = divmod(length, 128)
        size += bytes([digit | (128 if length else 0)])
        if not length:
            return bytes([head]) + size + body


def publish(topic: str, payload: bytes, number: int) -> bytes:
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name
    return packet(0x32 if number else 0x30, body + (number.to_bytes(2, "big") if number else b"") + payload)


EVENTS = st.one_of(
    st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=400), st.integers(0, 65535)).map(
        lambda m: (publish(*m), ("message", *m))
    ),
    st.integers(1, 65535).map(lambda n: (b"\x40\x02" + n.to_bytes(2, "big"), ("puback", n))),
    st.booleans().map(lambda present: (bytes([0x20, 2, present, 0]), ("connack", present))),
    st.just((b"\xd0\x00", ("pong",))),
    st.tuples(st.integers(1, 65535), st.sampled_from([0, 1, 128])).map(
        lambda s: (b"\x90\x03" + s[0].to_bytes(2, "big") + bytes([s[1]]), ("suback", s[0], [s[1]]))
    ),
)


@given(st.lists(EVENTS, max_size=8), st.integers(1, 50))
def test_packets_become_events_however_the_bytes_are_cut(
    packets: list[tuple[bytes, Any]], chunk: int
) -> None:
    session = Session("bin-001")
    data = b"".join(wire for wire, _event in packets)
    events = []
    for at in range(0, len(data), chunk):
        events += session.feed(data[at : at + chunk])
    assert events == [event for _wire, event in packets]


@given(st.binary(max_size=100))
def test_garbage_is_refused_by_name_or_waits_for_more(noise: bytes) -> None:
    try:
        Session("bin-001").feed(noise)
    except EdgeError as error:
        assert error.code in ("mqtt-protocol", "mqtt-oversize", "mqtt-refused")  # noqa: PT017


def test_a_packet_larger_than_the_contract_allows_is_refused_before_it_is_buffered() -> None:
    with pytest.raises(EdgeError, match="mqtt-oversize"):
        Session("bin-001").feed(packet(0x30, b"x" * (MAX_PACKET + 1))[:5])


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 200])
def test_a_refused_connection_is_named(code: int) -> None:
    with pytest.raises(EdgeError, match="mqtt-refused"):
        Session("bin-001").feed(bytes([0x20, 2, 0, code]))


def test_a_packet_id_is_not_used_again_before_its_puback() -> None:
    session = Session("bin-001")
    used = [session.publish("t", b"")[0] for _ in range(65535)]
    assert sorted(used) == list(range(1, 65536))
    with pytest.raises(EdgeError, match="mqtt-no-packet-id"):
        session.publish("t", b"")
    session.feed(b"\x40\x02" + (4711).to_bytes(2, "big"))
    assert session.publish("t", b"")[0] == 4711


def test_what_is_kept_is_sent_again_with_dup_until_its_puback() -> None:
    session = Session("bin-001")
    number, wire = session.publish("up/replies", b"{}", keep=True)
    session.publish("up/records", b"{}")
    session.connect("bin-001", "secret", 60, ("up/state", b"{}"))
    assert session.resend() == [bytes([wire[0] | 0x08]) + wire[1:]]
    session.feed(b"\x40\x02" + number.to_bytes(2, "big"))
    assert session.resend() == []


class Wire:
    """A session on a real socket, blocking: what is under test is the session."""

    def __init__(self, port: int, session: Session, clean: bool = False) -> None:
        self.session = session
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        will = ("huishou/1/bin-001/up/state", b'{"v":1,"online":false}')
        self.send(session.connect("bin-001", password("bin-001"), 60, will, clean))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, kind: str) -> list[tuple[Any, ...]]:
        events: list[tuple[Any, ...]] = []
        while not any(event[0] == kind for event in events):
            data = self.socket.recv(4096)
            assert data, "the broker closed the connection"
            events += self.session.feed(data)
        return events


def test_a_session_with_a_real_broker_is_resumed_and_nothing_is_lost(mosquitto: Broker) -> None:
    session = Session("bin-001")
    wire = Wire(mosquitto.port, session)
    assert wire.until("connack") == [("connack", False)]
    wire.send(session.subscribe("huishou/1/bin-001/down/+")[1])
    assert wire.until("suback")[0][2] == [1]
    number, data = session.publish("huishou/1/bin-001/up/records", b'{"v":1}')
    wire.send(data)
    assert wire.until("puback") == [("puback", number)]
    wire.send(session.ping())
    assert wire.until("pong") == [("pong",)]
    wire.socket.close()

    # While the device is away the gateway writes to it; the resumed session brings that, to the last byte.
    with socket.create_connection(("127.0.0.1", mosquitto.port), timeout=10) as gateway:
        other = Session("gateway-test")
        gateway.sendall(other.connect("gateway", password("gateway"), 60, ("x", b"")))
        seen: list[Any] = []
        while not seen:
            seen = other.feed(gateway.recv(100))
        gateway.sendall(other.publish("huishou/1/bin-001/down/ack", b'{"v":1,"seq":7}')[1])
        assert gateway.recv(100)
    wire = Wire(mosquitto.port, session)
    events = wire.until("message")
    assert events[0] == ("connack", True)
    assert events[1][:3] == ("message", "huishou/1/bin-001/down/ack", b'{"v":1,"seq":7}')
    wire.send(session.puback(events[1][3]) + session.disconnect())
    wire.socket.close()
    wire = Wire(mosquitto.port, session)
    assert wire.until("connack") == [("connack", True)]
    wire.send(session.ping())
    assert wire.until("pong") == [("pong",)], "an acknowledged message does not come again"
    wire.socket.close()
