"""Settings of one Modbus station."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class StationConfig(msgspec.Struct, frozen=True):
    """One `[[stations]]` entry: where an indicator is, and how often and how patiently it is asked."""

    device: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,31}$")]
    address: Annotated[str, Meta(min_length=1)]
    transport: Literal["tcp", "rtu"] = "tcp"
    baud: Annotated[int, Meta(ge=1200, le=1_000_000)] = 9600
    unit_id: Annotated[int, Meta(ge=1, le=247)] = 1
    register_map: Path | None = None
    poll_ms: Annotated[int, Meta(ge=10, le=3_600_000)] = 1000
    timeout_ms: Annotated[int, Meta(ge=10, le=60_000)] = 1000
