"""The sweep of the doors in small; and proof that its judge finds what could go wrong."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from simulators.sweep.door.__main__ import main
from simulators.sweep.door.judge import judge

Lines = list[dict[str, Any]]
BAYS = {"lock0": 1}
LOCKED = {"lock0": (True, True)}


def test_half_a_day_of_mischief_pays_what_happened() -> None:
    done = CliRunner().invoke(main, ["--days", "0.4", "--seed", "3", "--only", "0", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.output.splitlines()[-1])
    assert facts["findings"] == {}
    counts = facts["counts"]
    assert counts["deposit"] > 15
    assert counts["cut"] > 10
    assert counts["faults"] >= 1


def truth() -> Lines:
    put = {"t": 9, "what": "deposit", "bay": 1, "mass_g": 1250, "token": "anna", "thanked": True}
    return [put, {**put, "t": 99, "mass_g": 900, "token": "bert", "thanked": False}]


def records() -> Lines:
    def door(state: str) -> dict[str, Any]:
        return {"kind": "door", "door": "lock0", "state": state, "cause": "user"}

    def visit(kind: str, session: str, user: str, **more: Any) -> Lines:
        end = {"kind": kind, "session": session, "bay": 1, "user": user, "open_ms": 5, **more}
        return [door("unlocked"), door("open"), door("closed"), door("locked"), end]

    paid = visit("deposit", "a-1", "anna", net_g=1260, e_g=20)
    return paid + visit("session", "b-1", "bert", outcome="unstable")


def found(happened: Lines, logged: Lines, doors: dict[str, tuple[bool, bool]] = LOCKED) -> set[str]:
    return {kind for kind, _ in judge(happened, logged, doors, BAYS).findings}


def test_a_good_story_has_no_findings() -> None:
    verdict = judge(truth(), records(), LOCKED, BAYS)
    assert verdict.findings == []
    assert verdict.counts["refused with a reason"] == 1


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda r: r[4].update(net_g=1350), "paid-for-nothing"),
        (lambda r: r[4].update(user="carl"), "paid-for-nothing"),
        (lambda r: r.insert(5, {**r[4], "session": "a-2"}), "paid-twice"),
        (lambda r: r.insert(5, r[4]), "session-twice"),
        (lambda r: r.pop(4), "thanked-unrecorded"),
        (lambda r: r.pop(9), "no-end"),
        (lambda r: r.pop(9), "missing"),
        (lambda r: r[9].update(outcome="nothing"), "missing"),
        (lambda r: r.append({**r[9], "session": "b-2"}), "two-ends"),
        (lambda r: r.append({"kind": "fault", "code": "task-died"}), "crash"),
    ],
)
def test_what_could_go_wrong_is_found(change: Any, finding: str) -> None:
    logged = records()
    change(logged)
    assert finding in found(truth(), logged)


@pytest.mark.parametrize("door", [(False, True), (True, False), (False, False)])
def test_a_door_that_does_not_stand_as_it_was_recorded_is_found(door: tuple[bool, bool]) -> None:
    assert found(truth(), records(), {"lock0": door}) == {"wrong-state"}
