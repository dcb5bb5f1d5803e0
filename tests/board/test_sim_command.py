"""`huishou sim`: what it writes, what it says when something is wrong, recorded logs of real receivers."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from simulators.cli import sim

LOGS = Path(__file__).parents[1] / "device" / "data" / "gpsd_nmea"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(sim, [str(a) for a in arguments])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_bin_run_writes_records_and_truth_and_repeats(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        out, truth = tmp_path / f"{name}.jsonl", tmp_path / f"{name}-truth.jsonl"
        result = call("bin", "--days", 0.5, "--seed", 3, "--out", out, "--truth", truth, "--json")
        assert result.exit_code == 0, result.output
        summary = json.loads(result.stdout)
        assert summary["fidelity"] == "standard"
        assert summary["records"] == len(lines(out)) > 50
        files.append((out.read_bytes(), truth.read_bytes()))
    assert files[0] == files[1]
    assert [r["seq"] for r in lines(tmp_path / "a.jsonl")] == list(
        range(1, len(lines(tmp_path / "a.jsonl")) + 1)
    )
    assert {"t", "what"} <= set(lines(tmp_path / "a-truth.jsonl")[0])


def test_a_broken_part_shows_as_a_fault_record(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    assert call("bin", "--days", 0.1, "--out", out, "--fault", "scale0=disconnected").exit_code == 0
    faults = [r for r in lines(out) if r["kind"] == "fault"]
    assert ("scale0", "scale-at-rail", "raised") in {(f["part"], f["code"], f["state"]) for f in faults}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("bin",), "--out is missing"),
        (("bin", "--days", "0", "--out", "o"), "0"),
        (("bin", "--out", "o", "--start", "soon"), "ISO 8601"),
        (("bin", "--out", "o", "--fault", "scale0"), "PART=FAULT"),
        (("bin", "--out", "o", "--days", "0.01", "--fault", "wheel=flat"), "no such part"),
        (("bin", "--live", "--broker", "nowhere"), "HOST:PORT"),
        (("truck", "--out", "o", "--nmea", "missing.nmea"), "cannot be read"),
        (("truck", "--out", "o", "--nmea", __file__), "no sentence in it"),
    ],
)
def test_mistakes_are_explained_and_leave_a_bad_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code != 0
    assert says in result.output


def test_bad_fences_are_explained(tmp_path: Path) -> None:
    fences = tmp_path / "f.geojson"
    fences.write_text('{"type": "FeatureCollection", "features": [{"type": "Feature"}]}', encoding="utf-8")
    result = call("truck", "--nmea", LOGS / "tn200.nmea", "--fences", fences, "--out", tmp_path / "o")
    assert result.exit_code == 1
    assert "`id`" in result.output


def fixes(log: Path) -> tuple[set[tuple[int, int]], bool]:
    """Every position that the log reports with a fix, in 1e-7 degrees; and whether it reports any."""
    found = set()
    for line in log.read_text(encoding="latin-1").splitlines():
        fields = line.partition("*")[0].split(",")
        kind = fields[0][3:]
        if kind == "RMC" and len(fields) > 6 and fields[2] == "A":
            place = fields[3:7]
        elif kind == "GGA" and len(fields) > 6 and fields[6] not in ("", "0"):
            place = fields[2:6]
        else:
            continue
        if all(place):
            found.add((e7(place[0], place[1]), e7(place[2], place[3])))
    return found, bool(found)


def e7(digits: str, side: str) -> int:
    """ddmm.mmmm and its hemisphere as 1e-7 degrees, rounded half away from zero."""
    whole, _, fraction = digits.partition(".")
    degrees, minutes = int(whole[:-2] or 0), int(whole[-2:] + fraction)
    scale: int = 60 * 10 ** len(fraction)
    value: int = degrees * 10**7 + (2 * minutes * 10**7 + scale) // (2 * scale)
    return -value if side in "SW" else value


@pytest.mark.parametrize("log", sorted(LOGS.glob("*.nmea")), ids=lambda p: p.stem)
def test_a_real_receivers_log_gives_only_positions_that_it_reports(tmp_path: Path, log: Path) -> None:
    out = tmp_path / "o.jsonl"
    result = call("truck", "--nmea", log, "--out", out)
    assert result.exit_code == 0, result.output
    positions = [(r["lat_e7"], r["lon_e7"]) for r in lines(out) if r["kind"] == "position"]
    reported, any_fix = fixes(log)
    assert set(positions) <= reported
    assert bool(positions) == any_fix


def test_there_are_logs_to_test_with() -> None:
    assert len(list(LOGS.glob("*.nmea"))) >= 20


@pytest.mark.parametrize(("rule", "unlocked"), [("inside-only", True), ("never-inside", False), (None, None)])
def test_a_fence_around_the_log_is_entered_and_the_door_obeys(
    tmp_path: Path, rule: str | None, unlocked: bool | None
) -> None:
    log, out, fences = LOGS / "navika-100-fix.nmea", tmp_path / "o.jsonl", tmp_path / "f.geojson"
    lat_e7, lon_e7 = next(iter(fixes(log)[0]))
    west, east = lon_e7 / 1e7 - 0.01, lon_e7 / 1e7 + 0.01
    south, north = lat_e7 / 1e7 - 0.01, lat_e7 / 1e7 + 0.01
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    feature = {
        "type": "Feature",
        "properties": {"id": "yard"} | ({"door": rule} if rule else {}),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    fences.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    result = call("truck", "--nmea", log, "--fences", fences, "--out", out)
    assert result.exit_code == 0, result.output
    records = lines(out)
    assert [(r["fence"], r["event"]) for r in records if r["kind"] == "fence"] == [("yard", "enter")]
    opened = any(r["kind"] == "door" and r["state"] == "unlocked" for r in records)
    if unlocked is not None:
        assert opened is unlocked
