"""The log that fills, in the real interpreter: readings give way first, then visits; all of it is said, and
taken back when there is room again.
"""

import json
from functools import cache
from typing import Any

from tests.device.interpreter import run_in_vm


@cache
def told() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_in_vm("log_run.py"))
    return found


def test_readings_are_thinned_alike_for_each_bay_and_then_stop() -> None:
    spans = told()["spans"]
    shares = [first for first, _ in spans]
    assert all(first == second for first, second in spans if first in (0, 4, 8, 16, 32, 64))
    assert shares[0] == 64
    assert sorted(shares, reverse=True) == shares
    assert {32, 16, 8, 4} <= set(shares), "half, a quarter, an eighth, a sixteenth"
    assert shares[-1] == 0
    assert told()["thinned"] == ["log log-thinned"]
    assert told()["refused"]["reading"] == sum(128 - a - b for a, b in spans)


def test_weighings_have_the_reserve_to_themselves_and_its_end_is_said() -> None:
    assert told()["deposits"] > 100
    assert told()["more"] > 40, "a visit that has begun can be recorded to its end"
    assert told()["full"] == ["log log-thinned", "log log-full"]


def test_when_it_is_drained_everything_is_written_again() -> None:
    assert told()["drained"] == []
    assert told()["again"] == [10, 10]


def test_below_the_floor_a_record_is_refused_and_flash_not_touched() -> None:
    assert told()["low"] == [False, True]


def test_a_record_that_flash_lost_is_named_and_settled_with_the_gateway() -> None:
    found, lost = told()["damage"]
    assert found == [0, 1, 3, 4]
    assert lost == [[2, 2]]
    assert told()["told"] == [f"lost {told()['first'] + 2} to {told()['first'] + 2}"]
    assert told()["settled"] == []


def test_a_number_that_was_sent_is_not_given_again_whatever_flash_shows() -> None:
    assert told()["skipped"] == [7, [[1, 7]]]
