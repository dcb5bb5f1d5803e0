"""The broker and gateway of virtual time, the time server, the fences file."""

import asyncio
import json
import socket
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.fences import FencesError, check_fences, read_fences
from simulators.peers import ntp
from simulators.peers.cloud import Cloud, Connection

ACK = "huishou/1/bin-1/down/+"


def text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(2) + data


def packet(head: int, body: bytes) -> bytes:
    length, size = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        size += bytes((digit | (128 if length else 0),))
        if not length:
            return bytes((head,)) + size + body


def connect(client: str = "bin-1", *, clean: bool = False) -> bytes:
    return packet(0x10, text("MQTT") + bytes((4, 2 if clean else 0, 0, 60)) + text(client))


def subscribe(topic: str = ACK) -> bytes:
    return packet(0x82, b"\0\1" + text(topic) + b"\1")


def records(first: int, numbers: list[int], packet_id: int = 9) -> bytes:
    body = json.dumps(
        {"v": 1, "log": "0a0b0c0d", "first": first, "sent": 0, "recs": [{"seq": n} for n in numbers]}
    )
    return packet(0x32, text("huishou/1/bin-1/up/records") + packet_id.to_bytes(2) + body.encode())


def open_session(cloud: Cloud) -> Connection:
    connection = cloud.connection()
    assert connection.received(0, connect())[:2] == b"\x20\x02"
    assert connection.received(0, subscribe()) == b"\x90\x03\0\1\1"
    return connection


def acknowledged(answer: bytes) -> int:
    at = answer.index(b"{")
    return int(json.loads(answer[at:])["seq"])


def test_records_are_acknowledged_by_puback_and_by_the_gateways_word() -> None:
    answer = open_session(Cloud()).received(0, records(1, [1, 2, 3]))
    assert answer[:4] == b"\x40\x02\0\x09"
    assert b"huishou/1/bin-1/down/ack" in answer
    assert acknowledged(answer) == 3


def test_nothing_above_a_gap_is_acknowledged_until_it_is_filled() -> None:
    connection = open_session(Cloud())
    assert acknowledged(connection.received(0, records(1, [1, 2, 5, 6]))) == 2
    assert acknowledged(connection.received(0, records(1, [3, 4]))) == 4
    assert acknowledged(connection.received(0, records(1, [5, 6]))) == 6


def test_what_the_device_declares_lost_is_not_waited_for() -> None:
    connection = open_session(Cloud())
    connection.received(0, records(1, [1]))
    assert acknowledged(connection.received(0, records(10, [10, 11]))) == 11


def test_sessions_and_marks_outlive_connection_and_save() -> None:
    cloud = Cloud()
    open_session(cloud).received(0, records(1, [1, 2]))
    again = Cloud.load(json.loads(json.dumps(cloud.save())))
    connection = again.connection()
    assert connection.received(0, connect()) == b"\x20\x02\x01\x00", "session present"
    assert acknowledged(connection.received(0, records(1, [2, 3]))) == 3


def test_without_a_subscription_there_is_only_the_puback() -> None:
    connection = Cloud().connection()
    connection.received(0, connect(clean=True))
    assert connection.received(0, records(1, [1])) == b"\x40\x02\0\x09"


@given(st.binary(max_size=300), st.integers(1, 50))
def test_garbage_closes_or_waits_and_never_raises(data: bytes, size: int) -> None:
    connection = Cloud().connection()
    for at in range(0, len(data), size):
        connection.received(0, data[at : at + size])


@given(st.lists(st.integers(1, 40), max_size=8))
def test_any_fragmentation_gives_the_same_answer(cuts: list[int]) -> None:
    stream = connect() + subscribe() + records(1, [1, 2]) + b"\xc0\0"
    whole = Cloud().connection().received(0, stream)
    connection, answer, rest = Cloud().connection(), b"", stream
    for cut in cuts:
        answer += connection.received(0, rest[:cut])
        rest = rest[cut:]
    assert answer + connection.received(0, rest) == whole


def test_the_time_server_answers_over_udp_and_ignores_the_rest() -> None:
    async def ask() -> bytes:
        server, port = await ntp.serve()
        try:
            return await asyncio.to_thread(query, port)
        finally:
            server.close()

    def query(port: int) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(5)
            s.sendto(b"noise", ("127.0.0.1", port))
            s.sendto(b"\x23" + bytes(39) + b"originat", ("127.0.0.1", port))
            return s.recv(100)

    answer = asyncio.run(ask())
    assert answer[0] & 7 == 4
    assert answer[24:32] == b"originat"
    assert abs(struct.unpack_from(">I", answer, 40)[0] - 2_208_988_800 - time.time()) < 2


def polygon(**changes: Any) -> dict[str, Any]:
    ring = [[117.1, 39.1], [117.2, 39.1], [117.2, 39.2], [117.1, 39.1]]
    feature = {
        "type": "Feature",
        "properties": {"id": "yard", "door": "inside-only"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return {"type": "FeatureCollection", "features": [feature | changes]}


def test_a_good_fences_file_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "f.geojson"
    file.write_text(json.dumps(polygon()), encoding="utf-8")
    assert read_fences(file) == polygon()


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "FeatureCollection"),
        ({"type": "Feature"}, "FeatureCollection"),
        (polygon(type="Thing"), '"type": "Feature"'),
        (polygon(properties=None), "`id`"),
        (polygon(properties={"id": "a", "door": "open"}), "inside-only or never-inside"),
        (polygon(geometry={"type": "Point", "coordinates": [1, 2]}), "expected a Polygon"),
        (polygon(geometry={"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [1, 2]]]}), "four positions"),
        (
            polygon(geometry={"type": "Polygon", "coordinates": [[[1, 2], [3, 4], [5, 6], [7, 8]]]}),
            "end where it",
        ),
        (
            polygon(geometry={"type": "Polygon", "coordinates": [[[200, 2], [3, 4], [5, 6], [200, 2]]]}),
            "longitude",
        ),
        ({"type": "FeatureCollection", "features": polygon()["features"] * 2}, "twice"),
    ],
)
def test_a_bad_fences_file_is_explained(document: object, says: str) -> None:
    with pytest.raises(FencesError, match=says):
        check_fences(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@given(json_values, json_values, json_values)
def test_no_document_makes_the_check_stumble(
    properties: object, geometry: object, coordinates: object
) -> None:
    for document in (
        properties,
        polygon(properties=properties),
        polygon(geometry=geometry),
        polygon(geometry={"type": "Polygon", "coordinates": coordinates}),
    ):
        try:
            check_fences(document)
        except FencesError:
            continue
