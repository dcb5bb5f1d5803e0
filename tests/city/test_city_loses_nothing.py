"""The demo's own proof, with everything killed that can be: three equal ledgers; and a spoiled one is
found."""

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.city.conftest import demo_command

pytestmark = pytest.mark.city

CITY = ["--bins", "10", "--trucks", "3", "--days", "1", "--shift", "1"]
MISHAPS = [
    *("--kill", "gateway@8"),
    *("--pause", "influxdb@12+15"),
    *("--kill", "broker@16"),
    *("--kill", "gateway@22"),
    *("--kill", "influxdb@32"),
    *("--kill", "web@34"),
    *("--kill", "intake@36"),
]


def run_demo(directory: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, report and output of a run in `directory`."""
    file = directory.with_name("report.json")
    file.unlink(missing_ok=True)
    command = [*demo_command(directory, *CITY), "--report", str(file), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=400, text=True)
    assert file.exists(), done.stdout
    return done.returncode, json.loads(file.read_bytes()), done.stdout


def test_through_kills_of_everything_nothing_is_lost_and_a_spoiled_journal_is_found(tmp_path: Path) -> None:
    directory = tmp_path / "run"
    code, report, output = run_demo(directory, "--seconds", "45", *MISHAPS)
    assert (code, report["equal"], report["first_difference"]) == (0, True, None), output
    assert report["restarts"] == {"broker": 1, "influxdb": 1, "gateway": 2}
    records = report["records"]
    assert records["firmware"] == records["journal"] == records["influxdb"] > 1500
    kinds = report["by_kind"]
    assert {"reading", "deposit", "door", "boot", "position", "weigh"} <= kinds.keys()
    assert len(report["by_device"]) >= 13

    # A second start carries on: the same logs, the same journal, the same database.
    code, second, output = run_demo(directory, "--seconds", "3")
    assert (code, second["equal"]) == (0, True), output
    assert second["records"]["firmware"] > records["firmware"]
    for device, counts in report["by_device"].items():
        assert second["by_device"][device]["firmware"] >= counts["firmware"], device

    device, log, seq = spoil(directory / "store" / "journal.db")
    code, third, output = run_demo(directory, "--seconds", "3")
    assert (code, third["equal"]) == (1, False), output
    assert third["first_difference"].startswith(f"altered in journal: {device}/{log}/{seq}:")
    assert third["difference_counts"]["altered"] >= 1
    assert third["difference_counts"]["missing"] == third["difference_counts"]["doubled"] == 0
    assert "THE LEDGERS DIFFER" in output


def spoil(journal: Path) -> tuple[str, str, int]:
    """Change one digit of one weighing that was journaled; which record that is."""
    with sqlite3.connect(journal) as db:
        rows = db.execute(
            "SELECT b.id, l.device, l.log, b.body FROM bodies b JOIN logs l ON l.id = b.log_id ORDER BY b.id"
        )
        for row, device, log, body in rows:
            for record in json.loads(body)["recs"]:
                if record["kind"] == "deposit":
                    mass = b'"net_g":%d,' % record["net_g"]
                    assert mass in body
                    spoiled = body.replace(mass, b'"net_g":%d,' % (record["net_g"] + 1), 1)
                    db.execute("UPDATE bodies SET body = ? WHERE id = ?", (spoiled, row))
                    db.commit()
                    return device, log, record["seq"]
    raise AssertionError("no deposit in the journal")


def test_a_run_of_another_city_is_not_mixed_into_this_one(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plan.json").write_text('{"seed": 7, "bins": 10, "trucks": 3, "days": 1.0}')
    done = subprocess.run(demo_command(tmp_path / "run", *CITY), capture_output=True, timeout=60, text=True)
    assert done.returncode == 1
    assert "run-differs" in done.stderr
    assert "--fresh" in done.stderr
