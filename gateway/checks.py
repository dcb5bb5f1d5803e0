"""What makes a well-formed record doubtful or unusable: pure functions, one table (`CHECKS`), no I/O.

A record is judged by itself, by its device's description, by the time it arrived, and by what the same log
said just before (`Past`). Decoding has refused before what is not of the contract, and the journal adds
afterwards what only the numbering tells (`seq-gap`, `seq-late`, `seq-conflict`). Each rule has a number,
which stays its own for ever, and a reason code whose words are in `gateway.codes`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from msgspec import UNSET

from gateway.contract_types import KINDS, Collect, Deposit, Position, Reading, RecordBase, Weigh
from gateway.devices import Device
from gateway.journal.model import Outcome

DAY_MS = 86_400_000
AHEAD_MS = 5 * 60_000  # clocks kept by NTP agree far better; a drifting RTC may not
EPOCH_MS = 1_577_836_800_000  # 2020-01-01: no unit of this system is older
BACK_MS = 60_000  # an RTC that drifted is set back by seconds when the network tells the time
SPEED_MAX_MPS = 40.0  # 144 km/h: no collection truck is faster
JUMP_SLACK_M = 50.0  # two bad fixes in a row, without the vehicle having moved
EARTH_M = 6_371_008.8  # mean radius (IUGG)
TEMP_DC = (-400, 850)  # industrial parts, -40 to 85 °C
BATTERY_MV = {"bin": (2_000, 4_500), "truck": (9_000, 36_000)}  # one Li-ion cell; a 12 V or 24 V system
NET_SLACK_G = 1  # three values that were rounded each by itself

UNITS_OF_KIND = {
    "reading": ("bin", "truck"),
    "deposit": ("bin",),
    "session": ("bin",),
    "collect": ("bin",),
    "door": ("bin", "truck"),
    "position": ("truck",),
    "fence": ("truck",),
    "weigh": ("truck", "station"),
}


class Effect(Enum):
    """What a rule does to the record that it finds.

    `RETIME`: flagged, and the time of arrival replaces its own.
    """

    FLAG = "flagged"
    RETIME = "flagged, takes the time of arrival"
    QUARANTINE = "quarantined"


@dataclass(slots=True)
class Past:
    """What is remembered of one log: its newest record's number and time, and the last good fix."""

    seq: int = -1
    t: int | None = None
    fix: Position | None = None

    def learn(self, record: RecordBase) -> None:
        """Take a judged record in; older ones (sent again) change nothing."""
        if record.seq <= self.seq:
            return
        self.seq = record.seq
        if record.clock != "none":
            self.t = record.t
            if isinstance(record, Position):
                self.fix = record


@dataclass(frozen=True, slots=True)
class Case:
    """One record with what it is judged by. `past` is None when the log has not been heard before."""

    record: Any
    device: Device
    received_ms: int
    past: Past | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checks say of a record. `t_ms`: the time given to it, None: its own stands."""

    outcome: Outcome = Outcome.ACCEPTED
    codes: tuple[str, ...] = ()
    detail: str = ""
    t_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A rule.

    `find` returns what it found, in words with numbers, or None. `kinds`: which records; empty: all.
    """

    number: int
    code: str
    effect: Effect
    find: Callable[[Case], str | None]
    kinds: tuple[type[RecordBase], ...] = field(default=())

    @property
    def rule(self) -> str:
        """The rule in words, for the documentation."""
        return (self.find.__doc__ or "").strip()


def check(case: Case) -> Verdict:
    """Judge a record by all rules of its kind."""
    codes: list[str] = []
    details: list[str] = []
    outcome, t_ms = Outcome.ACCEPTED, None
    for rule in _BY_KIND[type(case.record)]:
        found = rule.find(case)
        if found is None:
            continue
        details.append(found)
        if rule.effect is Effect.QUARANTINE:
            # The reason that decides comes first: counters and pages go by it.
            codes.insert(0, rule.code)
            outcome = Outcome.QUARANTINED
            continue
        codes.append(rule.code)
        if outcome is Outcome.ACCEPTED:
            outcome = Outcome.FLAGGED
        if rule.effect is Effect.RETIME:
            t_ms = case.received_ms
    return Verdict(outcome, tuple(codes), "; ".join(details), t_ms) if codes else _ACCEPTED


_ACCEPTED = Verdict()


def _clock_none(case: Case) -> str | None:
    """The clock is `none`."""
    return "clock is none" if case.record.clock == "none" else None


def _clock_future(case: Case) -> str | None:
    """t is more than a day after the arrival."""
    ahead_ms = case.record.t - case.received_ms
    if case.record.clock == "none" or ahead_ms <= DAY_MS:
        return None
    return f"t is {ahead_ms / DAY_MS:.1f} days ahead"


def _clock_ahead(case: Case) -> str | None:
    """t is between five minutes and a day after the arrival."""
    ahead_ms = case.record.t - case.received_ms
    if case.record.clock == "none" or not AHEAD_MS < ahead_ms <= DAY_MS:
        return None
    return f"t is {ahead_ms // 1000} s ahead"


def _clock_past(case: Case) -> str | None:
    """t is before 2020-01-01."""
    if case.record.clock == "none" or case.record.t >= EPOCH_MS:
        return None
    return f"t is {case.record.t} ms, before 2020"


def _clock_back(case: Case) -> str | None:
    """t is more than a minute before that of an earlier record of the log."""
    past, record = case.past, case.record
    if past is None or past.t is None or record.clock == "none" or record.seq <= past.seq:
        return None
    back_ms = past.t - record.t
    return f"t is {back_ms // 1000} s before record {past.seq}'s" if back_ms > BACK_MS else None


