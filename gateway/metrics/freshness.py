"""How long ago devices were last heard, per class of device. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

LIMITS_S = (900, 3_600, 21_600, 86_400)  # a device that was silent for longer counts as stale at this limit


class Heard(NamedTuple):
    """A device: its class, and when something of it last arrived (ms since 1970); None: never."""

    unit: str
    heard_ms: int | None


class Freshness(NamedTuple):
    """One class. `max_s`: the longest silence of those heard at least once; `stale`: how many per limit.

    A device that was never heard is stale at every limit, and has no part in `max_s`.
    """

    devices: int
    heard: int
    max_s: float
    stale: dict[int, int]


def freshness(devices: Iterable[Heard], now_ms: int) -> dict[str, Freshness]:
    """Per class of device, in alphabetical order."""
    silences: dict[str, list[float | None]] = {}
    for device in devices:
        silent = None if device.heard_ms is None else max(0, now_ms - device.heard_ms) / 1000
        silences.setdefault(device.unit, []).append(silent)
    return {unit: _of(found) for unit, found in sorted(silences.items())}


def _of(silences: list[float | None]) -> Freshness:
    heard = [silent for silent in silences if silent is not None]
    never = len(silences) - len(heard)
    stale = {limit: never + sum(silent > limit for silent in heard) for limit in LIMITS_S}
    return Freshness(len(silences), len(heard), max(heard, default=0.0), stale)
