"""What the gateway knows of each device beforehand: unit, site, place and bays, from one JSON file.

The file is `{"devices": [{"id": "bin-001", "unit": "bin", "site": "nankai-3", …}]}`. A record from a device
that is not in it is quarantined (`unknown-device`), kept and acknowledged. Edit the file while the gateway
runs: it is read again when it changes, and a file that does not parse leaves the former one in force.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.contract_types import KINDS
from gateway.files import stamp
from gateway.logs import WARNING, Event

_TAKEN = Event("devices-taken", "devices file {file} read again: {count} devices", doc="It was changed.")
_INVALID = Event(
    "devices-invalid",
    "devices file {file} not taken: {why}; the former one stays in force",
    level=WARNING,
    doc="The devices file was changed and is wrong.",
)

# A tag in the time-series database: line protocol has no spelling for some uses of a backslash.
Site = Annotated[str, Meta(max_length=64, pattern=r"^[^\u0000-\u001f\u007f\\]*(?!\n)$")]
DeviceId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,31}$")]
RANGED = frozenset(  # fields of records that are numbers with a unit
    field.encode_name
    for kind in KINDS.values()
    for field in msgspec.structs.fields(kind)
    if field.encode_name.rpartition("_")[2] in ("g", "pct", "dc", "mv", "mw", "dbm", "cmps", "ms", "c")
)


class Bay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One compartment of a bin.

    What belongs into it, and how much fits (capacities are absent when not known).
    """

    bay: int
    category: str
    capacity_g: int | None = None
    capacity_l: int | None = None


class Device(msgspec.Struct, frozen=True):
    """One unit. `lat` and `lon` are WGS 84 degrees of its place; absent for what moves.

    `ranges`: what is possible at this one unit, by the name of a record's field: {"temp_dc": [-200, 600]};
    a value beyond is flagged.
    """

    id: DeviceId
    unit: Literal["bin", "truck", "station"]
    site: Site = ""
    name_en: str = ""
    name_zh: str = ""
    lat: Annotated[float, Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, Meta(ge=-180, le=180)] | None = None
    bays: tuple[Bay, ...] = ()
    ranges: dict[str, tuple[int, int]] = {}

    def __post_init__(self) -> None:
        for name, (least, most) in self.ranges.items():
            if name not in RANGED:
                raise ValueError(f"`ranges` of {self.id}: {name!r} is not one of {', '.join(sorted(RANGED))}")
            if least > most:
                raise ValueError(f"`ranges` of {self.id}: {name} from {least} to {most} is empty")

    def bay(self, number: int) -> Bay | None:
        """The bay of that number; None: it is not listed."""
        for bay in self.bays:
            if bay.bay == number:
                return bay
        return None


class _DevicesFile(msgspec.Struct):
    devices: list[Device]


class DevicesError(ValueError):
    """A devices file that cannot be used; the text says where and why."""

    code = "bad-devices"


def parse_devices(text: bytes) -> dict[str, Device]:
    """The devices of a file's text by id. Raises DevicesError."""
    try:
        found = msgspec.json.decode(text, type=_DevicesFile).devices
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise DevicesError(f'{err}; expected {{"devices": [{{"id": …, "unit": …}}]}}') from None
    twice = [name for name, count in Counter(device.id for device in found).items() if count > 1]
    if twice:
        raise DevicesError(f"listed more than once: {', '.join(sorted(twice)[:10])}; keep one entry each")
    return {device.id: device for device in found}


class Devices:
    """The devices file, read again when it has changed (`refresh`)."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.problem = ""  # why the file is not taken, while it is wrong
        self._stamp = stamp(file)
        text = file.read_bytes()
        self._digest = hashlib.sha256(text).digest()
        self._devices = parse_devices(text)

    def get(self, device: str) -> Device | None:
        return self._devices.get(device)

    def __iter__(self) -> Iterator[Device]:
        return iter(self._devices.values())

    def __len__(self) -> int:
        return len(self._devices)

    def refresh(self) -> bool:
        """Take the file's new content, if any; True when the devices are other ones now. Never raises."""
        seen = stamp(self._file)
        if seen is not None and seen == self._stamp:
            return False
        self._stamp = seen
        try:
            text = self._file.read_bytes()
            digest = hashlib.sha256(text).digest()
            if digest == self._digest:
                self.problem = ""
                return False
            devices = parse_devices(text)
        except (OSError, DevicesError) as err:
            if str(err) != self.problem:
                _INVALID(file=str(self._file), why=str(err))
            self.problem = str(err)
            return False
        self._devices, self._digest, self.problem = devices, digest, ""
        _TAKEN(file=str(self._file), count=len(devices))
        return True
