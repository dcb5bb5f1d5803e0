"""What is wrong with a device now, and whether it is in touch. Pure functions of its state and the time.

A concern has a code (its words: `gateway.device_codes`, or `gateway.web.words` under `concern.`), a level,
and the time it holds since.
"""

from enum import IntEnum
from typing import Literal

import msgspec

from gateway.devices import Device
from gateway.web.projection.model import DeviceState, metric, raised_faults

LATE_GRACE_MS = 5 * 60_000  # past the announced time: a retry of the radio, a slow clock
FULL_PCT = 90
NEARLY_FULL_PCT = 75
LOW_BATTERY_MV = {"bin": 3_450, "truck": 23_000}  # one Li-ion cell at about 10 %; a 24 V system not charging

Status = Literal["online", "asleep", "late", "offline", "heard", "never"]


class Level(IntEnum):
    """What a concern asks of the reader. `ALARM`: act now; `WARN`: plan for it; `NORMAL`: nothing."""

    NORMAL = 0
    WARN = 1
    ALARM = 2


_SPARING = {"saver": Level.NORMAL, "survival": Level.WARN, "dark": Level.ALARM}


class Concern(msgspec.Struct, frozen=True):
    """One thing that is wrong: `about` is the part, door or bay; `detail` what the device said of it."""

    code: str
    level: Level
    since_ms: int
    about: str = ""
    detail: str = ""


def status(state: DeviceState | None, now_ms: int) -> Status:
    """Whether the device is in touch.

    `asleep`: it said when it will be back, and that has not passed. `late`: it has passed (with grace).
    `heard`: it sends records but announces no state (a polled indicator).
    """
    if state is None or not state.heard_ms:
        return "never"
    if state.link is None:
        return "heard"
    back_ms = state.link.get("next")
    online = bool(state.link.get("online"))
    if back_ms is not None and now_ms > back_ms + LATE_GRACE_MS:
        return "late"
    if online:
        return "online"
    return "asleep" if back_ms is not None else "offline"


def concerns(state: DeviceState | None, device: Device, now_ms: int) -> list[Concern]:
    """All that is wrong with it, the worst first."""
    if state is None:
        return []
    found = [*_link(state, now_ms), *_doors(state), *_faults(state), *_fill(state)]
    found += [*_battery(state, device), *_power(state)]
    return sorted(found, key=lambda c: (-c.level, -c.since_ms))


def level(found: list[Concern]) -> Level:
    """The worst level among concerns."""
    return max((c.level for c in found), default=Level.NORMAL)


def _link(state: DeviceState, now_ms: int) -> list[Concern]:
    match status(state, now_ms):
        case "late":
            back_ms = (state.link or {}).get("next") or 0
            return [Concern("late", Level.WARN, back_ms)]
        case "offline":
            return [Concern("offline", Level.WARN, state.link_ms)]
        case _:
            return []


def _doors(state: DeviceState) -> list[Concern]:
    return [
        Concern(f"door-{slot.value['state']}", Level.ALARM, slot.t, name)
        for name, slot in state.doors.items()
        if slot.value["state"] in ("forced", "jammed")
    ]


def _faults(state: DeviceState) -> list[Concern]:
    return [
        Concern(
            str(s.value["code"]), Level.ALARM, s.t, str(s.value["part"]), str(s.value.get("detail") or "")
        )
        for s in raised_faults(state)
    ]


def _fill(state: DeviceState) -> list[Concern]:
    found = []
    for bay, slot in metric(state, "fill_pct").items():
        if slot.value >= NEARLY_FULL_PCT:
            full = slot.value >= FULL_PCT
            about = "" if bay is None else str(bay)
            found.append(
                Concern(
                    "full" if full else "nearly-full", Level.WARN if full else Level.NORMAL, slot.t, about
                )
            )
    return found


def _battery(state: DeviceState, device: Device) -> list[Concern]:
    slot = metric(state, "battery_mv").get(None)
    limit = LOW_BATTERY_MV.get(device.unit)
    if slot is None or limit is None or slot.value >= limit:
        return []
    return [Concern("battery-low", Level.WARN, slot.t)]


def _power(state: DeviceState) -> list[Concern]:
    """What the device does without to spare its battery."""
    name = (state.link or {}).get("level")
    level = _SPARING.get(str(name))
    return [] if level is None else [Concern(f"power-{name}", level, state.link_ms)]
