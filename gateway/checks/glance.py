"""Seen at a glance: the ordinary record, which breaks none of a group of rules, told by one cheap function.

Only for speed (some 40,000 records a second pass here on one core): a glance that says yes spares the rules
that it `covers`; when it says no, they decide. A rule that no glance covers is always asked, so a new rule
need not be known here. tests/checks holds every glance against its rules.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET, Struct

from gateway.checks.clock import DAY_MS
from gateway.checks.geo import at_most_m
from gateway.checks.identity import UNITS_OF_KIND
from gateway.checks.limits import Limits
from gateway.checks.past import ALL, Past
from gateway.checks.position import NOWHERE_E7
from gateway.contract_types import KINDS, Deposit, Position, Reading, RecordBase
from gateway.devices import Device

Sees = Callable[[Any, Device, int, Past, Limits], bool]
"""(record, device, received_ms, past, limits), as in a `Case`: nothing to find."""


class Glance(Struct, frozen=True):
    """`covers`: the numbers of the rules that `sees` speaks for."""

    sees: Sees
    covers: frozenset[int]
    kinds: tuple[type[RecordBase], ...]


_KINDS_OF_UNIT: dict[str, frozenset[type[RecordBase]]] = {
    unit: frozenset(cls for kind, cls in KINDS.items() if unit in UNITS_OF_KIND.get(kind, (unit,)))
    for unit in ("bin", "truck", "station")
}


def in_order(record: RecordBase, device: Device, received_ms: int, past: Past, limits: Limits) -> bool:
    """Dated after the record before, by a day at most; not ahead; of a unit that makes such records."""
    timed, t = past.timed, record.t
    return (
        timed is not None
        and timed.t <= t
        and t - received_ms <= limits.clock_ahead_s * 1000
        and t - timed.t <= DAY_MS
        and t >= limits.clock_epoch_ms
        and (record.clock != "rtc" or past.rtc != ALL)
        and record.clock != "none"
        and type(record) in _KINDS_OF_UNIT[device.unit]
        and not device.ranges
    )


def calm(record: Reading, device: Device, _received_ms: int, past: Past, limits: Limits) -> bool:
    """A bin's reading that is near its last good one in every value, and within what the bay holds."""
    temp: Any = record.temp_dc
    if temp is not UNSET:
        last: Any = past.temp
        if last is None or abs(temp - last.temp_dc) > limits.temp_step_dc:
            return False
        if not limits.temp_min_dc <= temp <= limits.temp_max_dc:
            return False
    voltage: Any = record.battery_mv
    if voltage is not UNSET:
        last = past.battery
        if last is None or abs(voltage - last.battery_mv) > limits.bin_battery_step_mv:
            return False
        if not limits.bin_battery_min_mv <= voltage <= limits.bin_battery_max_mv:
            return False
        if device.unit != "bin":
            return False
    number = record.bay
    if number is UNSET:
        return record.mass_g is UNSET or record.mass_g >= -limits.mass_negative_g
    bay = past.bays.get(number)
    if bay is None or not bay.looks:
        return False
    looks = bay.looks
    mass, fill = looks[1], looks[2]
    now_g, now_pct = record.mass_g, record.fill_pct
    if now_g is UNSET or mass is None or bay.mass is None:
        return False
    if abs(now_g - bay.mass[1]) > limits.mass_drift_g or now_g < -limits.mass_negative_g:
        return False
    if (
        abs(now_g - mass) > limits.mass_noise_g and len(looks) > 6
    ):  # noise is three such steps without a visit
        sessions = past.sessions
        if not sessions or looks[6] > sessions[0][0]:
            return False
    if now_pct is not UNSET:
        if fill is None or abs(now_pct - fill) > limits.fill_step_pct:
            return False
        old = bay.old  # a sensor is only stuck while it says the same and the mass rises
        if old and old[-1] == now_pct and (old[-2] is None or now_g - old[-2] >= limits.stuck_mass_g):
            return False
    known = device.bay(number)
    if known is None:
        return not device.bays
    return known.capacity_g is None or now_g <= known.capacity_g


def sound(record: Deposit, device: Device, _received_ms: int, past: Past, limits: Limits) -> bool:
    """A deposit that adds up, into a bay that holds it, on what the bay held before; of a new session."""
    net_g, before_g, after_g, e_g = record.net_g, record.before_g, record.after_g, record.e_g
    if after_g - before_g != net_g or net_g <= 0 or before_g < -limits.mass_negative_g:
        return False
    if net_g % e_g or before_g % e_g or record.below_min != (net_g < limits.min_intervals * e_g):
        return False
    bay = past.bays.get(record.bay)
    if bay is None or bay.mass is None or abs(before_g - bay.mass[1]) > limits.mass_drift_g:
        return False
    session = record.session
    for _, other in past.sessions:
        if other == session:
            return False
    known = device.bay(record.bay)
    if known is None:
        return not device.bays
    holds_g = known.capacity_g
    return known.category == record.category and (
        holds_g is None or (after_g <= holds_g and net_g <= holds_g)
    )


def near(record: Position, _device: Device, _received_ms: int, past: Past, limits: Limits) -> bool:
    """Another place than the last good fix, within reach of it."""
    fix = past.fix
    if fix is None or record.clock == "none" or limits.district is not None:
        return False
    metres = at_most_m(fix, record)
    speed = record.speed_cmps
    return (
        (metres <= limits.jump_slack_m or _explained(record, past, limits, metres))
        and (record.lat_e7 != fix.lat_e7 or record.lon_e7 != fix.lon_e7)
        and (speed is UNSET or speed <= limits.speed_max_mps * 100)
        and abs(record.lat_e7) > NOWHERE_E7
    )


def _explained(record: Position, past: Past, limits: Limits, metres: float) -> bool:
    """Driven since at the highest speed, with no place in the wrong datum to be told apart from it."""
    fix, doubted = past.fix, past.doubted
    if fix is None:
        return False
    driven_m = limits.speed_max_mps * (record.t - fix.t) / 1000
    return metres <= limits.jump_slack_m + driven_m and (doubted is None or doubted[0].seq < fix.seq)


GLANCES = (
    Glance(in_order, frozenset((1, 2, 3, 4, 5, 6, 30, 31, 49)), tuple(KINDS.values())),
    Glance(calm, frozenset((7, 15, 16, 33, 34, 40, 43, 45, 46, 47, 48)), (Reading,)),
    Glance(sound, frozenset((7, 8, 9, 11, 12, 32, 33, 35, 37, 38, 41)), (Deposit,)),
    Glance(near, frozenset((13, 14, 50, 51, 52, 53)), (Position,)),
)