def _other_unit(case: Case) -> str | None:
    """A unit sends a kind that only other units have."""
    units = UNITS_OF_KIND.get(case.record.kind)
    if units is None or case.device.unit in units:
        return None
    return f"{case.record.kind} from a {case.device.unit}; expected from: {', '.join(units)}"


def _unknown_bay(case: Case) -> str | None:
    """The bay is not among the bays that devices.json lists for the device (if it lists any)."""
    bay = case.record.bay
    if bay is UNSET or not case.device.bays or case.device.bay(bay):
        return None
    return f"bay {bay}; the device has {', '.join(str(b.bay) for b in case.device.bays)}"


def _wrong_category(case: Case) -> str | None:
    """The category is not the one that devices.json gives for the bay."""
    bay = case.device.bay(case.record.bay)
    if bay is None or bay.category == case.record.category:
        return None
    return f"{case.record.category} in bay {bay.bay}, which is for {bay.category}"


def _deposit_net(case: Case) -> str | None:
    """net_g is not after_g - before_g, by more than the larger of 1 g and e_g."""
    record = case.record
    if abs(record.after_g - record.before_g - record.net_g) <= max(NET_SLACK_G, record.e_g):
        return None
    return f"after {record.after_g} g - before {record.before_g} g is not net {record.net_g} g"


def _weigh_net(case: Case) -> str | None:
    """net_g is not gross_g - tare_g, by more than 1 g."""
    record = case.record
    if abs(record.gross_g - record.tare_g - record.net_g) <= NET_SLACK_G:
        return None
    return f"gross {record.gross_g} g - tare {record.tare_g} g is not net {record.net_g} g"


def _net_not_positive(case: Case) -> str | None:
    """net_g is zero or less."""
    return f"net {case.record.net_g} g" if case.record.net_g <= 0 else None


def _over_capacity(case: Case) -> str | None:
    """net_g is more than the bay's capacity_g of devices.json."""
    bay = case.device.bay(case.record.bay)
    if bay is None or bay.capacity_g is None or case.record.net_g <= bay.capacity_g:
        return None
    return f"net {case.record.net_g} g; the bay holds {bay.capacity_g} g"


def _position_jump(case: Case) -> str | None:
    """The distance to the last fix of the log is more than 50 m + 40 m/s times the time between them."""
    past, record = case.past, case.record
    if past is None or past.fix is None or record.clock == "none" or record.seq <= past.fix.seq:
        return None
    seconds = max(0, record.t - past.fix.t) / 1000
    metres = distance_m(past.fix, record)
    if metres <= JUMP_SLACK_M + SPEED_MAX_MPS * seconds:
        return None
    return f"{metres:.0f} m in {seconds:.1f} s from record {past.fix.seq}"


def _speed_range(case: Case) -> str | None:
    """speed_cmps is more than 40 m/s."""
    speed = case.record.speed_cmps
    return f"{speed / 100:.1f} m/s" if speed is not UNSET and speed > SPEED_MAX_MPS * 100 else None


def _temp_range(case: Case) -> str | None:
    """temp_dc is outside -40 to 85 °C."""
    temp = case.record.temp_dc
    return f"{temp / 10:.1f} °C" if temp is not UNSET and not TEMP_DC[0] <= temp <= TEMP_DC[1] else None


def _battery_range(case: Case) -> str | None:
    """battery_mv is outside 2.0 to 4.5 V (bin) or 9 to 36 V (truck)."""
    voltage, limits = case.record.battery_mv, BATTERY_MV.get(case.device.unit)
    if voltage is UNSET or limits is None or limits[0] <= voltage <= limits[1]:
        return None
    return f"{voltage} mV"


def distance_m(a: Position, b: Position) -> float:
    """Great-circle distance of two positions in metres (haversine, spherical earth)."""
    lat_a, lat_b = math.radians(a.lat_e7 / 1e7), math.radians(b.lat_e7 / 1e7)
    half_lat = (lat_b - lat_a) / 2
    half_lon = math.radians((b.lon_e7 - a.lon_e7) / 1e7) / 2
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(min(1.0, h)))


CHECKS: tuple[Check, ...] = (
    Check(1, "clock-none", Effect.RETIME, _clock_none),
    Check(2, "clock-future", Effect.RETIME, _clock_future),
    Check(3, "clock-ahead", Effect.FLAG, _clock_ahead),
    Check(4, "clock-past", Effect.RETIME, _clock_past),
    Check(5, "clock-back", Effect.FLAG, _clock_back),
    Check(6, "other-unit", Effect.FLAG, _other_unit),
    Check(7, "unknown-bay", Effect.FLAG, _unknown_bay, (Deposit, Collect, Reading)),
    Check(8, "wrong-category", Effect.FLAG, _wrong_category, (Deposit, Collect)),
    Check(9, "net-mismatch", Effect.QUARANTINE, _deposit_net, (Deposit,)),
    Check(10, "net-mismatch", Effect.QUARANTINE, _weigh_net, (Weigh,)),
    Check(11, "net-not-positive", Effect.FLAG, _net_not_positive, (Deposit, Collect)),
    Check(12, "over-capacity", Effect.FLAG, _over_capacity, (Deposit,)),
    Check(13, "position-jump", Effect.FLAG, _position_jump, (Position,)),
    Check(14, "speed-range", Effect.FLAG, _speed_range, (Position,)),
    Check(15, "temp-range", Effect.FLAG, _temp_range, (Reading,)),
    Check(16, "battery-range", Effect.FLAG, _battery_range, (Reading,)),
)

_BY_KIND: dict[type[RecordBase], tuple[Check, ...]] = {
    kind: tuple(rule for rule in CHECKS if not rule.kinds or kind in rule.kinds) for kind in KINDS.values()
}
