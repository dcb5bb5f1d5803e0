"""The receive codec and the session above it, fed by a broker that sends anything, in any pieces."""

import struct
from functools import partial

import msgspec

from gateway.config import MqttConfig
from gateway.intake import wire
from gateway.intake.outbox import Outbox
from gateway.intake.session import Session, SessionError
from tests.fuzz.target import Target, require, require_code

_MEMORY = wire.KEEP_BYTES + 8192  # a packet's kept part and one read
_PAYLOAD = b'{"v":1,"log":"5eed0042","first":1,"sent":1,"recs":[]}'


def stream(data: bytes, level: int) -> None:
    """The first two bytes choose the pieces in which the rest arrives; the result must not depend on them."""
    step = 1 + int.from_bytes(data[:2], "big") % 700
    data = data[2:]
    whole, pieces = wire.Reader(level), wire.Reader(level)
    one = _read(whole, [data])
    many = _read(pieces, [data[at : at + step] for at in range(0, len(data), step)])
    require(one == many, "pieces and whole differ", step, one, many)
    for topic, packet, payload, size in one[0]:
        require(0 <= packet <= 0xFFFF and len(payload) <= size, "a message", packet, size)
        require(len(topic) + len(payload) <= _MEMORY, "unbounded message", len(topic), len(payload))


def _read(reader: wire.Reader, pieces: list[bytes]) -> tuple[list[wire.Publish], list[wire.Control], bool]:
    """What comes out, and whether it ended with a WireError (what came before it in its piece is lost)."""
    publishes: list[wire.Publish] = []
    controls: list[wire.Control] = []
    for piece in pieces:
        try:
            more = reader.feed(piece)
        except wire.WireError:
            return [], [], True
        publishes += more[0]
        controls += more[1]
    return publishes, controls, False


def session(data: bytes, protocol: str) -> None:
    """A connection: bytes with pauses between them; only SessionErrors with the codes of alarms."""
    config = msgspec.structs.replace(MqttConfig(), protocol=protocol)
    outbox = Outbox()
    outbox.offer("bin-001", "5eed0042", 7)
    link = Session(config, None, outbox, 0.0)
    now_s = 0.0
    try:
        for piece in data.split(b"\xfe\xfe"):
            publishes = link.feed(piece, now_s)
            link.acknowledge(packet for _, packet, _, _ in publishes if packet)
            link.pump()
            now_s += piece[0] if piece else 1
            link.tick(now_s)
            link.wrote(len(link.out), now_s)
            del link.out[:]
    except SessionError as error:
        require_code(error.code)


def _packets(level: int) -> list[bytes]:
    """What brokers send: one good packet of each type, alone and all together."""
    none = b"\0" if level == wire.V5 else b""
    long = wire.publish(level, 8, "huishou/1/bin-001/up/records", b"x" * 3000, again=True)
    kinds = [
        b"\x20" + bytes([2 + len(none)]) + b"\x01\x00" + none,
        b"\x90" + bytes([3 + len(none)]) + b"\xff\xff" + none + b"\x01",
        b"\x40\x02\x00\x01",
        b"\xd0\x00",
        wire.publish(level, 7, "huishou/1/bin-001/up/records", _PAYLOAD, again=False),
        b"\x30" + bytes([4 + len(none)]) + b"\x00\x01a" + none + b"!",
        long,
    ]
    if level == wire.V5:
        user = b"\x26\x00\x01k\x00\x01v" + b"\x23\x00\x05" + b"\x02" + struct.pack(">I", 60) + b"\x0b\x81\x01"
        body = b"\x00\x01t\x00\x07" + bytes([len(user)]) + user + b"payload"
        kinds += [b"\x32" + bytes([len(body)]) + body, b"\xe0\x02\x8e\x00"]
        kinds.append(b"\x20\x09\x00\x00\x06\x21\x00\x14\x13\x00\x3c")
    return [*kinds, b"".join(kinds), kinds[0] + kinds[1] + b"\xfe\xfe" + kinds[4]]


_WORDS = (
    b"\x20\x02\x00\x00",
    b"\x90\x03\xff\xff\x01",
    b"\x32\xff\xff\xff\x7f",
    b"\xff\xff\xff\xff",
    b"\xfe\xfe",
)

TARGETS = tuple(
    target
    for level, name in ((wire.V311, "3.1.1"), (wire.V5, "5"))
    for target in (
        Target(
            f"wire-{name}",
            partial(stream, level=level),
            lambda level=level: [b"\0\x05" + one for one in _packets(level)],  # type: ignore[misc]
            _WORDS,
            max_bytes=6000,
        ),
        Target(
            f"session-{name}",
            partial(session, protocol=name),
            lambda level=level: _packets(level),  # type: ignore[misc]
            _WORDS,
            max_bytes=6000,
        ),
    )
)
