"""Each rule finds what it is for just beyond its limit, and nothing just before; no record makes one fail.

A new rule needs a line in `tests/checks/examples.py`.
"""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

import schemas
from gateway.checks import (
    CHECKS,
    DEFAULTS,
    HORIZON,
    Case,
    Check,
    Effect,
    Limits,
    Past,
    Stage,
    check,
    distance_m,
)
from gateway.checks.geo import gcj02_shift_m
from gateway.checks.page import explain
from gateway.codes import CODES
from gateway.contract import decode_record
from gateway.contract_types import KINDS, RecordBase
from gateway.devices import Device
from gateway.journal import Outcome
from tests.checks.examples import (
    BIN,
    DAY,
    DISTRICT,
    DRIVEN,
    EAST_E7,
    EXAMPLES,
    LAT,
    LON,
    METRE_E7,
    NORTH_E7,
    NOW,
    RANGED,
    STATION,
    TRUCK,
    Example,
    deposit,
    past_of,
    position,
    reading,
    session,
    weigh,
)

RULES = {rule.number: rule for rule in CHECKS}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e.number}-{RULES[e.number].code}")
def test_a_record_earns_the_rules_code_just_beyond_the_limit_and_not_before(example: Example) -> None:
    rule = RULES[example.number]
    assert rule.find is not None
    assert rule.find(example.case(example.good)) is None
    assert rule.find(example.case(example.bad))
    verdict = check(example.case(example.bad))
    assert rule.code in verdict.codes
    assert verdict.outcome is (
        Outcome.QUARANTINED if RULES_THAT_QUARANTINE & set(verdict.codes) else Outcome.FLAGGED
    )
    assert (rule.effect is Effect.RETIME) <= (verdict.t_ms == NOW)


RULES_THAT_QUARANTINE = {rule.code for rule in CHECKS if rule.effect is Effect.QUARANTINE}


@pytest.mark.parametrize(
    "rule", [r for r in CHECKS if r.stage is Stage.RECORD], ids=lambda r: f"{r.number}-{r.code}"
)
def test_each_rule_has_an_example_and_says_what_it_finds(rule: Check) -> None:
    number = rule.number
    assert number in {example.number for example in EXAMPLES}, (
        f"rule {number} has no example: add `Example({number}, …)` to EXAMPLES in tests/checks/examples.py"
    )
    assert RULES[number].rule.endswith("."), f"rule {number}: its function needs a docstring, a full sentence"


def test_each_rule_has_its_own_number_and_words_in_both_languages() -> None:
    numbers = [rule.number for rule in CHECKS]
    assert numbers == sorted(set(numbers)), "each row its own number, in ascending order"
    for rule in CHECKS:
        assert rule.code in CODES, f"{rule.code}: words missing in gateway/codes.py"
        for lang in ("en", "zh"):
            assert all(explain(rule.code, lang)), f"{rule.code}: words missing in gateway/codes.py"


def test_the_decoders_refusals_are_rows_of_the_table() -> None:
    refused = {
        example["code"] for example in schemas.example_index()["bad"] if "/down/" not in example["topic"]
    }
    rows = {rule.code for rule in CHECKS if rule.stage is Stage.DECODE}
    assert refused <= rows
    assert rows - refused <= {"unknown-device", "decode-failed", "bad-topic", "oversize"}


def test_the_reason_that_quarantines_comes_first() -> None:
    verdict = check(Case(weigh(net=5, clock="none"), STATION, NOW))
    assert verdict.codes == ("net-mismatch", "clock-none")
    assert verdict.outcome is Outcome.QUARANTINED
    assert verdict.t_ms == NOW
    assert "12000" in verdict.detail


def judge(past: Past, record: RecordBase, device: Device = TRUCK) -> tuple[str, ...]:
    verdict = check(Case(record, device, NOW + DAY, past.at(record.seq)))
    past.learn(record, verdict.codes, verdict.outcome is not Outcome.QUARANTINED)
    return verdict.codes


def test_one_bad_fix_is_found_once_and_a_real_move_is_too() -> None:
    past = past_of(DRIVEN)
    far = LAT + 3_000 * METRE_E7
    assert judge(past, position(far, seq=100)) == ("position-jump",)
    assert judge(past, position(seq=101, t=NOW + 1_000)) == ()  # it was bad: back where it was
    assert judge(past, position(far, seq=102, t=NOW + 2_000)) == ("position-jump",)
    assert judge(past, position(far + 900, seq=103, t=NOW + 3_000)) == ()  # it was right: carried there
    assert judge(past, position(far + 1800, seq=104, t=NOW + 4_000)) == ()


