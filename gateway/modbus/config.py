"""Settings of one Modbus station."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

import hardware
from gateway.modbus.registers import MapError, RegisterMap, read_map
from gateway.modbus.weighings import check_indicator


class StationConfig(msgspec.Struct, frozen=True):
    """One `[[stations]]` entry: where an indicator is, and how often and how patiently it is asked.

    `address`: `host:port`, or the path of a serial device (8 data bits, no parity, 1 stop bit). Stations with
    the same address share the line; each has its own `unit_id`.

    `register_map`: a TOML file like hardware/modbus/weighbridge.toml, which is the default.

    `timeout_ms`: how long an answer may take, and how long a serial line must be silent after a failure.
    """

    device: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,31}$")]
    address: Annotated[str, Meta(min_length=1)]
    transport: Literal["tcp", "rtu"] = "tcp"
    baud: Annotated[int, Meta(ge=1200, le=1_000_000)] = 9600
    unit_id: Annotated[int, Meta(ge=1, le=247)] = 1
    register_map: Path | None = None
    poll_ms: Annotated[int, Meta(ge=10, le=3_600_000)] = 1000
    timeout_ms: Annotated[int, Meta(ge=10, le=60_000)] = 1000

    def __post_init__(self) -> None:
        if self.transport == "tcp":
            host, _, port = self.address.rpartition(":")
            if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 65_536):
                raise ValueError(f"an `address` such as 10.0.0.7:502 for transport tcp, not {self.address!r}")


def clashes(station: StationConfig, others: Sequence[StationConfig]) -> list[tuple[str, str, str]]:
    """Why the station cannot share a line with those before it: key, what was expected, what to do."""
    found = []
    for other in others:
        if (other.transport, other.address) != (station.transport, station.address):
            continue
        if other.unit_id == station.unit_id:
            expected = f"another unit than {other.device}'s at {station.address}"
            found.append(
                ("unit_id", expected, "Give each unit on a line its own number, here and on the unit.")
            )
        if station.transport == "rtu" and other.baud != station.baud:
            expected = f"{other.baud}, as for {other.device} on the same line"
            found.append(("baud", expected, "Set one speed for the whole line, here and on its units."))
    return found


def register_map(config: StationConfig) -> RegisterMap:
    """The station's register map. Raises MapError, also for a file that is not there or not TOML."""
    if config.register_map is None:
        return check_indicator(read_map(hardware.load_register_map("weighbridge")))
    try:
        data = tomllib.loads(config.register_map.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise MapError(f"register map {config.register_map}: {error}") from None
    return check_indicator(read_map(data))
