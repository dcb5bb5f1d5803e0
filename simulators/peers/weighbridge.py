"""A weighbridge indicator with alibi memory: what it holds, and what it shows in its registers.

The indicator numbers each weighing, stores it before anything is shown (OIML D 31, WELMEC 7.2), and never
uses a number again. Its registers are those of `hardware/modbus/weighbridge.toml`; `weighbridge_server`
puts them on a line. Given a file, the memory is on disk before `weigh` returns, and a new indicator on the
same file goes on from there.
"""

import json
import os
import struct
import zlib
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.constants import ExcCodes

import hardware

_TYPES = {
    "uint16": ModbusClientMixin.DATATYPE.UINT16,
    "uint32": ModbusClientMixin.DATATYPE.UINT32,
    "int32": ModbusClientMixin.DATATYPE.INT32,
    "uint64": ModbusClientMixin.DATATYPE.UINT64,
}
_STEP_G = 10_000  # d of the display; the alibi memory keeps what was weighed
_MAX_G = 60_000_000
_E_G = 20_000
_IDENT_BYTES = 32


@dataclass(frozen=True)
class Weighing:
    """One entry of the alibi memory. Masses in grams; `t_ms`: milliseconds since 1970 UTC."""

    number: int
    gross_g: int
    tare_g: int
    net_g: int
    stable: bool
    ident: str
    t_ms: int
    valid: bool = True


