"""A task's death is noticed, recorded and repaired; what cannot be repaired leaves a breadcrumb and a
reset.
"""

import json
from typing import Any

from tests.device.interpreter import run_in_vm


def supervise(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_in_vm("supervisor_run.py", kind).splitlines()[-1])
    return found


def faults(outcome: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(r["part"], r["code"], r["state"]) for r in outcome["records"]]


def test_a_task_that_dies_is_recorded_started_again_and_cleared_when_it_has_recovered() -> None:
    outcome = supervise("once")
    assert outcome["runs"] == ["once", "once"]
    assert not outcome["reset"]
    assert outcome["fed"]
    assert faults(outcome) == [("once", "task-died", "raised"), ("once", "task-died", "cleared")]
    assert outcome["records"][0]["detail"] == "ValueError broken"


def test_a_task_that_keeps_dying_restarts_the_device_with_a_breadcrumb() -> None:
    outcome = supervise("always")
    assert outcome["runs"] == ["always"] * 3
    assert outcome["reset"]
    assert outcome["why"].startswith("task-died: always died 3 times: OSError")
    assert faults(outcome) == [("always", "task-died", "raised")]


def test_a_task_that_is_overdue_restarts_the_device_with_a_breadcrumb() -> None:
    outcome = supervise("hangs")
    assert outcome["reset"]
    assert outcome["why"] == "stuck: hangs"


def test_a_task_may_end() -> None:
    outcome = supervise("ends")
    assert (outcome["runs"], outcome["reset"], outcome["records"]) == (["ends"], False, [])


def test_the_black_box_names_of_what_a_task_died() -> None:
    events = [(code, detail) for code, _clock, detail in supervise("always")["events"]]
    assert [code for code, _detail in events] == ["panic", "error", "error", "error"]
    assert events[1][1].startswith("OSError")
