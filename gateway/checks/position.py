"""Rules about where a vehicle is. A bad fix is found once: the next one is compared with the last good one,
and with the last doubted one, which may have been right after all.
"""

from msgspec import UNSET

from gateway.checks.geo import at_most_m, distance_m, gcj02_shift_m, in_china, offset_m
from gateway.checks.model import Case
from gateway.contract_types import Position, RecordBase

NOWHERE_E7 = 100_000  # 0.01 degree, a kilometre: what a receiver without a fix reports


def position_zero(case: Case) -> str | None:
    """Latitude and longitude are both within 0.01° of zero: a receiver without a fix."""
    record = case.record
    if abs(record.lat_e7) > NOWHERE_E7 or abs(record.lon_e7) > NOWHERE_E7:
        return None
    return f"{record.lat_e7 / 1e7:.7f}, {record.lon_e7 / 1e7:.7f}"


def position_outside(case: Case) -> str | None:
    """The place is outside the box `district` (when one is configured)."""
    district = case.limits.district
    if district is None:
        return None
    lat, lon = case.record.lat_e7 / 1e7, case.record.lon_e7 / 1e7
    south, west, north, east = district
    if south <= lat <= north and west <= lon <= east:
        return None
    return f"{lat:.5f}, {lon:.5f} is not within {south:g} to {north:g} N, {west:g} to {east:g} E"


def position_jump(case: Case) -> str | None:
    """More than `jump_slack_m` + `speed_max_mps` times the time between from the log's last good fix.

    A fix near the last doubted one is not found: then that one was right.
    """
    fix, record = case.past.fix, case.record
    if fix is None or record.clock == "none":
        return None
    if at_most_m(fix, record) <= case.limits.jump_slack_m or not _too_far(case, fix):
        return None
    doubted = case.past.doubted
    if doubted is not None and doubted[0].seq > fix.seq and not _too_far(case, doubted[0]):
        return None
    seconds = max(0, record.t - fix.t) / 1000
    return f"{distance_m(fix, record):.0f} m in {seconds:.1f} s from record {fix.seq}"


def position_datum(case: Case) -> str | None:
    """A jump by what separates WGS 84 from GCJ-02, the datum of Chinese maps, there; and fixes beside it.

    Within `datum_slack_m` and what the vehicle drove meanwhile at the higher of both speeds.
    """
    fix, doubted = case.past.fix, case.past.doubted
    record: Position = case.record
    if fix is None or record.clock == "none" or at_most_m(fix, record) <= case.limits.jump_slack_m:
        return None
    if doubted is not None and doubted[0].seq > fix.seq and "position-datum" in doubted[1]:
        if _too_far(case, doubted[0]) or not _too_far(case, fix):
            return None
        return f"as record {doubted[0].seq}, which jumped by the shift to GCJ-02"
    if not in_china(record) or not _too_far(case, fix):
        return None
    east, north = offset_m(fix, record)
    shift_east, shift_north = gcj02_shift_m(fix)
    speed_cmps = max(0 if one.speed_cmps is UNSET else one.speed_cmps for one in (fix, record))
    slack_m = case.limits.datum_slack_m + speed_cmps / 100 * max(0, record.t - fix.t) / 1000
    if abs(east - shift_east) > slack_m or abs(north - shift_north) > slack_m:
        return None
    where = f"{east:.0f} m east and {north:.0f} m north of record {fix.seq}"
    return f"{where}: the shift from WGS 84 to GCJ-02 there"


def position_frozen(case: Case) -> str | None:
    """The very place of the last good fix, `frozen_s` or more later, both at more than `frozen_speed_mps`."""
    fix, record = case.past.fix, case.record
    if fix is None or record.lat_e7 != fix.lat_e7 or record.lon_e7 != fix.lon_e7 or record.clock == "none":
        return None
    least_cmps = case.limits.frozen_speed_mps * 100
    for speed_cmps in (record.speed_cmps, fix.speed_cmps):
        if speed_cmps is UNSET or speed_cmps <= least_cmps:
            return None
    seconds = (record.t - fix.t) / 1000
    if seconds < case.limits.frozen_s:
        return None
    return f"the place of record {fix.seq}, {seconds:.1f} s ago, at {record.speed_cmps / 100:.1f} m/s"


def speed_range(case: Case) -> str | None:
    """speed_cmps is more than `speed_max_mps`."""
    speed = case.record.speed_cmps
    if speed is UNSET or speed <= case.limits.speed_max_mps * 100:
        return None
    return f"{speed / 100:.1f} m/s"


def fence_place(case: Case) -> str | None:
    """Where the fence was crossed is too far from the log's last good fix (limits as for rule 13)."""
    fix, record = case.past.fix, case.record
    if fix is None or record.clock == "none" or not _too_far(case, fix):
        return None
    doubted = case.past.doubted
    if doubted is not None and not _too_far(case, doubted[0]):
        return None
    return f"fence {record.fence} crossed {distance_m(fix, record):.0f} m from record {fix.seq}"


def _too_far(case: Case, fix: Position) -> bool:
    record: RecordBase = case.record
    limits = case.limits
    allowed_m = limits.jump_slack_m + limits.speed_max_mps * max(0, record.t - fix.t) / 1000
    return at_most_m(fix, case.record) > allowed_m and distance_m(fix, case.record) > allowed_m
