"""The MQTT session without I/O: bytes however they are cut, any garbage, and a real Mosquitto."""

import socket
from typing import Any

import pytest
from edge.errors import EdgeError
from edge.link.mqtt import MAX_PACKET, ROOM, WAITING, Session
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
    st.just((b"\xd0\x00", ("pong",))),
    st.tuples(st.integers(1, 65535), st.sampled_from([0, 1, 128])).map(
        lambda s: (b"\x90\x03" + s[0].to_bytes(2, "big") + bytes([s[1]]), ("suback", s[0], [s[1]]))
    ),
)


def opened(present: bool = False) -> Session:
    """A session whose CONNACK is there."""
    session = Session("bin-001")
    session.connect("bin-001", "secret", 60, ("up/state", b"{}"))
    assert list(session.feed(bytes([0x20, 2, present, 0]))) == [("connack", present)]
    return session


def fed(session: Session, data: bytes, cuts: list[int]) -> tuple[list[Any], str]:
    """What a session makes of bytes that come in pieces of these lengths, again and again: events, error."""
    events, at, turn = [], 0, 0
    try:
        while at < len(data):
            size = cuts[turn % len(cuts)]
            for event in session.feed(data[at : at + size]):
                events.append(event)  # noqa: PERF402 (what came before an error counts)
            at += size
            turn += 1
    except EdgeError as error:
        return events, error.code
    return events, ""


CUTS = st.lists(st.integers(1, 50), min_size=1, max_size=5)


@given(st.lists(EVENTS, max_size=8), st.booleans(), CUTS)
def test_packets_become_events_in_any_legal_order_however_the_bytes_are_cut(
    packets: list[tuple[bytes, Any]], present: bool, cuts: list[int]
) -> None:
    session = Session("bin-001")
    session.connect("bin-001", "secret", 60, ("up/state", b"{}"))
    data = bytes([0x20, 2, present, 0]) + b"".join(wire for wire, _event in packets)
    events, error = fed(session, data, cuts)
    assert error == ""
    assert events == [("connack", present)] + [event for _wire, event in packets]


@given(st.lists(EVENTS, max_size=3), st.binary(min_size=1, max_size=100), CUTS)
def test_garbage_is_refused_by_name_and_what_came_before_it_counts_however_it_is_cut(
    packets: list[tuple[bytes, Any]], noise: bytes, cuts: list[int]
) -> None:
    data = b"".join(wire for wire, _event in packets) + noise
    events, error = fed(opened(), data, cuts)
    assert events[: len(packets)] == [event for _wire, event in packets]
    assert error in ("", "mqtt-protocol", "mqtt-oversize", "mqtt-refused")
    assert fed(opened(), data, [len(data)]) == (events, error)


@given(st.binary(max_size=100))
def test_nothing_is_believed_before_connack(noise: bytes) -> None:
    session = Session("bin-001")
    session.connect("bin-001", "secret", 60, ("up/state", b"{}"))
    events, _error = fed(session, noise, [len(noise) or 1])
    assert not events or events[0][0] == "connack"


@pytest.mark.parametrize("first", [b"\x40\x02\x00\x01", b"\xd0\x00", publish("t", b"x", 1)])
def test_another_packet_before_connack_breaks_the_protocol(first: bytes) -> None:
    session = Session("bin-001")
    session.connect("bin-001", "secret", 60, ("up/state", b"{}"))
    assert fed(session, first, [100]) == ([], "mqtt-protocol")


def test_a_second_connack_breaks_the_protocol_and_a_new_connection_begins_anew() -> None:
    session = opened()
    assert fed(session, CONNACK, [4]) == ([], "mqtt-protocol")
    session.feed(b"\x32\x50half")  # half a packet of the old connection is forgotten
    session.connect("bin-001", "secret", 60, ("up/state", b"{}"))
    assert fed(session, CONNACK, [1]) == ([("connack", False)], "")


def test_a_packet_larger_than_the_contract_allows_is_refused_before_it_is_buffered() -> None:
    with pytest.raises(EdgeError, match="mqtt-oversize"):
        list(opened().feed(packet(0x30, b"x" * (MAX_PACKET + 1))[:5]))


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 200])
def test_a_refused_connection_is_named(code: int) -> None:
    with pytest.raises(EdgeError, match="mqtt-refused"):
        list(Session("bin-001").feed(bytes([0x20, 2, 0, code])))


def test_a_packet_id_is_not_used_again_before_its_puback_and_ids_are_bounded() -> None:
    session = opened()
    used = [session.publish("t", b"")[0] for _ in range(WAITING)]
    assert len(set(used)) == WAITING
    with pytest.raises(EdgeError, match="mqtt-no-packet-id"):
        session.publish("t", b"")
    list(session.feed(b"\x40\x02" + used[5].to_bytes(2, "big")))
    assert session.publish("t", b"")[0] not in used
    for _ in range(70_000):  # ids go round, past those that are still out
        list(session.feed(b"\x40\x02" + used[6].to_bytes(2, "big")))
        used[6] = session.publish("t", b"")[0]
        assert 1 <= used[6] <= 65535
        assert used[6] not in used[7:]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    session = opened()
    numbers = [session.publish("up/replies", b"{}", keep=True)[0] for _ in range(ROOM)]
    assert session.room == 0
    with pytest.raises(EdgeError, match="mqtt-full"):
        session.publish("up/replies", b"{}", keep=True)
    list(session.feed(b"\x40\x02" + numbers[0].to_bytes(2, "big")))
    assert session.room == 1


def test_what_is_kept_goes_again_in_the_order_first_sent_also_when_ids_went_round() -> None:
    session = opened()
    session._next_id = 65533
    sent = [session.publish("up/replies", b"%d" % n, keep=True) for n in range(4)]
    assert [number for number, _wire in sent] == [65534, 65535, 1, 2]
    again = session.resend()
    assert again == [bytes([wire[0] | 0x08]) + wire[1:] for _number, wire in sent]


def test_a_connection_without_a_password_does_not_announce_one() -> None:
    session = Session("bin-001")
    assert session.connect("bin-001", "", 60, ("up/state", b"{}"))[9] & 0x40 == 0
    assert session.connect("bin-001", "x", 60, ("up/state", b"{}"))[9] & 0x40


def test_what_is_kept_is_sent_again_with_dup_until_its_puback() -> None:
    session = opened()
    number, wire = session.publish("up/replies", b"{}", keep=True)
    session.publish("up/records", b"{}")
    session.connect("bin-001", "secret", 60, ("up/state", b"{}"))
    assert session.resend() == [bytes([wire[0] | 0x08]) + wire[1:]]
    assert list(session.feed(CONNACK + b"\x40\x02" + number.to_bytes(2, "big")))[1] == ("puback", number)
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
            seen = list(other.feed(gateway.recv(100)))
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
