"""What can be wrong with a modem, and what that does to the bytes that it says."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulators.world.modem import Modem

_SPOILT = 0.25  # share of the answers that a disturbed line hits


def _same(_modem: "Modem", answer: bytes) -> bytes:
    return answer


def _spoilt(modem: "Modem", answer: bytes) -> bytes:
    rng = modem.rng("garbled")
    if rng.random() > _SPOILT:
        return answer
    out = bytearray(answer)
    for _ in range(rng.randrange(1, 4)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


_RUDE = (
    b"",
    b"\r\nOK\r\n",
    b"\r\nERROR\r\n",
    b"\r\n+CME ERROR: 3\r\n",
    b"\r\nCONNECT\r\n",
    b"\r\nNO CARRIER\r\n",
    b"\r\nRDY\r\n",
    b"+CEREG: 0,1,",
    b"\r\n+CPIN: \r\n",
    b"\r\n+CSQ: ,\r\n",
    b"\x00\xff\xfe",
    b"~" * 40,
    b"A" * 5_000,
)
"""What no modem should say, and some do."""


def _rude(modem: "Modem", answer: bytes) -> bytes:
    rng = modem.rng("rude")
    if rng.random() < 0.7:
        return answer
    part = answer[: rng.randrange(len(answer) + 1)]
    said = (answer + answer, part, rng.choice(_RUDE), part + rng.choice(_RUDE), rng.randbytes(30))
    return rng.choice(said)


FAULTS: dict[str, Callable[[Any, Any], Any]] = {
    "silent": lambda _modem, _answer: b"",  # runs, and its UART is dead
    "hangs": _same,  # once: hears nothing any more, not even its key; only its supply helps
    "hang-in-data": _same,  # so, after 20 s of data
    "no-data": _same,  # once: PPP comes up and carries nothing, until the radio was off
    "no-ppp": _same,  # CONNECT, and then nothing
    "brown-out": _same,  # starts anew whenever it registers
    "sim-missing": _same,
    "sim-pin": _same,
    "sim-puk": _same,
    "sim-dead": _same,
    "no-signal": _same,
    "searching": _same,
    "denied": _same,
    "apn": _same,  # the network refuses the access point name
    "garbled": _spoilt,
    "rude": _rude,  # three answers in ten are anything
    "chatty": _same,  # unsolicited lines between everything
    "slow": _same,  # boots for 9 s, answers after 250 ms
}
"""By name. They act on bytes that go to the unit; those that are `_same` are acted upon by the modem."""
