"""What a log said before is a fold over its last numbers: the same whenever, and in whatever order, made."""

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gateway.checks import HORIZON, Case, Past, Verdict, check
from gateway.checks.glance import GLANCES
from gateway.checks.table import CHECKS, rules_of
from gateway.contract_types import RecordBase
from gateway.devices import Device
from gateway.journal import Outcome
from tests.checks.examples import BIN, NOW, TRUCK, deposit, door, position, reading
from tests.checks.histories import histories

Judged = tuple[RecordBase, Verdict]


def live(device: Device, records: list[RecordBase], past: Past) -> list[Judged]:
    """Judge as intake does."""
    judged = []
    for record in records:
        verdict = check(Case(record, device, NOW, past.at(record.seq)))
        learn(past, record, verdict)
        judged.append((record, verdict))
    return judged


def learn(past: Past, record: RecordBase, verdict: Verdict) -> None:
    past.learn(record, verdict.codes, verdict.outcome is not Outcome.QUARANTINED)


def rebuilt(judged: list[Judged], seq: int) -> Past:
    """As after a restart: from what the journal holds under the numbers before `seq`, and nothing else."""
    past = Past()
    for record, verdict in judged:
        if seq - HORIZON <= record.seq < seq:
            learn(past, record, verdict)
    return past


@given(histories(), st.data())
def test_live_and_made_again_from_the_journal_are_equal_wherever_the_process_was_restarted(
    history: tuple[Device, list[RecordBase]], data: st.DataObject
) -> None:
    device, records = history
    past = Past()
    judged = live(device, records, past)
    split = data.draw(st.integers(0, len(records)))
    again = rebuilt(judged, records[split].seq) if split < len(records) else Past()
    assert live(device, records[split:], again) == judged[split:]
    if records:
        last = records[-1].seq + 1
        assert past.at(last) == rebuilt(judged, last).at(last)


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_records_are_learnt_and_how_often_makes_no_difference(
    history: tuple[Device, list[RecordBase]], rng: random.Random
) -> None:
    device, records = history
    judged = live(device, records, Past())
    shuffled = judged + [one for one in judged if rng.random() < 0.3]
    rng.shuffle(shuffled)
    in_order, in_disorder = Past(), Past()
    for record, verdict in judged:
        learn(in_order, record, verdict)
    for record, verdict in shuffled:
        learn(in_disorder, record, verdict)
    end = records[-1].seq + 1 if records else 0
    assert in_order.at(end) == in_disorder.at(end)


@given(histories())
@settings(max_examples=300)
def test_a_glance_says_yes_only_where_none_of_its_rules_finds_anything(
    history: tuple[Device, list[RecordBase]],
) -> None:
    device, records = history
    past = Past()
    for record in records:
        case = Case(record, device, NOW + 3_600_000, past.at(record.seq))
        by_rules = [rule.code for rule in rules_of(type(record)) if rule.find and rule.find(case)]
        assert set(check(case).codes) == set(by_rules), (
            "a glance hides what a rule finds: gateway/checks/glance.py"
        )
        learn(past, record, check(case))


def test_glances_cover_rules_that_exist_and_see_the_ordinary_record() -> None:
    numbers = {rule.number for rule in CHECKS}
    for glance in GLANCES:
        assert glance.covers <= numbers
    past = Past()
    ordinary: dict[str, Case] = {}
    for n in range(40):
        record = reading(seq=n, t=NOW + n, bay=0, mass_g=1000 + n, fill_pct=20, temp_dc=200, battery_mv=3900)
        ordinary["bin"] = Case(record, BIN, NOW + n, past.at(n))
        past.learn(record) if n < 39 else None
    moving = Past()
    moving.learn(position(seq=1, t=NOW))
    ordinary["truck"] = Case(position(391_200_090, seq=2, t=NOW + 1000), TRUCK, NOW + 1000, moving.at(2))
    paying = Past()
    for n in range(2):
        paying.learn(deposit(before=1000 + 500 * n, seq=n, t=NOW + n, session=f"s-{n}"))
    visit = deposit(before=2000, seq=2, t=NOW + 2, session="s-2")
    ordinary["visit"] = Case(visit, BIN, NOW + 2, paying.at(2))
    in_order, calm, sound, near = GLANCES
    for glance, name in ((in_order, "bin"), (calm, "bin"), (sound, "visit"), (near, "truck")):
        assert glance.sees(*structs.astuple(ordinary[name]))


def test_what_is_older_than_the_horizon_is_forgotten() -> None:
    past = Past()
    past.learn(deposit(seq=10))
    for seq in range(11, 11 + HORIZON - 1):
        past.learn(door(seq=seq))
    at_the_edge = deposit(seq=10 + HORIZON)
    assert check(Case(at_the_edge, BIN, NOW, past.at(at_the_edge.seq))).outcome is Outcome.QUARANTINED
    past.learn(door(seq=10 + HORIZON))
    beyond = deposit(seq=11 + HORIZON)
    assert check(Case(beyond, BIN, NOW, past.at(beyond.seq))).outcome is not Outcome.QUARANTINED


@pytest.mark.parametrize("bays", [1, 4])
def test_ten_thousand_logs_fit_into_forty_megabytes(bays: int) -> None:
    logs = 200
    tracemalloc.start()
    try:
        pasts = []
        for log in range(logs):
            past = Past()
            for seq in range(3 * HORIZON):
                if seq % 9 == 0:
                    past.learn(deposit(seq=seq, bay=seq % bays, session=f"{log:08x}-{seq}", before=log * 5))
                else:
                    masses = {"mass_g": 1000 + seq + log, "fill_pct": seq % 100}
                    past.learn(
                        reading(seq=seq, bay=seq % bays, temp_dc=300 + seq, battery_mv=3900 + seq, **masses)
                    )
                past.at(seq + 1)
            pasts.append(past)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / logs * 10_000 < 40e6
