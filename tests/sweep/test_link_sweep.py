"""The sweep of link faults in a small form: each kind once; and the proof that it can fail."""

import random

import pytest

from simulators.sweep.link import faults
from simulators.sweep.link.__main__ import rounds
from simulators.sweep.link.faults import KINDS
from simulators.sweep.link.round import Round

SEED = 20261121


def test_every_kind_of_fault_is_overcome_in_time_and_costs_no_record() -> None:
    played = [one.play() for one in rounds(SEED, len(KINDS))]
    outcomes = [outcome for one in played for outcome in one.outcomes]
    assert sorted(outcome.fault.kind for outcome in outcomes) == sorted(KINDS)
    assert [f"{outcome.fault}: {outcome.miss}" for outcome in outcomes if outcome.miss] == []
    assert [lost for one in played for lost in one.lost] == []


def test_a_round_can_be_repeated() -> None:
    kinds = random.Random(SEED).sample(list(KINDS), 3)
    assert Round(7, kinds).play().outcomes == Round(7, kinds).play().outcomes


def test_a_link_that_is_slower_than_stated_is_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "FIRST_S", -1000)
    one = Round(SEED, ["clean-close", "half-open"]).play()
    assert [outcome.miss.startswith("back after") for outcome in one.outcomes] == [True, True]
