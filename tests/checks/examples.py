"""Records to judge: a constructor for each kind, with plain values that no rule finds; and EXAMPLES: for each
rule one line or more.
"""

from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from gateway.checks import DEFAULTS, HORIZON, Case, Limits, Past
from gateway.contract_types import (
    Boot,
    Collect,
    Deposit,
    Door,
    Fence,
    Position,
    Reading,
    RecordBase,
    Session,
    Weigh,
)
from gateway.devices import Bay, Device

NOW = 1_763_715_600_000
DAY = 86_400_000
HOUR = 3_600_000
BIN = Device("bin-001", "bin", bays=(Bay(0, "paper", capacity_g=10_000), Bay(1, "glass")))
TRUCK = Device("truck-001", "truck")
STATION = Device("station-1", "station")
UNIT: dict[type[RecordBase], Device] = {Position: TRUCK, Fence: TRUCK, Weigh: STATION}
NANKAI = 391_200_000, 1_171_500_000


def _common(values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"seq": 100, "t": NOW, "clock": "ntp", **more, **values}


def reading(**values: Any) -> Reading:
    return Reading(**_common(values))


def deposit(net: int = 500, before: int = 1000, after: int | None = None, **values: Any) -> Deposit:
    masses = {"net_g": net, "before_g": before, "after_g": before + net if after is None else after}
    more = {"session": "s1", "bay": 0, "category": "paper", "e_g": 5, "cal": "c1", "open_ms": 9000}
    fields = _common(values, **more, **masses)
    return Deposit(**{"below_min": fields["net_g"] < 20 * fields["e_g"], **fields})


def session(**values: Any) -> Session:
    return Session(**_common(values, session="s0", bay=0, outcome="removed"))


def collect(net: int, **values: Any) -> Collect:
    return Collect(**_common(values, bay=0, category="paper", net_g=net))


def weigh(gross: int = 12_000, tare: int = 9_000, net: int | None = None, **values: Any) -> Weigh:
    net_g = gross - tare if net is None else net
    return Weigh(**_common(values, scale="bridge", gross_g=gross, tare_g=tare, net_g=net_g, stable=True))


def position(lat: int = NANKAI[0], lon: int = NANKAI[1], **values: Any) -> Position:
    return Position(**_common(values, clock="gnss", lat_e7=lat, lon_e7=lon))


def fence(lat: int = NANKAI[0], lon: int = NANKAI[1], **values: Any) -> Fence:
    return Fence(**_common(values, clock="gnss", fence="depot", event="enter", lat_e7=lat, lon_e7=lon))


def door(**values: Any) -> Door:
    return Door(**_common(values, door="lock0", state="open"))


def boot(**values: Any) -> Boot:
    return Boot(**_common(values, reason="power-on", fw="1.2.0", hw="bin-s3"))


METRE_E7 = 90  # of latitude: 1.0008 m
LAT, LON = NANKAI
EAST_E7, NORTH_E7 = 63_901, 11_188  # 551.5 m and 124.4 m: the shift to GCJ-02 at Nankai


class Example(NamedTuple):
    """`good` is not found by rule `number`, `bad` is; `before`: what the log said before."""

    number: int
    good: RecordBase
    bad: RecordBase
    before: tuple[RecordBase, ...] = ()
    device: Device | None = None
    limits: Limits = DEFAULTS

    def case(self, record: RecordBase) -> Case:
        device = self.device or UNIT.get(type(record), BIN)
        return Case(record, device, NOW, past_of(*self.before).at(record.seq), self.limits)


def past_of(*records: RecordBase) -> Past:
    past = Past()
    for record in records:
        past.learn(record)
    return past


def looks(*values: tuple[int, int]) -> tuple[Reading, ...]:
    """Readings of bay 0 with (mass_g, fill_pct), the last one under number 99."""
    first = 100 - len(values)
    return tuple(
        reading(seq=first + n, bay=0, mass_g=mass, fill_pct=fill) for n, (mass, fill) in enumerate(values)
    )


DISTRICT = Limits(district=(39.0, 117.0, 39.2, 117.3))
RANGED = msgspec.structs.replace(BIN, ranges={"temp_dc": (-100, 400)})
DRIVEN = position(seq=99, t=NOW - 10_000, speed_cmps=0)
RTC = tuple(reading(seq=n + 100, clock="rtc") for n in range(HORIZON))
EMPTY = tuple(session(seq=n, outcome="nothing", open_ms=9) for n in range(95, 100))
FULL_BAY_1 = (
    *(replace(one, bay=1) for one in EMPTY),
    reading(seq=94, bay=0, fill_pct=84),
    reading(seq=94, bay=1, fill_pct=85),
)
FULLER = tuple(reading(seq=n, bay=1, mass_g=0, fill_pct=20) for n in (100, 110, 130))

