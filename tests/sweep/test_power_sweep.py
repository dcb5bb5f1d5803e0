"""The sweep of power cuts in small; and proof that it finds, shrinks, saves and replays what goes wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from simulators.sweep.power.command import SAVED, sweep
from simulators.sweep.power.judge import Ledger, judge
from simulators.sweep.power.plan import Plan, draw
from simulators.sweep.power.shrink import shrink
from tests.sweep.power_gateway import RealGateway
from tests.sweep.sweep_power import main

LOG = "0000000a"
PLAN = Plan(1, 0, 40, {boot: (boot + 1, 0) for boot in range(40)}, tuple(range(20)))


class Forgetful(RealGateway):
    """Acknowledges every other message of records without having stored it."""

    _heard = 0

    def take(self, now_ms: int, topic: str, payload: bytes) -> list[tuple[str, bytes]]:
        if topic.endswith("up/records"):
            self._heard += 1
            if self._heard % 2 == 0:
                body = json.loads(payload)
                ack = {"v": 1, "log": body["log"], "seq": body["recs"][-1]["seq"]}
                return [(topic.replace("up/records", "down/ack"), json.dumps(ack).encode())]
        return super().take(now_ms, topic, payload)


def facts(*arguments: str, command: Any = main) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(command, [*arguments])
    assert done.exit_code in (0, 1), done.output
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


def test_a_hundred_boots_at_a_rude_broker_lose_and_double_nothing() -> None:
    code, found = facts("--seed", "3", "--only", "1", "--boots", "100", "--tries", "0")
    assert (code, found["findings"]) == (0, {})
    counts = found["counts"]
    assert found["points"] > 40
    assert counts["torn log program"] > 20
    assert counts["torn state program"] >= 1
    assert counts["told: done"] >= 1
    assert counts["records"] > 200
    assert counts["thanked"] > 5
    assert counts["broker: publish dropped"] >= 1
    assert counts["broker: publish kept"] >= 1


def test_what_a_gateway_forgets_is_found_made_small_saved_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = sweep(Forgetful)
    code, found = facts("--seed", "1", "--only", "0", "--boots", "12", "--tries", "4", command=command)
    assert code == 1
    assert found["findings"]["lost"] >= 1
    saved = Path(found["saved"][0])
    assert saved.parent == SAVED
    small = Plan.load(saved)
    assert len(small.cuts) < len(draw(1, 0, 12).cuts)
    code, again = facts("--replay", str(saved), "--tries", "0", command=command)
    assert code == 1
    assert again["findings"]["lost"] >= 1


def test_a_failing_plan_is_shrunk_to_the_cuts_that_matter() -> None:
    def fails(plan: Plan) -> bool:
        return {7, 23} <= plan.cuts.keys() and 4 in plan.rude

    small = shrink(PLAN, fails, most=200)
    assert (small.cuts, small.rude, small.boots) == ({7: (8, 0), 23: (24, 0)}, (4,), 24)


def test_a_plan_is_a_function_of_its_seed_and_outlives_a_file(tmp_path: Path) -> None:
    plan = draw(5, 6, 50)
    assert plan == draw(5, 6, 50) != draw(5, 7, 50)
    assert draw(5, 6, 10).cuts == {boot: cut for boot, cut in plan.cuts.items() if boot < 10}
    plan.save(tmp_path / "a" / "plan.json")
    assert Plan.load(tmp_path / "a" / "plan.json") == plan
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ValueError, match="not a saved round"):
        Plan.load(tmp_path / "bad.json")


def record(seq: int, clock: str = "ntp", t: int = 5, **more: Any) -> bytes:
    return json.dumps({"seq": seq, "t": t, "clock": clock, "kind": "reading", **more}).encode()


def findings(
    flash: list[tuple[str, int, bytes]],
    journal: list[tuple[str, int, bytes]],
    declared: list[tuple[str, int, int]] = [],  # noqa: B006
    wrong: list[str] = [],  # noqa: B006
    truth: list[dict[str, Any]] = [],  # noqa: B006
) -> set[str]:
    ledger = Ledger()
    ledger.see(flash)
    owed = {(log, seq) for log, seq, _ in flash}
    return {kind for kind, _ in judge(ledger, owed, journal, declared, wrong, (truth, {}, {})).findings}


def test_the_judge_names_what_is_wrong() -> None:
    one, two = (LOG, 1, record(1)), (LOG, 2, record(2))
    assert findings([one, two], [one, two]) == set()
    assert findings([one, two], [one]) == {"lost"}
    assert findings([one, two], [one, two], declared=[(LOG, 2, 2)]) == {"lost"}
    assert findings([one], [one], declared=[(LOG, 2, 2)]) == set(), "a torn number was nobody's record"
    assert findings([one], [one, one]) == {"doubled"}
    assert findings([one], [one, two]) == {"doubled"}
    assert findings([one], [(LOG, 1, record(1, t=6))]) == {"altered"}
    assert findings([one], [one], wrong=["bad-sum"]) == {"journal"}
    thanked = {"t": 1, "what": "deposit", "bay": 1, "mass_g": 900, "token": "anna", "thanked": True}
    assert findings([one], [one], truth=[thanked]) == {"thanked-unrecorded"}


def test_a_text_on_flash_may_get_its_time_and_nothing_else() -> None:
    ledger = Ledger()
    ledger.see([(LOG, 1, record(1, "none")), (LOG, 2, record(2, "none"))])
    ledger.see([(LOG, 1, record(1, "back", 99)), (LOG, 2, record(2, "back", 99, mass_g=3))])
    assert len(ledger.changed) == 1
    assert f"{LOG}/2" in ledger.changed[0]
