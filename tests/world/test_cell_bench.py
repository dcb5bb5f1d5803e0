"""The weighing bench in small: everything that it asks for holds, and it can tell when something does not."""

import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulators.bench.weighing import campaign
from simulators.bench.weighing.__main__ import main
from simulators.bench.weighing.deposits import Deposits
from simulators.bench.weighing.disturbances import Told
from simulators.bench.weighing.faults import FAULTS, Found
from simulators.bench.weighing.verification import LOADS_E, TEMPERATURES_C, Point


@pytest.mark.parametrize("part", ["deposits", "verification", "disturbances", "faults", "years", "cuts"])
def test_a_small_bench_misses_nothing(part: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["--small", "--jobs", "1", "--part", part, "--plot", str(tmp_path / "plot.svg")]
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout.splitlines()[-1])
    assert facts["missed"] == []
    ran = {
        "deposits": facts["deposits"] >= 100 and facts["within_2e"] == 1,
        "verification": facts["verified"] == len(TEMPERATURES_C) * (2 * len(LOADS_E) - 1),
        "disturbances": "lorry" in result.stdout,
        "faults": facts["faults_injected"] == len(FAULTS),
        "years": facts["device_years"] > 0,
        "cuts": facts["power_cuts"] >= 10,
    }
    assert ran[part]


def test_each_number_that_is_missed_is_named() -> None:
    wrong = campaign.Results(
        deposits=Deposits([(20.0, 1_000, 100.0)] * 100, Counter(), wrong=1),
        points=[Point(1, 20, 100, 0.6)],
        told={"takes something out": Told(right=5, wrong=[60])},
        faults=[Found(FAULTS[0], "firmware", injected=2, after_ms=[1], missed=[1], cleared=1)],
        alarms=[(0, "scale-noisy", True)] * 20,
        days=20 * 365,
    )
    wrong.cuts.moved_e = wrong.cuts.loaded_e = 0.3
    assert len(wrong.missed(campaign.SMALL)) == 9
    assert len(campaign.Results(points=[Point(1, 20, 100, 0.4)]).missed(campaign.SMALL)) == 0


def test_the_bench_says_how_to_repeat_a_miss(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(campaign, "WITHIN_2E", 1.1)
    result = CliRunner().invoke(
        main,
        ["--small", "--jobs", "1", "--seed", "7", "--part", "deposits", "--plot", str(tmp_path / "p.svg")],
    )
    assert result.exit_code == 1
    assert "make bench-weighing ARGS='--seed 7 --small --part deposits'" in result.stderr