EXAMPLES = (
    Example(1, reading(), reading(clock="none")),
    Example(2, reading(t=NOW + DAY), reading(t=NOW + DAY + 1)),
    Example(3, reading(t=NOW + 300_000), reading(t=NOW + 300_001)),
    Example(3, reading(t=NOW + DAY + 1), reading(t=NOW + DAY)),
    Example(4, reading(t=1_577_836_800_000), reading(t=1_577_836_799_999)),
    Example(5, reading(t=NOW - 60_000), reading(t=NOW - 60_001), (reading(seq=98),)),
    Example(6, deposit(), position(), device=BIN),
    Example(6, door(), deposit(), device=TRUCK),
    Example(7, reading(bay=1), reading(bay=2)),
    Example(7, deposit(bay=0), deposit(bay=7)),
    Example(8, deposit(bay=1, category="glass"), deposit(bay=1, category="paper")),
    Example(9, deposit(net=505, after=1500), deposit(net=506, after=1500)),
    Example(10, weigh(net=3_001), weigh(net=3_002)),
    Example(11, deposit(net=1), deposit(net=0)),
    Example(11, collect(1), collect(0)),
    Example(12, deposit(10_000, 0), deposit(10_001, 0)),
    Example(13, position(LAT + 449 * METRE_E7), position(LAT + 451 * METRE_E7), (DRIVEN,)),
    Example(14, position(speed_cmps=4_000), position(speed_cmps=4_001)),
    Example(15, reading(temp_dc=850), reading(temp_dc=851)),
    Example(15, reading(temp_dc=-400), reading(temp_dc=-401)),
    Example(16, reading(battery_mv=2_000), reading(battery_mv=1_999)),
    Example(16, reading(battery_mv=36_000), reading(battery_mv=36_001), device=TRUCK),
    Example(30, reading(t=NOW), reading(t=NOW + 1), (reading(seq=99, t=NOW - 3 * DAY),)),
    Example(30, boot(t=NOW + 1), reading(t=NOW + 1), (reading(seq=99, t=NOW - 3 * DAY),)),
    Example(31, reading(seq=100 + HORIZON, clock="ntp"), reading(seq=100 + HORIZON, clock="rtc"), RTC),
    Example(
        32, deposit(session="s2"), deposit(session="s1"), (deposit(seq=90), deposit(seq=95, session="s0"))
    ),
    Example(33, reading(bay=0, mass_g=11_000), reading(bay=0, mass_g=11_001)),
    Example(33, deposit(1, 10_999), deposit(1, 11_000)),
    Example(33, collect(11_000), collect(11_001)),
    Example(34, reading(mass_g=-500), reading(mass_g=-501)),
    Example(35, deposit(before=-500), deposit(before=-501)),
    Example(36, weigh(tare=-1), weigh(tare=-2)),
    Example(37, deposit(505, 1000), deposit(503, 1000)),
    Example(38, deposit(100, below_min=False), deposit(95, below_min=False)),
    Example(39, weigh(), weigh(stable=False)),
    Example(40, reading(bay=0, mass_g=1500), reading(bay=0, mass_g=1501), looks((1000, 20))),
    Example(
        40,
        reading(bay=0, mass_g=2001),
        reading(bay=1, mass_g=2001),
        (deposit(1000, 501, seq=99), reading(seq=98, bay=1, mass_g=0)),
    ),
    Example(41, deposit(before=1500), deposit(before=1505), looks((1000, 20))),
    Example(42, collect(1500), collect(1501), looks((1000, 20))),
    Example(
        43,
        reading(bay=0, mass_g=1200),
        reading(bay=0, mass_g=1201),
        looks((1100, 20), (1201, 20), (1100, 20)),
    ),
    Example(
        43,
        reading(bay=0, mass_g=1500),
        reading(bay=0, mass_g=1249),
        looks((1350, 20), (1200, 20), (1350, 20)),
    ),
    Example(44, session(outcome="nothing"), session(outcome="nothing", open_ms=9), EMPTY[1:]),
    Example(
        44,
        session(outcome="nothing", open_ms=9, bay=1),
        session(outcome="nothing", open_ms=9),
        (*EMPTY, *FULL_BAY_1),
    ),
    Example(
        45,
        reading(seq=150, bay=1, mass_g=4_999, fill_pct=20),
        reading(seq=150, bay=1, mass_g=5_000, fill_pct=20),
        FULLER,
    ),
    Example(
        45,
        reading(seq=150, bay=1, mass_g=5_000, fill_pct=21),
        reading(seq=150, bay=1, mass_g=5_000, fill_pct=20),
        FULLER,
    ),
    Example(46, reading(bay=0, fill_pct=60), reading(bay=0, fill_pct=61), looks((1000, 20))),
    Example(
        47, reading(temp_dc=600), reading(temp_dc=601), (reading(seq=90, t=NOW - HOUR // 6, temp_dc=400),)
    ),
    Example(
        48,
        reading(battery_mv=3_400),
        reading(battery_mv=3_399),
        (reading(seq=90, t=NOW - HOUR // 6, battery_mv=4_000),),
    ),
    Example(49, reading(temp_dc=400), reading(temp_dc=401), device=RANGED),
    Example(50, position(100_001, 0), position(100_000, 100_000)),
    Example(51, position(392_000_000), position(392_000_001), limits=DISTRICT),
    Example(
        52,
        position(LAT + NORTH_E7, LON + EAST_E7 + 3_000),
        position(LAT + NORTH_E7, LON + EAST_E7),
        (msgspec.structs.replace(DRIVEN, t=NOW - 5_000),),
    ),
    Example(
        53,
        position(LAT + 1, speed_cmps=301),
        position(speed_cmps=301),
        (position(seq=99, t=NOW - 5_000, speed_cmps=301),),
    ),
    Example(
        53,
        position(speed_cmps=300),
        position(speed_cmps=301),
        (position(seq=99, t=NOW - 5_000, speed_cmps=301),),
    ),
    Example(54, fence(LAT + 449 * METRE_E7), fence(LAT + 451 * METRE_E7), (DRIVEN,)),
)
