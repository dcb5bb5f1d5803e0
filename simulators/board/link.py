"""The frames between a simulated chip and its host; the other end is `vm/_hw.py`.

Little-endian `u16 length`, then that many bytes; one `write` a frame. From the chip: `u8 type`, `i64 now`,
body:

    type      body                                            answered
    B boot    -                                               with a boot frame, once the chip is awake
    T time    -                                               yes: the horizon is reached
    P pin     u8 pin, u8 level                                yes
    U uart    u8 uart, bytes                                  yes
    A adc     u8 pin                                          yes, result = millivolt
    N network -                                               yes, result = 0 or 1
    W radio   'r' on, 'a' off                                 yes
    E erase   u16 block, partition label                      yes, before the sector is erased
    K socket  u8 what, u16 socket, u16 port, bytes            yes
    S sleep   i64 until, i64 rtc zero, u8 n, n * (pin, level), RTC memory   no: a boot frame when it wakes
    R reset   u8 cause, i64 rtc zero, RTC memory              no
    C cut     text: what the planned power cut tore           no
    V misuse  u8 0: a flash write tried to set a cleared bit  no
    H halt    text: the firmware ended, the prompt is there   no

To the chip: 'r' (answer) or 'p' (pushed): `i64 horizon`, `i64 result`, stimuli; or 'B': `i64 now`, `i64 rtc
zero`, `u16 size` of the RTC memory, `u16 size` of the boot document, both, `i64 horizon`, stimuli. All times
in microseconds.
"""

import json
import struct
from typing import Any, NamedTuple

from simulators.scene import CONVERTER_FAULTS, BridgeSignal, BrownOut, PinLevel, PowerCut, Stimulus, UartBytes

FOREVER = 1 << 61
CUT = b"x"
CONSOLE = b"c"
DIP = b"y"

_HEAD = struct.Struct("<HBq")
_ANSWER = struct.Struct("<HBqq")


class Frame(NamedTuple):
    """One frame from the chip. `kind` is the type's letter."""

    kind: str
    now_us: int
    body: bytes


def decode(payload: bytes) -> Frame:
    """A frame's payload (without its length). Raises ValueError when it is none."""
    if len(payload) < 9:
        raise ValueError(f"frame of {len(payload)} bytes: expected a type and a time")
    return Frame(chr(payload[0]), struct.unpack_from("<q", payload, 1)[0], payload[9:])


def answer(horizon_us: int, result: int, stimuli: bytes, *, pushed: bool = False) -> bytes:
    """An answer, or (pushed) stimuli that nobody asked for."""
    return _ANSWER.pack(17 + len(stimuli), 112 if pushed else 114, horizon_us, result) + stimuli


def boot(
    now_us: int, rtc_zero_us: int, memory: bytes, document: dict[str, Any], horizon_us: int, stimuli: bytes
) -> bytes:
    """The frame that starts a boot: what survived, why the chip starts, and the state of every input."""
    text = json.dumps(document, separators=(",", ":")).encode()
    payload = struct.pack("<BqqHH", 66, now_us, rtc_zero_us, len(memory), len(text)) + memory + text
    payload += struct.pack("<q", horizon_us) + stimuli
    return struct.pack("<H", len(payload)) + payload


def stimulus(s: Stimulus) -> bytes:
    """A stimulus as bytes; UART bytes of any length are split as the frame needs."""
    match s:
        case PinLevel(pin, level):
            return bytes((112, pin, level))
        case BridgeSignal(pin, nanovolt, noise, fault, every):
            wrong = CONVERTER_FAULTS.index(fault)
            return struct.pack("<BBBqIBI", 98, pin, nanovolt is not None, nanovolt or 0, noise, wrong, every)
        case UartBytes(uart, data):
            return b"".join(
                struct.pack("<BBH", 117, uart, len(part)) + part
                for part in (data[i : i + 4096] for i in range(0, len(data), 4096))
            )
        case PowerCut():
            return CUT
        case BrownOut():
            return DIP


def socket_event(socket: int, what: str, data: bytes = b"") -> bytes:
    """What happens to a virtual socket: `o` opened, `d` data, `e` peer closed, `f` failed (data: error
    number)."""
    return struct.pack("<BHBH", 110, socket, ord(what), len(data)) + data
