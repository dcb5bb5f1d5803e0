"""A device's black box, as its answer to the command `events` carries it: 24 bytes an event, in base 64.

    u32 time (s since 1970 UTC, 0: not known), u16 boot, u8 code, u8 clock, 16 bytes of detail

Little endian. The codes stand in `schemas/events.json`, in the order of their numbers.
"""

import json
import struct
from base64 import b64decode
from functools import cache
from importlib import resources
from typing import NamedTuple

_EVENT = struct.Struct("<IHBB16s")
_CLOCKS = ("none", "back", "rtc", "ntp", "gnss")


class Event(NamedTuple):
    """What a device noted. `boot` counts its starts, modulo 65536."""

    t_s: int
    boot: int
    code: str
    clock: str
    detail: str


@cache
def codes() -> tuple[str, ...]:
    """Every code by its number."""
    text = resources.files("schemas").joinpath("events.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


def decode(text: str) -> list[Event]:
    """The events, the newest last. Raises ValueError when this is no black box."""
    data = b64decode(text, validate=True)
    if len(data) % _EVENT.size:
        raise ValueError(f"{len(data)} bytes are no whole number of events of {_EVENT.size}")
    return [_event(*fields) for fields in _EVENT.iter_unpack(data)]


def _event(t_s: int, boot: int, code: int, clock: int, detail: bytes) -> Event:
    name = codes()[code] if code < len(codes()) else f"code-{code}"  # a newer firmware's
    source = _CLOCKS[clock] if clock < len(_CLOCKS) else "none"
    words = detail.rstrip(b"\0").decode(errors="ignore")
    return Event(t_s, boot, name, source, words)
