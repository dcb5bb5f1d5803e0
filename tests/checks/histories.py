"""Histories of one log, as hypothesis draws them: values near the limits of many rules, numbers that rise."""

from typing import Any

from hypothesis import strategies as st

from gateway.contract_types import RecordBase
from gateway.devices import Device
from tests.checks.examples import (
    BIN,
    EAST_E7,
    LAT,
    LON,
    METRE_E7,
    NORTH_E7,
    NOW,
    TRUCK,
    boot,
    collect,
    deposit,
    door,
    fence,
    position,
    reading,
    session,
)

_CLOCKS = st.sampled_from(("ntp", "ntp", "rtc", "rtc", "gnss", "back", "none"))
_STEPS_MS = st.sampled_from((0, 1_000, 5_000, 60_000, 900_000, 900_000, 900_000, -60_001, 4 * 86_400_000))
_BAYS = st.sampled_from((0, 0, 0, 1, 7))
_MASSES = st.sampled_from((0, 1000, 1000, 1020, 1150, 1300, 1600, 9000, 11_001, -501))
_FILLS = st.sampled_from((10, 10, 20, 45, 55, 100))


def _with(make: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, dict[str, Any]]]:
    return st.tuples(st.just(make), st.fixed_dictionaries({}, optional=fields))


_BIN = st.one_of(
    _with(reading, bay=_BAYS, mass_g=_MASSES, fill_pct=_FILLS),
    _with(reading, bay=_BAYS, mass_g=_MASSES, fill_pct=_FILLS),
    _with(
        reading, temp_dc=st.sampled_from((200, 250, 301, 851)), battery_mv=st.sampled_from((3900, 3300, 4501))
    ),
    _with(deposit, bay=_BAYS, before=_MASSES, session=st.sampled_from(("s1", "s2", "s3"))),
    _with(session, bay=_BAYS, outcome=st.just("nothing"), open_ms=st.just(9)),
    _with(lambda **v: collect(v.pop("net", 900), **v), net=_MASSES, bay=_BAYS),
    _with(door, state=st.sampled_from(("open", "closed", "forced"))),
    _with(boot),
)
_SPOTS = (0, 1, 40 * METRE_E7, 400 * METRE_E7, 3_000 * METRE_E7)
_TRUCK = st.one_of(
    _with(
        position,
        lat=st.sampled_from([LAT + spot for spot in _SPOTS] + [LAT + NORTH_E7, 0]),
        lon=st.sampled_from((LON, LON, LON + EAST_E7, 0)),
        speed_cmps=st.sampled_from((0, 500, 4_001)),
    ),
    _with(fence, lat=st.sampled_from([LAT + spot for spot in _SPOTS])),
    _with(reading, battery_mv=st.sampled_from((24_000, 36_001)), temp_dc=st.sampled_from((200, 900))),
)


@st.composite
def histories(draw: st.DrawFn, longest: int = 30) -> tuple[Device, list[RecordBase]]:
    """A device, and records of one log in the order of their numbers; some numbers may be missing."""
    device, kinds = draw(st.sampled_from(((BIN, _BIN), (TRUCK, _TRUCK))))
    seq, t = draw(st.sampled_from((0, 1, 500))), NOW
    records: list[RecordBase] = []
    for make, fields in draw(st.lists(kinds, max_size=longest)):
        t += draw(_STEPS_MS)
        records.append(make(**fields, seq=seq, t=t, clock=draw(_CLOCKS)))
        seq += draw(st.sampled_from((1, 1, 1, 1, 1, 1, 3, 60)))
    return device, records
