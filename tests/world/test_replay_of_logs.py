"""Recorded NMEA logs reach the truck's line byte by byte, epoch by epoch."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.scene import UartBytes
from simulators.world.district import district
from simulators.world.replay import epochs, gaps_ms

LOGS = sorted((Path(__file__).parents[1] / "device" / "data" / "gpsd_nmea").glob("*.nmea"))


def test_the_logs_are_there() -> None:
    assert len(LOGS) == 20


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_log_arrives_as_it_was_recorded(world: Any, log: Path) -> None:
    data = log.read_bytes()
    recorded = b"".join(line for line in data.splitlines(keepends=True) if not line.startswith(b"#"))
    scene, settings = district(1).replay(data, world.MONDAY_MS)
    unit = world.PlainUnit(scene, world.MONDAY_MS)
    unit.run(scene.end_ms)
    line = [(at, s.data) for at, s in unit.log if isinstance(s, UartBytes)]
    assert b"".join(data for _, data in line) == recorded
    assert settings["gnss"]["not_before_ms"] == 0
    assert settings["fences"] == []


def _log(*bodies: str) -> bytes:
    return "".join(f"${body}*00\r\n" for body in bodies).encode()


def test_an_epoch_begins_where_the_time_changes() -> None:
    log = _log("GPGGA,120000.0,x", "GPGSA,A", "GPRMC,120000.0,A", "GPGGA,120002.5,x", "GPRMC,120002.5,A")
    found = epochs(log)
    assert [len(e.lines) for e in found] == [3, 2]
    assert gaps_ms(found) == [2_500, 1_000]


def test_without_a_time_an_epoch_begins_where_a_type_comes_again() -> None:
    log = _log("GPRMC,,V", "GPGGA,,", "GPGSV,1", "GPGSV,2", "GPRMC,,V", "GPGGA,,")
    assert [len(e.lines) for e in epochs(log)] == [4, 2]


def test_standing_or_leaping_clocks_count_as_a_second() -> None:
    log = _log("GPGGA,120000,", "GPGGA,115959,", "GPGGA,180000,", "GPGGA,235959,", "GPGGA,000001,")
    assert gaps_ms(epochs(log)) == [1_000, 1_000, 1_000, 2_000, 1_000]


def test_a_line_comes_no_faster_than_the_boards_baud_rate(world: Any) -> None:
    log = _log(*(f"GPGSV,{k},{'x' * 60}" for k in range(8)))
    scene, _ = district(1).replay(log, world.MONDAY_MS)
    unit = world.PlainUnit(scene, world.MONDAY_MS)
    unit.run(scene.end_ms)
    times = [at for at, s in unit.log if isinstance(s, UartBytes)]
    assert times[-1] - times[0] >= 7 * 75 * 10 / 9.6 - 8


@given(st.binary(max_size=400))
def test_any_bytes_are_played(data: bytes) -> None:
    kept = b"".join(line for line in data.splitlines(keepends=True) if not line.startswith(b"#"))
    found = epochs(data)
    assert b"".join(line for epoch in found for line in epoch.lines) == kept
    assert all(gap > 0 for gap in gaps_ms(found))
    assert len(gaps_ms(found)) == len(found)


def test_fences_of_a_replay_are_the_given_ones(world: Any) -> None:
    ring = [[8.0, 48.0], [8.1, 48.0], [8.1, 48.1], [8.0, 48.0]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    feature = {"type": "Feature", "geometry": polygon, "properties": {"id": "a", "door": "inside-only"}}
    _, settings = district(1).replay(b"", 0, fences={"type": "FeatureCollection", "features": [feature]})
    assert [f["id"] for f in settings["fences"]] == ["a"]