class Weighbridge:
    """An indicator. `capacity`: how many weighings its memory holds before it forgets the oldest."""

    def __init__(self, serial: int, *, file: Path | None = None, capacity: int = 200_000) -> None:
        if not 0 < serial < 2**32:
            raise ValueError(f"serial {serial}: expected 1 to 2^32 - 1")
        self.serial = serial
        self.tare_g = 0
        self.load_g = 0
        self.moving = False
        self._file = file
        self._memory: deque[Weighing] = deque(maxlen=capacity)
        self._last = 0
        self._wanted = 0
        self._map = hardware.load_register_map("weighbridge")
        if file is not None and file.exists():
            self._restore(json.loads(file.read_text("utf-8")))

    @property
    def weighings(self) -> tuple[Weighing, ...]:
        """The alibi memory, oldest first."""
        return tuple(self._memory)

    def weigh(self, gross_g: int, tare_g: int, ident: str, t_ms: int, *, stable: bool = True) -> int:
        """Weigh what stands on the bridge, store it, and return its number.

        Raises ValueError for an ident that its 32 bytes of UTF-8 cannot hold.
        """
        if len(ident.encode()) > _IDENT_BYTES or "\0" in ident:
            raise ValueError(f"ident {ident!r}: expected at most {_IDENT_BYTES} bytes of UTF-8, no NUL")
        self._last += 1
        self.load_g, self.tare_g = gross_g, tare_g
        self._memory.append(Weighing(self._last, gross_g, tare_g, gross_g - tare_g, stable, ident, t_ms))
        self._store()
        return self._last

    def damage(self, number: int) -> None:
        """An entry of the memory goes bad: from now on its own check fails and it is shown as not valid."""
        index = number - self._memory[0].number
        self._memory[index] = Weighing(**(asdict(self._memory[index]) | {"valid": False}))
        self._store()

    def records(self) -> list[dict[str, Any]]:
        """A ledger: its sound weighings as records of the contract, whatever a gateway made of them."""
        return [
            {"seq": w.number, "t": w.t_ms, "clock": "rtc", "kind": "weigh", "scale": self._map["scale"]}
            | {"gross_g": w.gross_g, "tare_g": w.tare_g, "net_g": w.net_g, "stable": w.stable}
            | ({"ident": w.ident} if w.ident else {})
            for w in self._memory
            if w.valid
        ]

    def save(self) -> dict[str, Any]:
        """Everything that the memory holds, as JSON-ready data; `load` takes it back."""
        return {"serial": self.serial, "last": self._last, "weighings": [asdict(w) for w in self._memory]}

    @classmethod
    def load(cls, saved: dict[str, Any], *, file: Path | None = None, capacity: int = 200_000) -> Self:
        """An indicator with the memory that `save` gave."""
        bridge = cls(saved["serial"], capacity=capacity)
        bridge._restore(saved)
        bridge._file = file
        bridge._store()
        return bridge

    def read(self, address: int, count: int) -> list[int] | ExcCodes:
        """What registers `address` on show; an address outside of every group is refused."""
        for name, group in self._map["groups"].items():
            first = group["registers"][0]["address"]
            words = self._words(name)
            if first <= address and address + count <= first + len(words):
                return words[address - first : address - first + count]
        return ExcCodes.ILLEGAL_ADDRESS

    def write(self, address: int, words: list[int]) -> ExcCodes | None:
        """Ask the window for another weighing; nothing else may be written."""
        (register,) = self._map["groups"]["request"]["registers"]
        if address != register["address"]:
            return ExcCodes.ILLEGAL_ADDRESS
        if len(words) != 2:
            return ExcCodes.ILLEGAL_VALUE
        self._wanted = words[0] << 16 | words[1]
        return None

    def _words(self, group: str) -> list[int]:
        values = {"live": self._live, "request": self._request, "alibi": self._window}[group]()
        words: list[int] = []
        layout = self._map["groups"][group]
        for register in layout["registers"]:
            name = register["name"]
            if name == layout.get("check"):
                values[name] = zlib.crc32(struct.pack(f">{len(words)}H", *words))
            value = values[name]
            if register["type"] == "text":
                raw = str(value).encode().ljust(2 * register["words"], b"\0")
                words += struct.unpack(f">{register['words']}H", raw)
                continue
            if "bits" in register:
                value = sum(bool(value.get(bit)) << place for bit, place in register["bits"].items())
            words += ModbusClientMixin.convert_to_registers(
                value // register.get("factor", 1), _TYPES[register["type"]], self._map["word_order"]
            )
        return words

    def _live(self) -> dict[str, Any]:
        gross_g = (self.load_g + _STEP_G // 2) // _STEP_G * _STEP_G
        return {
            "serial": self.serial,
            "status": {
                "stable": not self.moving,
                "motion": self.moving,
                "zero": abs(self.load_g) <= _E_G // 4,
                "overload": self.load_g > _MAX_G + 9 * _E_G,
                "underload": self.load_g < -20 * _E_G,
            },
            "gross_g": gross_g,
            "tare_g": self.tare_g,
            "net_g": gross_g - self.tare_g,
            "alibi_first": self._memory[0].number if self._memory else 0,
            "alibi_last": self._last,
            "crc": 0,
        }

    def _request(self) -> dict[str, Any]:
        return {"number": self._wanted}

    def _window(self) -> dict[str, Any]:
        blank = Weighing(self._wanted, 0, 0, 0, stable=False, ident="", t_ms=0, valid=False)
        held = bool(self._memory) and self._memory[0].number <= self._wanted <= self._last
        entry = self._memory[self._wanted - self._memory[0].number] if held else blank
        shown = entry if entry.valid else blank
        flags = {"held": held, "valid": shown.valid, "stable": shown.stable}
        return asdict(shown) | {"serial": self.serial, "flags": flags, "crc": 0}

    def _restore(self, saved: dict[str, Any]) -> None:
        if saved["serial"] != self.serial:
            raise ValueError(f"memory of indicator {saved['serial']:08x}, expected that of {self.serial:08x}")
        self._memory.extend(Weighing(**w) for w in saved["weighings"])
        self._last = saved["last"]

    def _store(self) -> None:
        """Bring the memory to disk as a whole: the old file stays until the new one is durable."""
        if self._file is None:
            return
        new = self._file.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(self.save(), file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
