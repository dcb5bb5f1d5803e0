"""Which devices a fleet has: ids, units, and what a devices file says of them. Pure."""

from typing import Any

from simulators.fleet.options import Options
from simulators.fleet.records import CAPACITY_G, CATEGORIES, Bin, Truck, Unit

TRUCK_EVERY = 10


def device_id(prefix: str, index: int) -> str:
    return f"{prefix}-{index:05d}"


def flood_id(prefix: str) -> str:
    return f"{prefix}-flood"


def is_truck(index: int) -> bool:
    return index % TRUCK_EVERY == TRUCK_EVERY - 1


def unit_of(seed: int, index: int) -> Unit:
    """What writes the records of the device with this index."""
    kind: type[Unit] = Truck if is_truck(index) else Bin
    return kind(seed * 1_000_003 + index)


def log_id(seed: int, index: int, generation: int) -> str:
    """A log's id: 8 hexadecimal digits, another one for each log that the device ever had."""
    return f"{(seed * 2_654_435_761 + index * 40_503 + generation * 97_001_347) & 0xFFFFFFFF:08x}"


def devices_file(options: Options) -> dict[str, Any]:
    """The content of a devices file that knows every device of the fleet."""
    bays = [
        {"bay": bay, "category": category, "capacity_g": CAPACITY_G}
        for bay, category in enumerate(CATEGORIES)
    ]
    devices: list[dict[str, Any]] = []
    for index in range(options.devices):
        entry = {"id": device_id(options.prefix, index), "site": f"site-{index % 50:02d}"}
        devices.append(entry | ({"unit": "truck"} if is_truck(index) else {"unit": "bin", "bays": bays}))
    devices.append({"id": flood_id(options.prefix), "unit": "bin", "site": "site-00", "bays": bays})
    return {"devices": devices}
