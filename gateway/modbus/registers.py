"""Register maps: which registers to read together, and what their words mean. Pure.

A map is one of `hardware/modbus/*.toml`: groups of contiguous registers, each group read in one exchange.
Addresses count from 0; a register's bytes are big-endian (Modbus application protocol 1.1b3, 4.2), the order
of words is the map's. Groups have different lengths and can carry a check of their own, so that an answer
meant for one group is never decoded as another.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

MAX_WORDS = 125  # of one read; function codes 3 and 4
_WORDS = {"uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "uint64": 4, "int64": 4}
_FORMATS = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q"}

Value = int | str
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]


class MapError(ValueError):
    """A register map that cannot be used: says which group or register, and what was expected."""

    code = "bad-register-map"


class WordsError(ValueError):
    """Words that are not an answer to what was asked. `code` is stable, `detail` says what came."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Register(Struct, frozen=True, forbid_unknown_fields=True):
    """One value. `factor` multiplies what is on the line; `bits` names the bits of a status word."""

    name: Name
    address: Annotated[int, Meta(ge=0, le=65_535)]
    type: Literal["uint16", "int16", "uint32", "int32", "uint64", "int64", "text"]
    about: str = ""
    unit: str = ""
    factor: Annotated[int, Meta(ge=1)] = 1
    words: Annotated[int, Meta(ge=1, le=MAX_WORDS)] | None = None
    bits: dict[Name, Annotated[int, Meta(ge=0, le=15)]] = {}
    access: Literal["read", "write"] = "read"

    @property
    def size(self) -> int:
        """How many registers the value takes."""
        return _WORDS.get(self.type) or self.words or 0


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    """Registers read in one exchange. `check`: the register that holds a CRC-32 over those before it."""

    registers: Annotated[tuple[Register, ...], Meta(min_length=1)]
    about: str = ""
    check: Name | None = None

    @property
    def address(self) -> int:
        """The first register."""
        return self.registers[0].address

    @property
    def size(self) -> int:
        """How many registers the group takes."""
        return sum(register.size for register in self.registers)


class RegisterMap(Struct, frozen=True, forbid_unknown_fields=True):
    """A device's registers. `scale`: the name its weighings carry."""

    id: str
    groups: dict[Name, Group]
    title: str = ""
    table: Literal["holding", "input"] = "holding"
    word_order: Literal["big", "little"] = "big"
    scale: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")] = "scale"

    def decode(self, group: str, words: Sequence[int]) -> dict[str, Value]:
        """The values of a group, by register and, for status words, `register.bit` as 0 or 1.

        Raises WordsError: `wrong-length`, `wrong-check`, or `not-text`.
        """
        layout = self.groups[group]
        if len(words) != layout.size:
            raise WordsError(
                "wrong-length", f"{group}: {len(words)} registers came, {layout.size} were asked for"
            )
        values: dict[str, Value] = {}
        for register in layout.registers:
            start = register.address - layout.address
            values[register.name] = value = self._value(register, words[start : start + register.size])
            if register.name == layout.check and value != check(words[:start]):
                raise WordsError(
                    "wrong-check",
                    f"{group}: {register.name} is {value:#x}, its registers give {check(words[:start]):#x}",
                )
            if isinstance(value, int):
                values |= {
                    f"{register.name}.{bit}": value >> place & 1 for bit, place in register.bits.items()
                }
        return values

    def encode(self, group: str, values: dict[str, int]) -> list[int]:
        """The words that write a group of whole numbers. Raises struct.error for one beyond its type."""
        words: list[int] = []
        for register in self.groups[group].registers:
            raw = struct.pack(_FORMATS[register.type], values[register.name] // register.factor)
            words += self._ordered(list(struct.unpack(f">{register.size}H", raw)))
        return words

    def _value(self, register: Register, words: Sequence[int]) -> Value:
        if register.type == "text":
            raw = struct.pack(f">{len(words)}H", *words).rstrip(b"\0")
            try:
                return raw.decode("utf-8")
            except UnicodeDecodeError:
                raise WordsError("not-text", f"{register.name}: {raw!r} is not UTF-8") from None
        raw = struct.pack(f">{len(words)}H", *self._ordered(list(words)))
        (number,) = struct.unpack(_FORMATS[register.type], raw)
        return int(number) * register.factor

    def _ordered(self, words: list[int]) -> list[int]:
        return words if self.word_order == "big" else words[::-1]


def check(words: Sequence[int]) -> int:
    """CRC-32 (IEEE 802.3) over registers, as their bytes go over the line."""
    return zlib.crc32(struct.pack(f">{len(words)}H", *words))


def read_map(data: dict[str, Any]) -> RegisterMap:
    """Check a register map and make it usable. Raises MapError."""
    try:
        register_map = msgspec.convert(data, RegisterMap)
    except msgspec.ValidationError as error:
        raise MapError(f"register map {data.get('id', '?')!r}: {error}") from None
    sizes: dict[int, str] = {}
    for name, group in register_map.groups.items():
        where = f"register map {register_map.id!r}, group {name!r}"
        _check_group(group, where)
        twin = sizes.setdefault(group.size, name)
        if twin != name:
            raise MapError(
                f"{where}: has {group.size} registers like {twin!r}; give groups different lengths, so that "
                "a late answer to one is never taken for the other"
            )
    return register_map


def _check_group(group: Group, where: str) -> None:
    address = group.address
    for register in group.registers:
        if (register.words is not None) != (register.type == "text"):
            raise MapError(f"{where}, {register.name!r}: `words` belongs to type text, and only there")
        if register.address != address:
            raise MapError(
                f"{where}, {register.name!r}: at {register.address}, expected {address}, right after the one "
                "before; registers that are apart belong in groups of their own"
            )
        address += register.size
    if group.size > MAX_WORDS:
        raise MapError(f"{where}: {group.size} registers; one exchange carries {MAX_WORDS}")
    names = [register.name for register in group.registers]
    if len(set(names)) != len(names):
        raise MapError(f"{where}: two registers have the same name")
    if group.check is not None and group.check not in names:
        raise MapError(f"{where}: check {group.check!r} is not one of its registers")
