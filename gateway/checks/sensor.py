"""Rules about single values: their range, how fast they change, what a dead or a noisy sensor looks like."""

from itertools import pairwise

from msgspec import UNSET

from gateway.checks.model import Case
from gateway.checks.past import BLOCK, EMPTY_VISITS


def temp_range(case: Case) -> str | None:
    """temp_dc is outside `temp_min_dc` to `temp_max_dc`."""
    temp, limits = case.record.temp_dc, case.limits
    if temp is UNSET or limits.temp_min_dc <= temp <= limits.temp_max_dc:
        return None
    return f"{temp / 10:.1f} °C"


def battery_range(case: Case) -> str | None:
    """battery_mv is outside `bin_battery_min_mv` to `bin_battery_max_mv`, or the two of a truck."""
    voltage, limits, unit = case.record.battery_mv, case.limits, case.device.unit
    if voltage is UNSET:
        return None
    if unit == "bin":
        least, most = limits.bin_battery_min_mv, limits.bin_battery_max_mv
    elif unit == "truck":
        least, most = limits.truck_battery_min_mv, limits.truck_battery_max_mv
    else:
        return None
    return None if least <= voltage <= most else f"{voltage} mV"


def device_range(case: Case) -> str | None:
    """A value is outside the range that devices.json gives for it (`ranges` of the device)."""
    ranges = case.device.ranges
    if not ranges:
        return None
    for name, (least, most) in ranges.items():
        value = getattr(case.record, name, UNSET)
        if value is not UNSET and not least <= value <= most:
            return f"{name} {value}; the device's range is {least} to {most}"
    return None


def temp_jump(case: Case) -> str | None:
    """temp_dc is off the last good one by more than `temp_step_dc` + `temp_rate_dc_min` times the minutes."""
    temp, before, record = case.record.temp_dc, case.past.temp, case.record
    if temp is UNSET or before is None or before.temp_dc is UNSET:
        return None
    step, limits = abs(temp - before.temp_dc), case.limits
    if step <= limits.temp_step_dc or record.clock == "none":
        return None
    minutes = abs(record.t - before.t) / 60_000
    if step <= limits.temp_step_dc + limits.temp_rate_dc_min * minutes:
        return None
    return f"{before.temp_dc / 10:.1f} to {temp / 10:.1f} °C in {minutes:.1f} min from record {before.seq}"


def battery_jump(case: Case) -> str | None:
    """A bin's battery_mv changed by more than `bin_battery_step_mv`.

    Plus `bin_battery_rate_mv_min` times the minutes since the last good one.
    """
    voltage, before, record = case.record.battery_mv, case.past.battery, case.record
    if voltage is UNSET or before is None or before.battery_mv is UNSET or case.device.unit != "bin":
        return None
    step, limits = abs(voltage - before.battery_mv), case.limits
    if step <= limits.bin_battery_step_mv or record.clock == "none":
        return None
    minutes = abs(record.t - before.t) / 60_000
    if step <= limits.bin_battery_step_mv + limits.bin_battery_rate_mv_min * minutes:
        return None
    return f"{before.battery_mv} to {voltage} mV in {minutes:.1f} min from record {before.seq}"


def fill_jump(case: Case) -> str | None:
    """fill_pct changed by more than `fill_step_pct` since the bay's last reading, with no visit between."""
    record = case.record
    if record.fill_pct is UNSET or record.bay is UNSET:
        return None
    bay = case.past.bays.get(record.bay)
    if bay is None or not bay.looks:
        return None
    seq, _, fill = bay.looks[:3]
    if fill is None or abs(record.fill_pct - fill) <= case.limits.fill_step_pct:
        return None
    if seq <= case.past.touched or (bay.mass is not None and bay.mass[0] > seq):
        return None
    return f"{fill} to {record.fill_pct} % since record {seq}, and no visit between"


def mass_noise(case: Case) -> str | None:
    """mass_g went up and down by more than `mass_noise_g` at each of three steps, with no visit between."""
    record = case.record
    if record.mass_g is UNSET or record.bay is UNSET:
        return None
    bay = case.past.bays.get(record.bay)
    if bay is None or len(bay.looks) < 9:
        return None
    oldest = bay.looks[6]
    if oldest <= case.past.touched or (case.past.sessions and oldest <= case.past.sessions[0][0]):
        return None
    masses = [record.mass_g, *bay.looks[1:9:3]]
    steps = [new - old for new, old in pairwise(masses) if new is not None and old is not None]
    least_g = case.limits.mass_noise_g
    if len(steps) < 3 or any(abs(step) <= least_g for step in steps):
        return None
    if any((newer > 0) == (older > 0) for newer, older in pairwise(steps)):
        return None
    return f"{masses[0]} g, before that {', '.join(f'{mass_g} g' for mass_g in masses[1:])}"


def mass_stuck(case: Case) -> str | None:
    """The fifth visit in a row at which the bay's door was opened and no weight changed.

    Not when its last fill_pct is `full_pct` or more: people look into a full bay, and go.
    """
    record = case.record
    if record.outcome != "nothing" or record.open_ms is UNSET:
        return None
    bay = case.past.bays.get(record.bay)
    if bay is None or len(bay.empty) < EMPTY_VISITS or bay.empty[-1] < bay.paid:
        return None
    if any(fill is not None and fill >= case.limits.full_pct for fill in bay.looks[2:3]):
        return None
    return f"visits {', '.join(str(seq) for seq in reversed(bay.empty))} and this one changed no weight"


def fill_stuck(case: Case) -> str | None:
    """The same fill_pct, below 100 %, for 32 numbers or more, while the mass rose by `stuck_mass_g`."""
    record = case.record
    if record.mass_g is UNSET or record.fill_pct is UNSET or record.bay is UNSET or record.fill_pct == 100:
        return None
    bay = case.past.bays.get(record.bay)
    if bay is None or not bay.old or record.seq - bay.old[-3] < BLOCK // 4:
        return None
    seq, mass_g, _ = bay.old[-3:]
    if mass_g is None or record.mass_g - mass_g < case.limits.stuck_mass_g:
        return None
    if any(fill != record.fill_pct for fill in (*bay.old[2::3], *bay.looks[2::3])):
        return None
    return f"{record.fill_pct} % since record {seq}, while the mass rose from {mass_g} to {record.mass_g} g"
