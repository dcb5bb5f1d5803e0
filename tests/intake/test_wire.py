"""MQTT packets: whatever way a stream is cut, the same comes out; what breaks the protocol is one error."""

import contextlib
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.intake import wire
from gateway.intake.wire import V5, V311, Control, Publish, Reader, WireError


def packet(head: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while size >= 0x80:
        length += bytes((size & 0x7F | 0x80,))
        size >>= 7
    return bytes((head,)) + length + bytes((size,)) + body


def published(
    level: int, topic: bytes, id_: int, payload: bytes, head: int = 0x32, props: bytes = b"\0"
) -> bytes:
    number = struct.pack(">H", id_) if head & 6 else b""
    head_of_payload = props if level == V5 else b""
    return packet(head, struct.pack(">H", len(topic)) + topic + number + head_of_payload + payload)


def read(level: int, parts: Sequence[bytes]) -> tuple[list[Publish], list[Control]]:
    reader = Reader(level)
    publishes: list[Publish] = []
    controls: list[Control] = []
    for part in parts:
        some, others = reader.feed(part)
        publishes += some
        controls += others
    return publishes, controls


messages = st.tuples(
    st.binary(max_size=300),
    st.integers(1, 65535),
    st.binary(max_size=300) | st.integers(16_380, 140_000).map(lambda size: b"x" * size),
    st.sampled_from((0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B)),  # QoS 0 and 1, retained, DUP
)


@given(
    st.sampled_from((V311, V5)), st.lists(messages, max_size=6), st.lists(st.integers(1, 70_000), max_size=30)
)
@settings(deadline=None, max_examples=80)
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(
    level: int, sent: list[tuple[bytes, int, bytes, int]], cuts: list[int]
) -> None:
    stream = b"".join(published(level, topic, id_, payload, head) for topic, id_, payload, head in sent)
    parts, at = [], 0
    for cut in cuts:
        parts.append(stream[at : at + cut])
        at += cut
    parts.append(stream[at:])
    publishes, controls = read(level, parts)
    assert controls == []
    assert publishes == [
        (topic, id_ if head & 6 else 0, payload[:16_384], len(payload)) for topic, id_, payload, head in sent
    ]


def test_a_message_of_256_megabytes_is_passed_over_in_little_memory() -> None:
    reader = Reader()
    size = 268_435_455
    topic = b"huishou/1/bin-001/up/records"
    begin = b"\x32\xff\xff\xff\x7f" + struct.pack(">H", len(topic)) + topic + b"\0\x07"
    chunk = b"z" * (1 << 20)
    got, _ = reader.feed(begin + chunk)
    left = size - (len(begin) - 5) - len(chunk)
    while left > len(chunk):
        assert got == []
        got, _ = reader.feed(chunk)
        assert len(reader._rest) <= 2 * wire.KEEP_BYTES  # the bound is the point
        left -= len(chunk)
    got, _ = reader.feed(chunk[:left] + wire.pubacks([9]))
    assert [(topic_, id_, len(kept), true) for topic_, id_, kept, true in got] == [
        (topic, 7, 16_384, size - len(begin) + 5)
    ]


def test_a_publishers_endless_properties_do_not_end_the_reader() -> None:
    pair = b"\x26" + struct.pack(">H", 5) + b"nnnnn" + struct.pack(">H", 60_000) + b"v" * 60_000
    size = len(pair) * 5
    length = bytes((size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14))
    sent = published(V5, b"t", 5, b"{}", props=length + pair * 5)
    (after,), _ = read(V5, [published(V5, b"t", 6, b"{}")])
    publishes, _ = read(V5, [sent, published(V5, b"t", 6, b"{}")])
    assert publishes[0][:3] == (b"t", 5, b"")
    assert publishes[0][3] > 16_384, "more than the contract allows: it will be refused, with its true size"
    assert publishes[1] == after


@given(st.sampled_from((V311, V5)), st.lists(st.binary(max_size=200), max_size=5))
@settings(deadline=None, max_examples=400)
def test_no_bytes_raise_anything_but_the_one_error(level: int, parts: list[bytes]) -> None:
    with contextlib.suppress(WireError):
        read(level, parts)


kinds = st.sampled_from(
    (wire.CONNACK, wire.PUBACK, wire.SUBACK, wire.PINGRESP, wire.DISCONNECT, wire.PUBLISH)
)


@given(st.sampled_from((V311, V5)), kinds, st.integers(0, 15), st.binary(max_size=60))
@settings(deadline=None, max_examples=600)
def test_no_packet_of_a_known_type_raises_anything_but_the_one_error(
    level: int, kind: int, flags: int, body: bytes
) -> None:
    with contextlib.suppress(WireError):
        read(level, [packet(kind << 4 | flags, body)])


@pytest.mark.parametrize(
    ("level", "broken"),
    [
        (V311, b"\x32\xff\xff\xff\xff\x01"),  # a length of five bytes
        (V311, packet(0x34, b"\0\1t\0\1{}")),  # QoS 2, not subscribed to
        (V311, packet(0x36, b"\0\1t\0\1{}")),  # QoS 3
        (V311, packet(0x32, b"\0\x09t")),  # shorter than its topic
        (V311, packet(0x32, b"\0\1t\0\0{}")),  # packet id 0
        (V311, packet(0x32, b"")),
        (V311, packet(0x20, b"\0")),
        (V311, packet(0x10, b"\0" * 12)),  # CONNECT, from a broker
        (V311, packet(0x40, b"\0")),
        (V311, b"\x90\xff\xff\x7f" + b"\0" * 200_000),  # a SUBACK of 2 MB
        (V5, packet(0x32, b"\0\1t\0\1")),  # no properties
        (V5, packet(0x32, b"\0\1t\0\1\x05{}")),  # properties beyond its end
        (V5, packet(0x20, b"\0\0\x03\x99\0\0")),  # an unknown property
        (V5, packet(0x20, b"\0\0\x02\x21\0")),  # half a property
    ],
)
def test_what_breaks_the_protocol_is_said(level: int, broken: bytes) -> None:
    with pytest.raises(WireError):
        read(level, [broken])


@given(
    st.dictionaries(st.sampled_from(["ReceiveMaximum", "ServerKeepAlive"]), st.integers(1, 65535)),
    st.text(max_size=20),
)
def test_properties_are_read_as_paho_writes_them(numbers: dict[str, int], words: str) -> None:
    properties = Properties(PacketTypes.CONNACK)  # type: ignore[no-untyped-call]
    for name, value in numbers.items():
        setattr(properties, name, value)
    words = words.replace("\0", "")
    properties.ReasonString = words
    properties.UserProperty = [("a", "b"), ("c", "d")]
    _, (connack,) = read(V5, [packet(0x20, b"\1\0" + properties.pack())])  # type: ignore[no-untyped-call]
    assert connack.session_present
    assert connack.properties[wire.REASON_STRING] == words.encode()
    known = {"ReceiveMaximum": wire.RECEIVE_MAXIMUM, "ServerKeepAlive": wire.SERVER_KEEP_ALIVE}
    for name, value in numbers.items():
        assert connack.properties[known[name]] == value


def test_what_is_written_is_what_the_standard_says() -> None:
    # MQTT 3.1.1, 3.1: session kept (no clean-session flag), user name and password.
    assert wire.connect(V311, "g", 60, "u", "p", 9, 9) == bytes.fromhex("10130004") + b"MQTT" + bytes.fromhex(
        "04c0003c000167000175000170"
    )
    assert wire.connect(V311, "g", 60, None, None, 9, 9) == bytes.fromhex("100d00044d51545404 00003c000167")
    # MQTT 5, 3.1: clean start off; session expiry, receive maximum, maximum packet size.
    assert wire.connect(V5, "g", 60, None, None, 3600, 8000) == (
        bytes.fromhex("101b00044d515454 05 00 003c 0d 11 00000e10 21 1f40 27 00100000 0001 67")
    )
    assert wire.subscribe(V311, 0x1234, "a/#") == bytes.fromhex("8208 1234 0003 612f23 01")
    assert wire.subscribe(V5, 0x1234, "a/#") == bytes.fromhex("8209 1234 00 0003 612f23 01")
    assert wire.publish(V311, 1, "t", b"{}", again=False) == bytes.fromhex("3207 0001 74 0001 7b7d")
    assert wire.publish(V5, 1, "t", b"{}", again=True) == bytes.fromhex("3a08 0001 74 0001 00 7b7d")
    assert wire.pubacks([1, 0x0203, 65535]) == bytes.fromhex("40020001 40020203 4002ffff")
