"""Rules about the time that a record carries."""

from gateway.checks.model import Case
from gateway.contract_types import Boot

DAY_MS = 86_400_000


def clock_none(case: Case) -> str | None:
    """The clock is `none`."""
    return "clock is none" if case.record.clock == "none" else None


def clock_future(case: Case) -> str | None:
    """t is more than `clock_future_d` days after the arrival."""
    ahead_ms = case.record.t - case.received_ms
    if ahead_ms <= 0 or case.record.clock == "none" or ahead_ms <= case.limits.clock_future_d * DAY_MS:
        return None
    return f"t is {ahead_ms / DAY_MS:.1f} days ahead"


def clock_ahead(case: Case) -> str | None:
    """t is more than `clock_ahead_s` seconds after the arrival, and no more than `clock_future_d` days."""
    ahead_ms = case.record.t - case.received_ms
    if ahead_ms <= 0 or case.record.clock == "none":
        return None
    if not case.limits.clock_ahead_s * 1000 < ahead_ms <= case.limits.clock_future_d * DAY_MS:
        return None
    return f"t is {ahead_ms // 1000} s ahead"


def clock_past(case: Case) -> str | None:
    """t is before `clock_epoch_ms`."""
    if case.record.t >= case.limits.clock_epoch_ms or case.record.clock == "none":
        return None
    return f"t is {case.record.t} ms, before {case.limits.clock_epoch_ms} ms"


def clock_back(case: Case) -> str | None:
    """t is more than `clock_back_s` seconds before that of the log's last record with a usable time."""
    timed = case.past.timed
    if timed is None or case.record.t >= timed.t or case.record.clock == "none":
        return None
    back_ms = timed.t - case.record.t
    if back_ms <= case.limits.clock_back_s * 1000:
        return None
    return f"t is {back_ms // 1000} s before record {timed.seq}'s"


def clock_jump(case: Case) -> str | None:
    """t is more than `clock_jump_d` days after that of the number before; the record is no `boot`."""
    timed, record = case.past.timed, case.record
    if timed is None or record.seq != timed.seq + 1 or record.clock == "none":
        return None
    on_ms = record.t - timed.t
    if on_ms <= case.limits.clock_jump_d * DAY_MS or isinstance(record, Boot):
        return None
    return f"t is {on_ms / DAY_MS:.1f} days after record {timed.seq}'s, though none is missing between"


def clock_untrusted(case: Case) -> str | None:
    """The clock is `rtc`, and so was that of every record under the 128 numbers before."""
    if case.record.clock != "rtc" or not case.past.only_rtc(case.record.seq):
        return None
    return "no time from satellites or a time server for more than 128 records"