def test_places_in_the_wrong_datum_are_found_until_they_are_right_again() -> None:
    past = past_of(position(seq=99, t=NOW - 1_000, speed_cmps=800))
    for n in range(5):
        lat, lon = LAT + 720 * n, LON
        codes = judge(
            past, position(lat + NORTH_E7, lon + EAST_E7, seq=100 + n, t=NOW + 1_000 * n, speed_cmps=800)
        )
        assert "position-datum" in codes, n
    assert judge(past, position(LAT + 3600, seq=106, t=NOW + 6_000, speed_cmps=800)) == ()


def test_a_level_that_changed_is_told_once_and_so_is_a_single_wrong_weighing() -> None:
    past = past_of(reading(seq=99, bay=0, mass_g=1000))
    assert judge(past, reading(seq=100, bay=0, mass_g=3000), BIN) == ("mass-jump",)
    assert judge(past, reading(seq=101, bay=0, mass_g=1010), BIN) == ()
    assert "mass-jump" in judge(past, reading(seq=102, bay=0, mass_g=3000), BIN)
    assert judge(past, reading(seq=103, bay=0, mass_g=3010), BIN) == ()
    assert judge(past, session(seq=104), BIN) == ()  # somebody took something out, unweighed
    assert judge(past, reading(seq=105, bay=0, mass_g=100), BIN) == ()


def test_of_two_deposits_of_a_visit_the_one_that_comes_second_is_not_paid_in_whatever_order() -> None:
    past = past_of(deposit(seq=12))
    assert judge(past, deposit(seq=12), BIN) == ()  # sent again
    assert judge(past, deposit(seq=10), BIN)[0] == "session-twice"  # late, and paid already under 12
    assert judge(past, deposit(seq=13, before=1500), BIN)[0] == "session-twice"
    assert judge(past, deposit(seq=14, before=1500, session="s2"), BIN) == ()


def test_the_clock_of_one_wrong_record_is_not_held_against_the_next() -> None:
    past = past_of(reading(seq=99))
    assert judge(past, reading(seq=100, t=NOW + 3 * DAY), BIN) == ("clock-future",)
    assert judge(past, reading(seq=101, t=NOW + 1), BIN) == ()


def test_a_clock_is_untrusted_only_after_so_many_records_without_any_better_one() -> None:
    past = Past()
    for seq in range(500, 500 + HORIZON):
        assert judge(past, reading(seq=seq, clock="rtc"), BIN) == ()
    assert judge(past, reading(seq=500 + HORIZON, clock="rtc"), BIN) == ("clock-untrusted",)
    assert judge(past, reading(seq=501 + HORIZON, clock="ntp"), BIN) == ()
    assert judge(past, reading(seq=502 + HORIZON, clock="rtc"), BIN) == ()


def test_distances_are_those_of_the_sphere_and_the_datum_shift_that_of_nankai() -> None:
    assert distance_m(position(0, 0), position(0, 10_000_000)) == pytest.approx(111_195, rel=1e-4)
    assert distance_m(position(0, 0), position(0, 1_800_000_000)) == pytest.approx(20_015_115, rel=1e-4)
    assert distance_m(position(), position()) == 0
    assert gcj02_shift_m(position()) == pytest.approx((551.5, 124.4), abs=0.5)


def _valid(kind: type[RecordBase]) -> st.SearchStrategy[dict[str, object]]:
    """Any JSON that decodes to this kind, extremes among it."""
    (schema,) = msgspec.json.schema(kind)["$defs"].values()
    values = {name: from_schema(part) for name, part in schema["properties"].items()}
    required = {name: values.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(required, optional=values)


records = st.sampled_from(list(KINDS.values())).flatmap(_valid)


@given(
    record=records,
    before=st.lists(records, max_size=3),
    device=st.sampled_from((BIN, TRUCK, STATION, RANGED)),
    now=st.integers(0, 9_223_372_036_853),
    limits=st.sampled_from((DEFAULTS, DISTRICT)),
)
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=150)
def test_no_record_of_the_contract_makes_a_rule_fail(
    record: object, before: list[object], device: Device, now: int, limits: Limits
) -> None:
    past = Past()
    for earlier in before:
        known = decode_record(msgspec.json.encode(earlier)).record
        assert known is not None
        past.learn(known)
    found = decode_record(msgspec.json.encode(record)).record
    assert found is not None
    verdict = check(Case(found, device, now, past.at(found.seq), limits))
    effects = {rule.effect for rule in CHECKS if rule.code in verdict.codes}
    assert (verdict.outcome is Outcome.QUARANTINED) == (Effect.QUARANTINE in effects)
    assert (verdict.outcome is Outcome.ACCEPTED) == (not verdict.codes) == (not verdict.detail)
    assert (verdict.t_ms is not None) == (Effect.RETIME in effects)
