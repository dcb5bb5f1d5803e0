"""Rules about weights: in themselves, against what the bay holds, against what it can hold."""

from msgspec import UNSET

from gateway.checks.model import Case
from gateway.checks.past import BayPast
from gateway.contract_types import Deposit, Reading

NET_SLACK_G = 1  # three values that were rounded each by itself


def deposit_net(case: Case) -> str | None:
    """net_g is not after_g - before_g, by more than the larger of 1 g and e_g."""
    record = case.record
    if abs(record.after_g - record.before_g - record.net_g) <= max(NET_SLACK_G, record.e_g):
        return None
    return f"after {record.after_g} g - before {record.before_g} g is not net {record.net_g} g"


def weigh_net(case: Case) -> str | None:
    """net_g is not gross_g - tare_g, by more than 1 g."""
    record = case.record
    if abs(record.gross_g - record.tare_g - record.net_g) <= NET_SLACK_G:
        return None
    return f"gross {record.gross_g} g - tare {record.tare_g} g is not net {record.net_g} g"


def net_not_positive(case: Case) -> str | None:
    """net_g is zero or less."""
    return f"net {case.record.net_g} g" if case.record.net_g <= 0 else None


def over_capacity(case: Case) -> str | None:
    """net_g is more than the bay's capacity_g of devices.json."""
    bay = case.device.bay(case.record.bay)
    if bay is None or bay.capacity_g is None or case.record.net_g <= bay.capacity_g:
        return None
    return f"net {case.record.net_g} g; the bay holds {bay.capacity_g} g"


def overfull(case: Case) -> str | None:
    """What the bay holds, or held when it was emptied, is more than `capacity_slack` times its capacity_g."""
    record = case.record
    if isinstance(record, Reading):
        mass_g = record.mass_g
    else:
        mass_g = record.after_g if isinstance(record, Deposit) else record.net_g
    if mass_g is UNSET or record.bay is UNSET or mass_g <= 0:
        return None
    bay = case.device.bay(record.bay)
    if bay is None or bay.capacity_g is None or mass_g <= bay.capacity_g * case.limits.capacity_slack:
        return None
    return f"{mass_g} g in the bay, which holds {bay.capacity_g} g"


def mass_negative(case: Case) -> str | None:
    """mass_g is more than `mass_negative_g` below zero."""
    mass_g = case.record.mass_g
    if mass_g is UNSET or mass_g >= -case.limits.mass_negative_g:
        return None
    return f"{mass_g} g"


def deposit_negative(case: Case) -> str | None:
    """before_g or after_g is more than `mass_negative_g` below zero."""
    least_g = min(case.record.before_g, case.record.after_g)
    return f"{least_g} g" if least_g < -case.limits.mass_negative_g else None


def weigh_negative(case: Case) -> str | None:
    """gross_g or tare_g is below zero by more than 1 g."""
    record = case.record
    if record.gross_g >= -NET_SLACK_G and record.tare_g >= -NET_SLACK_G:
        return None
    return f"gross {record.gross_g} g, tare {record.tare_g} g"


def off_interval(case: Case) -> str | None:
    """before_g, after_g or net_g is not a multiple of e_g: no indication of that scale."""
    record = case.record
    e_g = record.e_g
    if not (record.before_g % e_g or record.after_g % e_g or record.net_g % e_g):
        return None
    return f"before {record.before_g} g, after {record.after_g} g, net {record.net_g} g with e = {e_g} g"


def below_min(case: Case) -> str | None:
    """below_min does not say whether net_g is below `min_intervals` times e_g."""
    record = case.record
    min_g = case.limits.min_intervals * record.e_g
    if record.below_min == (record.net_g < min_g):
        return None
    return f"below_min is {str(record.below_min).lower()} at net {record.net_g} g; Min is {min_g} g"


def unstable(case: Case) -> str | None:
    """stable is false: such a result must not be billed (OIML R 76-1, 4.4.2)."""
    return None if case.record.stable else f"net {case.record.net_g} g while the scale had not settled"


def mass_jump(case: Case) -> str | None:
    """mass_g differs by more than `mass_drift_g` from the bay's last mass, with no visit between.

    A level that stays is told once: a value near the last doubted one is not found again.
    """
    record = case.record
    if record.mass_g is UNSET or record.bay is UNSET:
        return None
    bay = case.past.bays.get(record.bay)
    return None if bay is None else _jumped(case, bay, record.mass_g, "now")


def before_jump(case: Case) -> str | None:
    """before_g differs by more than `mass_drift_g` from the bay's last mass, with no visit between."""
    bay = case.past.bays.get(case.record.bay)
    return None if bay is None else _jumped(case, bay, case.record.before_g, "before the deposit")


def _jumped(case: Case, bay: BayPast, mass_g: int, when: str) -> str | None:
    held = bay.mass
    if held is None or abs(mass_g - held[1]) <= case.limits.mass_drift_g or held[0] <= case.past.touched:
        return None
    doubted = bay.doubted
    if doubted is not None and doubted[0] > held[0] and abs(mass_g - doubted[1]) <= case.limits.mass_drift_g:
        return None
    return f"{mass_g} g {when}, {held[1]} g at record {held[0]}, and no visit between"


def more_out_than_in(case: Case) -> str | None:
    """net_g taken out is more than the bay's last mass, by more than `mass_drift_g`."""
    bay = case.past.bays.get(case.record.bay)
    if bay is None or bay.mass is None or bay.mass[0] <= case.past.touched:
        return None
    if case.record.net_g <= bay.mass[1] + case.limits.mass_drift_g:
        return None
    return f"{case.record.net_g} g taken out; the bay held {bay.mass[1]} g at record {bay.mass[0]}"
