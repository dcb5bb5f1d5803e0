"""What survives deep sleep and a planned reset, not a power cut: a small JSON object in RTC memory, with a
CRC.
"""

import json
from binascii import crc32
from struct import pack, unpack_from

import machine

_LIMIT = 2048


class Keep:
    """`data` is read once at boot ({} after a power cut or when damaged) and written back by `save`.

    Keys: `source`, `synced_ms` (clock), `base` (first record of this time base), `sent` (newest record sent),
    `faults` (raised now, as "part code"), `known_ms` (newest trusted time in the log when power came on; 0:
    none), `why` (breadcrumb of a planned reset), and the app's own.
    """

    def __init__(self) -> None:
        self._rtc = machine.RTC()
        self.data = {}
        raw = bytes(self._rtc.memory())
        if len(raw) > 4 and unpack_from("<I", raw, 0)[0] == crc32(raw[4:]):
            self.data = json.loads(raw[4:])
        self.fresh = not self.data

    def save(self) -> None:
        text = json.dumps(self.data).encode()
        if len(text) + 4 > _LIMIT:  # cannot happen by design (faults are few); lose comfort, not correctness
            self.data = {
                key: self.data[key] for key in ("source", "synced_ms", "base", "sent") if key in self.data
            }
            text = json.dumps(self.data).encode()
        self._rtc.memory(pack("<I", crc32(text)) + text)
