"""What survives deep sleep and a reset, not a power cut: a small JSON object in RTC memory, with a CRC.

A brown-out is a power-on whose RTC memory may still stand, while the clock beside it has begun anew. So what
is found after any power-on is only looked at (`survived`), never gone on with.
"""

import json
from binascii import crc32
from struct import pack, unpack_from

import machine

if False:  # for types
    from typing import Any

_ROOM = 2048 - 4
_DROPPED_FIRST = "tokens refused thin rssi known fill diag why"
_DROPPED_LAST = "source synced_ms base sent boots failed"


class Keep:
    """`data` is read once at boot ({} after a power cut or when damaged) and written back by `save`.

    Keys: `source`, `synced_ms` (clock), `base` (first record of this time base), `sent` (newest record sent),
    `faults` (raised now, as "part code"), `known_ms` (newest trusted time in the log when power came on; 0:
    none), `why` (breadcrumb of a planned reset), `doing` (a call that has not returned), `mv` (battery when
    last measured), `boots` and `failed` (boots since the first, and failed ones in a row), and the app's own.
    """

    def __init__(self) -> None:
        self._rtc = machine.RTC()
        self.data = self._read()
        self.survived: "dict[str, Any]" = {}
        if machine.reset_cause() == machine.PWRON_RESET:
            self.survived, self.data = self.data, {}
        self.fresh = not self.data

    def _read(self) -> "dict[str, Any]":
        raw = bytes(self._rtc.memory())
        if len(raw) <= 4 or unpack_from("<I", raw, 0)[0] != crc32(raw[4:]):
            return {}
        return json.loads(raw[4:])

    def doing(self, what: str) -> None:
        """A call begins that may never return ("" when it has): should the chip be reset out of it, the cause
        is known.
        """
        self.data["doing"] = what
        self.save()

    def save(self) -> None:
        """Write `data` back; as much of it as there is room for."""
        text = self._text()
        if len(text) > _ROOM:
            text = self._cut(text)
        self._rtc.memory(pack("<I", crc32(text)) + text)

    def _cut(self, text: bytes) -> bytes:
        """What does not fit is left out, the least important first: counts and what can be found out again;
        and at the very last all but the clock's and the log's marks.
        """
        for name in _DROPPED_FIRST.split():
            if len(text) > _ROOM:
                self.data.pop(name, None)
                text = self._text()
        if len(text) > _ROOM:  # cannot happen by design (faults are few)
            for name in list(self.data):
                if name not in _DROPPED_LAST.split():
                    self.data.pop(name)
            text = self._text()
        return text

    def _text(self) -> bytes:
        return json.dumps(self.data, separators=(",", ":")).encode()
