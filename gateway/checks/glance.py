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
from gateway.checks.model import Case
from gateway.checks.past import ALL
from gateway.checks.position import NOWHERE_E7
from gateway.contract_types import KINDS, Position, Reading, RecordBase


class Glance(Struct, frozen=True):
    """`sees`: nothing to find. `covers`: the numbers of the rules that it speaks for."""

    sees: Callable[[Case], bool]
    covers: frozenset[int]
    kinds: tuple[type[RecordBase], ...]


_KINDS_OF_UNIT: dict[str, frozenset[type[RecordBase]]] = {
    unit: frozenset(cls for kind, cls in KINDS.items() if unit in UNITS_OF_KIND.get(kind, (unit,)))
    for unit in ("bin", "truck", "station")
}


def in_order(case: Case) -> bool:
    """Dated after the record before, by a day at most; not ahead; of a unit that makes such records."""
    record, device, timed = case.record, case.device, case.past.timed
    t = record.t
    return (
        timed is not None
        and timed.t <= t
        and t - case.received_ms <= case.limits.clock_ahead_s * 1000
        and t - timed.t <= DAY_MS
        and t >= case.limits.clock_epoch_ms
        and (record.clock != "rtc" or case.past.rtc != ALL)
        and record.clock != "none"
        and type(record) in _KINDS_OF_UNIT[device.unit]
        and not device.ranges
    )


def calm(case: Case) -> bool:
    """A bin's reading that is near its last good one in every value, and within what the bay holds."""
    record: Reading = case.record
    past, limits = case.past, case.limits
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
        if case.device.unit != "bin":
            return False
    number = record.bay
    if number is UNSET:
        return record.mass_g is UNSET or record.mass_g >= -limits.mass_negative_g
    bay = past.bays.get(number)
    if bay is None or not bay.looks:
        return False
    _, mass, fill = bay.looks[:3]
    now_g, now_pct = record.mass_g, record.fill_pct
    # Few grams off the last look: no jump, no noise; and a sensor is only stuck while the other moves.
    if now_g is UNSET or mass is None or bay.mass is None or abs(now_g - mass) > limits.mass_noise_g:
        return False
    if abs(now_g - bay.mass[1]) > limits.mass_drift_g or now_g < -limits.mass_negative_g:
        return False
    if now_pct is not UNSET:
        if fill is None or abs(now_pct - fill) > limits.fill_step_pct:
            return False
        if bay.old and (bay.old[-2] is None or now_g - bay.old[-2] >= limits.stuck_mass_g):
            return False
    for one in case.device.bays:
        if one.bay == number:
            return one.capacity_g is None or now_g <= one.capacity_g
    return not case.device.bays


def near(case: Case) -> bool:
    """Another place than the last good fix, within reach of it."""
    record, fix, limits = case.record, case.past.fix, case.limits
    if fix is None or record.clock == "none" or limits.district is not None:
        return False
    metres = at_most_m(fix, record)
    speed = record.speed_cmps
    return (
        (metres <= limits.jump_slack_m or _explained(case, fix, metres))
        and (record.lat_e7 != fix.lat_e7 or record.lon_e7 != fix.lon_e7)
        and (speed is UNSET or speed <= limits.speed_max_mps * 100)
        and abs(record.lat_e7) > NOWHERE_E7
    )


def _explained(case: Case, fix: Position, metres: float) -> bool:
    """Driven since at the highest speed, with no place in the wrong datum to be told apart from it."""
    doubted = case.past.doubted
    driven_m = case.limits.speed_max_mps * (case.record.t - fix.t) / 1000
    return metres <= case.limits.jump_slack_m + driven_m and (doubted is None or doubted[0].seq < fix.seq)


GLANCES = (
    Glance(in_order, frozenset((1, 2, 3, 4, 5, 6, 30, 31, 49)), tuple(KINDS.values())),
    Glance(calm, frozenset((7, 15, 16, 33, 34, 40, 43, 45, 46, 47, 48)), (Reading,)),
    Glance(near, frozenset((13, 14, 50, 51, 52, 53)), (Position,)),
)
