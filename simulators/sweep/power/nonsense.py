"""What a broken or hostile broker may say to a device: MQTT with bad bodies, and bytes that are none."""

import json
import random
from typing import Any

_NUMBERS = (
    "1e999",
    "-1e999",
    "-1",
    "0",
    "1.5",
    "4294967295",
    "99999999999999999999",
    '"7"',
    "null",
    "[]",
    "true",
    "{}",
)
_VALUES: tuple[Any, ...] = (None, True, -1, 0, 2**31, 2**63, 1.5, "", "x", "\x00", [], {}, [[]], {"a": None})
_BODIES = (
    *(b"", b" ", b"null", b"0", b"[]", b'""', b"{", b"{}", b"[[[[[[[[", b"\xff\xfe", b"nan", b"Infinity"),
    *(b'{"v":1}', b'{"id":1}', b'{"id":null,"name":[]}', b'{"rev":1e999,"config":{}}', b"{1:2}", b"[" * 300),
)
GARBAGE = (
    b"\x00\x00",
    b"\xff\xff\xff\xff\xff",
    b"\x32\xff\xff\xff\x7f",
    b"\x20\x02\x00\x00",
    b"\x36\x04\x00\x01a\x00",
    b"\x30\x02\x00\x09",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
)
"""Bytes after which the device must end the connection, or wait no longer than its deadlines."""


def nonsense(rng: random.Random, device: str, ack: bytes) -> tuple[str, bytes]:
    """A topic of the device's and a body that no gateway would send. `ack`: a true `down/ack` to spoil."""
    channel = rng.choice(("ack", "ack", "commands", "desired", "else"))
    topic = f"huishou/1/{device}/down/{channel}"
    if channel == "ack" and rng.random() < 0.6:
        return topic, _spoilt(rng, ack)
    if channel in ("commands", "desired") and rng.random() < 0.6:
        fields = {"v": 1, "id": "c-1", "name": "unlock", "args": {}, "exp": 2**53 - 1, "rev": 9, "config": {}}
        body = {**fields, "mac": "0" * 64, rng.choice(list(fields)): rng.choice(_VALUES)}
        return topic, json.dumps(body).encode()
    return topic, rng.choice(_BODIES)


def _spoilt(rng: random.Random, ack: bytes) -> bytes:
    """The acknowledgement with another number, of another log, or cut short."""
    body = json.loads(ack)
    log = body.get("log", "00000000")
    seq = rng.choice((str(body.get("seq", 0)), rng.choice(_NUMBERS), rng.choice(_NUMBERS)))
    text = f'{{"v":1,"log":"{rng.choice((log, log, "00000000"))}","seq":{seq}}}'.encode()
    return text[: rng.randrange(len(text))] if rng.random() < 0.2 else text
