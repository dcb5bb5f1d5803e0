"""Each rule finds what it is for and nothing beside it; no record of the contract can make a rule fail."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from msgspec import UNSET

from gateway.checks import CHECKS, Case, Effect, Past, check, distance_m
from gateway.cli.config import checks_page
from gateway.codes import CODES
from gateway.contract import decode_record
from gateway.contract_types import KINDS, Collect, Deposit, Door, Position, Reading, RecordBase, Weigh
from gateway.devices import Bay, Device
from gateway.journal import Outcome

NOW = 1_763_715_600_000
BIN = Device("bin-001", "bin", bays=(Bay(0, "paper", capacity_g=10_000), Bay(1, "glass")))
TRUCK = Device("truck-001", "truck")
STATION = Device("station-1", "station")


def reading(**values: int) -> Reading:
    return Reading(**{"seq": 1, "t": NOW, "clock": "ntp", **values})  # type: ignore[arg-type]


def deposit(
    net: int = 500, before: int = 1000, after: int = 1500, bay: int = 0, category: str = "paper"
) -> Deposit:
    return Deposit(1, NOW, "ntp", "s1", bay, category, net, before, after, 5, "c1", False, 9000)


def position(seq: int, t: int, lat: int, lon: int = 1_171_500_000, speed: int | None = None) -> Position:
    return Position(seq, t, "gnss", lat, lon, UNSET if speed is None else speed)


def codes(
    record: RecordBase, device: Device = BIN, past: Past | None = None, now: int = NOW
) -> tuple[str, ...]:
    return check(Case(record, device, now, past)).codes


@pytest.mark.parametrize(
    ("code", "good", "bad"),
    [
        ("clock-none", reading(), Reading(1, NOW, "none")),
        ("clock-future", reading(t=NOW + 86_400_000), reading(t=NOW + 86_400_001)),
        ("clock-ahead", reading(t=NOW + 300_000), reading(t=NOW + 300_001)),
        ("clock-past", reading(t=1_577_836_800_000), reading(t=1_577_836_799_999)),
        ("unknown-bay", reading(bay=1), reading(bay=2)),
        ("unknown-bay", deposit(bay=0), deposit(bay=7)),
        ("wrong-category", deposit(bay=1, category="glass"), deposit(bay=1, category="paper")),
        ("net-mismatch", deposit(net=505), deposit(net=506)),
        ("net-not-positive", deposit(net=1, after=1001), deposit(net=0, after=1000)),
        ("over-capacity", deposit(10_000, 0, 10_000), deposit(10_001, 0, 10_001)),
        ("net-not-positive", Collect(1, NOW, "ntp", 0, "paper", 1), Collect(1, NOW, "ntp", 0, "paper", 0)),
        ("temp-range", reading(temp_dc=850), reading(temp_dc=851)),
        ("battery-range", reading(battery_mv=2000), reading(battery_mv=1999)),
    ],
)
def test_a_bin_record_earns_its_code_just_beyond_the_limit(
    code: str, good: RecordBase, bad: RecordBase
) -> None:
    assert code not in codes(good)
    assert code in codes(bad)


def test_a_net_weight_that_contradicts_gross_and_tare_is_quarantined() -> None:
    good = Weigh(1, NOW, "ntp", "bridge", 12_000_000, 9_000_000, 3_000_001, stable=True)
    bad = Weigh(1, NOW, "ntp", "bridge", 12_000_000, 9_000_000, 3_000_002, stable=True)
    assert check(Case(good, STATION, NOW)).outcome is Outcome.ACCEPTED
    verdict = check(Case(bad, STATION, NOW))
    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.codes == ("net-mismatch",)
    assert "12000000" in verdict.detail


def test_a_quarantining_rule_gives_the_first_code_even_when_others_found_something_before() -> None:
    record = Weigh(1, NOW, "none", "bridge", 5, 0, 100, stable=True)
    verdict = check(Case(record, STATION, NOW))
    assert verdict.codes == ("net-mismatch", "clock-none")
    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.t_ms == NOW


def test_an_unusable_clock_takes_the_time_of_arrival() -> None:
    for record in (Reading(1, 5, "none"), reading(t=NOW + 90_000_000), reading(t=5)):
        verdict = check(Case(record, BIN, NOW))
        assert verdict.outcome is Outcome.FLAGGED
        assert verdict.t_ms == NOW
    assert check(Case(reading(t=NOW + 400_000), BIN, NOW)).t_ms is None


def test_a_unit_that_sends_what_only_others_send_is_flagged() -> None:
    assert codes(deposit(), TRUCK) == ("other-unit",)
    assert codes(position(1, NOW, 391_200_000), BIN) == ("other-unit",)
    assert codes(Door(1, NOW, "ntp", "cargo", "open"), TRUCK) == ()


def test_a_truck_may_drive_40_metres_a_second_and_no_more() -> None:
    past = Past()
    past.learn(position(1, NOW, 391_200_000))
    ten_seconds_on = position(2, NOW + 10_000, 391_200_000 + 40_000)  # 445 m north
    assert codes(ten_seconds_on, TRUCK, past) == ()
    assert codes(position(2, NOW + 9_000, 391_200_000 + 40_000), TRUCK, past) == ("position-jump",)
    # Sent again, late, or without a clock: there is nothing to compare with.
    assert codes(position(1, NOW, 401_200_000), TRUCK, past) == ()
    assert codes(position(2, NOW, 391_200_000, speed=4_001), TRUCK, past) == ("speed-range",)


def test_a_clock_that_goes_back_by_more_than_a_minute_is_flagged_once() -> None:
    past = Past()
    past.learn(reading(seq=5, t=NOW))
    assert codes(reading(seq=6, t=NOW - 60_000), past=past) == ()
    back = reading(seq=6, t=NOW - 60_001)
    assert codes(back, past=past) == ("clock-back",)
    past.learn(back)
    assert codes(reading(seq=7, t=NOW - 60_000), past=past) == ()


def test_a_record_sent_again_changes_no_past() -> None:
    past = Past()
    past.learn(position(7, NOW, 391_200_000))
    past.learn(position(3, NOW - 9_000, 0))
    assert (past.seq, past.t) == (7, NOW)
    assert past.fix == position(7, NOW, 391_200_000)


def test_distances_are_those_of_the_sphere() -> None:
    equator = position(1, 0, 0, 0)
    assert distance_m(equator, position(2, 0, 0, 10_000_000)) == pytest.approx(
        111_195, rel=1e-4
    )  # one degree
    assert distance_m(equator, position(2, 0, 0, 1_800_000_000)) == pytest.approx(20_015_115, rel=1e-4)
    assert distance_m(equator, equator) == 0


def _valid(kind: type[RecordBase]) -> st.SearchStrategy[dict[str, object]]:
    """Any JSON that decodes to this kind, extremes among it."""
    (schema,) = msgspec.json.schema(kind)["$defs"].values()
    values = {name: from_schema(part) for name, part in schema["properties"].items()}
    required = {name: values.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(required, optional=values)


records = st.sampled_from(list(KINDS.values())).flatmap(_valid)


@given(
    record=records,
    before=records,
    device=st.sampled_from((BIN, TRUCK, STATION)),
    now=st.integers(0, 9_223_372_036_853),
)
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=150)
def test_no_record_of_the_contract_makes_a_rule_fail(
    record: object, before: object, device: Device, now: int
) -> None:
    earlier = decode_record(msgspec.json.encode(before)).record
    item = decode_record(msgspec.json.encode(record))
    assert item.record is not None
    assert earlier is not None
    past = Past()
    past.learn(earlier)
    verdict = check(Case(item.record, device, now, past))
    known = {rule.code: rule.effect for rule in CHECKS}
    effects = {known[code] for code in verdict.codes}
    assert (verdict.outcome is Outcome.QUARANTINED) == (Effect.QUARANTINE in effects)
    assert (verdict.outcome is Outcome.ACCEPTED) == (not verdict.codes) == (not verdict.detail)
    assert (verdict.t_ms is not None) == (Effect.RETIME in effects)


def test_each_rule_has_its_own_number_and_words_in_both_languages() -> None:
    numbers = [rule.number for rule in CHECKS]
    assert numbers == sorted(set(numbers))
    for rule in CHECKS:
        assert rule.rule
        assert all(CODES[rule.code])


def test_the_page_about_checks_is_the_one_that_the_table_makes() -> None:
    page = Path(__file__).parents[2] / "docs" / "checks.md"
    assert page.read_text("utf-8") == checks_page(), "run: huishou config checks > docs/checks.md"
