"""`make bench-bridge`, small: it measures, and it fails when a bridge is on for too long."""

import json

import pytest
from click.testing import CliRunner

from simulators.bench import bridge


@pytest.mark.parametrize("board", ["bin-s3", "bin4-s3"])
def test_each_bridge_is_off_for_99_percent_of_an_idle_time_and_yet_each_look_weighs(board: str) -> None:
    found = bridge.measure(board, "idle", 0.1, 1)
    assert len(found) == (4 if board == "bin4-s3" else 2)
    for scale in found:
        assert 0.1 < scale.pct < bridge.LIMIT_PCT
        assert scale.times >= scale.readings >= 13  # 2.4 hours, a look every 10 minutes
        assert scale.on_s / scale.times >= 0.9  # settling, then a window of conversions


def test_a_miss_ends_with_another_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "_DAYS", {"idle": 0.0})
    monkeypatch.setattr(bridge, "LIMIT_PCT", 0.1)
    result = CliRunner().invoke(bridge.main, ["--days", "0.02"])
    assert result.exit_code == 1
    last = json.loads(result.output.splitlines()[-1])
    assert last["bench"] == "bridge"
    assert last["idle_worst_pct"] > last["limit_pct"]
