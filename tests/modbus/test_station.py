"""A station's weighings reach intake once each, whatever happens on the line, in the indicator, in intake."""

import socket
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import decode_record
from gateway.modbus.bus import ExchangeError
from gateway.modbus.client import Client
from gateway.modbus.config import StationConfig, clashes
from gateway.modbus.registers import MapError
from gateway.modbus.station import BACK_OFF_MAX_MS, BATCH, Phase, Station, StationState, pause_ms
from simulators.peers.weighbridge import Weighbridge
from simulators.peers.weighbridge_server import Fault
from tests.modbus.lines import (
    DEVICE,
    LOG,
    NOW_MS,
    SERIAL,
    TRANSPORTS,
    Intake,
    Line,
    Transport,
    line,
    loaded,
    new_station,
    running,
    wait_for,
    weigh,
)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_backlog_and_then_each_new_weighing_arrive_once(transport: Transport) -> None:
    bridge, intake = loaded(BATCH + 10), Intake()
    with line(transport, bridge) as on, running(new_station(on.address, transport, intake)) as station:
        wait_for(lambda: station.state.phase is Phase.ONLINE, "caught up")
        assert intake.records == bridge.records()
        for i in range(3):
            number = weigh(bridge, 1000 + i)
            wait_for(lambda number=number: intake.mark == number, "new weighing")  # type: ignore[misc]
        state = station.state
    assert intake.records == bridge.records()
    assert state.indicator is not None
    assert (state.indicator.log, state.failures, state.code) == (LOG, 0, None)
    assert station.state.phase is Phase.STOPPED
    for raw in intake.raw:
        item = decode_record(raw)
        assert item.code is None, item.detail
        assert item.raw == raw


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_empty_memory_is_no_weighing(transport: Transport) -> None:
    bridge, intake = Weighbridge(SERIAL), Intake()
    with line(transport, bridge) as on, running(new_station(on.address, transport, intake)) as station:
        wait_for(lambda: station.state.phase is Phase.ONLINE, "online")
        assert intake.records == []
        weigh(bridge, 0)
        wait_for(lambda: intake.mark == 1, "first weighing")
    assert intake.records == bridge.records()


def test_it_goes_on_from_intakes_mark_after_a_restart() -> None:
    bridge, intake = loaded(20), Intake()
    intake.mark = 12
    with line("tcp", bridge) as on:
        for _ in range(2):
            with running(new_station(on.address, "tcp", intake)):
                wait_for(lambda: intake.mark == 20, "caught up")
    assert intake.records == bridge.records()[12:]


def test_what_the_indicator_has_forgotten_is_declared_lost() -> None:
    bridge, intake = loaded(30, capacity=10), Intake()
    intake.mark = 5
    with line("tcp", bridge) as on, running(new_station(on.address, "tcp", intake)):
        wait_for(lambda: intake.mark == 30, "caught up")
    assert intake.records == bridge.records()
    assert intake.firsts == [21]


def test_a_damaged_entry_becomes_a_fault_under_its_number() -> None:
    bridge, intake = loaded(5), Intake()
    bridge.damage(3)
    with line("tcp", bridge) as on, running(new_station(on.address, "tcp", intake)):
        wait_for(lambda: intake.mark == 5, "caught up")
    assert [r["kind"] for r in intake.records] == ["weigh", "weigh", "fault", "weigh", "weigh"]
    assert intake.records[2]["code"] == "weighing-unreadable"
    assert decode_record(intake.raw[2]).code is None


def test_an_indicator_that_was_reset_is_refused_and_said() -> None:
    bridge, intake = loaded(5), Intake()
    intake.mark = 4711
    with line("tcp", bridge) as on, running(new_station(on.address, "tcp", intake)) as station:
        wait_for(lambda: station.state.code == "numbers-went-back", "numbers-went-back")
        assert "4711" in str(station.state.detail)
    assert intake.records == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_intake_that_refuses_is_asked_again(transport: Transport) -> None:
    bridge, intake = loaded(3), Intake()
    intake.refuse = OSError("disk full")
    with line(transport, bridge) as on, running(new_station(on.address, transport, intake)) as station:
        wait_for(lambda: station.state.code == "intake-failed", "intake-failed")
        assert "disk full" in str(station.state.detail)
        intake.refuse = None
        wait_for(lambda: station.state.phase is Phase.ONLINE, "online")
    assert intake.records == bridge.records()


def test_an_indicator_that_is_away_is_found_when_it_comes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    bridge, intake = loaded(3), Intake()
    with running(new_station(f"127.0.0.1:{port}", "tcp", intake)) as station:
        wait_for(lambda: station.state.failures >= 3, "three failures")
        assert (station.state.phase, station.state.code) == (Phase.FAILING, "unreachable")
        with line("tcp", bridge, port=port):
            wait_for(lambda: intake.mark == 3, "caught up")
        wait_for(lambda: station.state.phase is Phase.FAILING, "gone again")
        with line("tcp", bridge, port=port):
            weigh(bridge, 3)
            wait_for(lambda: intake.mark == 4, "caught up again")
    assert intake.records == bridge.records()


def test_a_serial_line_that_is_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    bridge, intake, link = loaded(3), Intake(), tmp_path / "ttyRS485"
    with running(new_station(str(link), "rtu", intake)) as station:
        wait_for(lambda: station.state.code == "unreachable", "unreachable")
        with line("rtu", bridge, link=link):
            wait_for(lambda: intake.mark == 3, "caught up")
        wait_for(lambda: station.state.phase is Phase.FAILING, "gone again")
        with line("rtu", bridge, link=link):
            weigh(bridge, 3)
            wait_for(lambda: intake.mark == 4, "caught up again")
    assert intake.records == bridge.records()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_silent_indicator_is_heard_when_it_speaks_again(transport: Transport) -> None:
    intake = Intake()
    with line(transport, loaded(1)) as on:
        on.faults.always = Fault("silent")
        with running(new_station(on.address, transport, intake, timeout_ms=10)) as station:
            wait_for(lambda: station.state.failures >= 4, "four failures")
            assert (station.state.code, intake.records) == ("no-answer", [])
            on.faults.always = None
            wait_for(lambda: intake.mark == 1, "caught up")


@given(st.integers(0, 100), st.integers(10, 3_600_000))
def test_a_failing_indicator_is_asked_ever_less_often(failures: int, poll_ms: int) -> None:
    def pause(n: int) -> int:
        return pause_ms(StationState(Phase.FAILING if n else Phase.ONLINE, 0, failures=n), poll_ms)

    assert pause(0) == poll_ms
    assert pause(failures + 1) == min(2 * pause(failures), max(BACK_OFF_MAX_MS, poll_ms))
    assert pause_ms(StationState(Phase.CATCHING_UP, 0), poll_ms) == 0


def test_another_indicator_at_the_same_address_has_a_log_of_its_own() -> None:
    marks: dict[str, int] = {}

    def submit(device: str, log: str, records: list[bytes], first: int) -> None:
        assert device == DEVICE
        marks[log] = first + len(records) - 1

    new = Weighbridge(0x42)
    weigh(new, 0)
    with line("tcp", loaded(2)) as on:
        config = StationConfig(DEVICE, on.address, poll_ms=10, timeout_ms=150)
        station = Station(config, lambda _, log: marks.get(log), submit, lambda: NOW_MS)
        with running(station):
            wait_for(lambda: marks == {LOG: 2}, "the old one")
            on.replace(new)
            wait_for(lambda: marks == {LOG: 2, "00000042": 1}, "the new one")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stations_on_one_line_take_turns_and_a_dead_one_harms_none(transport: Transport) -> None:
    marks: dict[str, int] = {}
    got: dict[str, list[bytes]] = {"scale-1": [], "scale-2": []}

    def submit(device: str, log: str, records: list[bytes], first: int) -> None:
        got[device] += records
        marks[device] = marks.get(device, 0) + len(records)

    def station(on: Line, unit: int) -> Station:
        config = StationConfig(
            f"scale-{unit}", on.address, transport, 115_200, unit, poll_ms=10, timeout_ms=60
        )
        return Station(config, lambda device, _: marks.get(device), submit, lambda: NOW_MS)

    first, second = loaded(30), Weighbridge(0x42)
    for i in range(20):
        weigh(second, 500 + i)
    with line(transport, first, beside={2: second}) as on:
        dead = station(on, 3)
        with running(station(on, 1)), running(station(on, 2)), running(dead):
            wait_for(lambda: marks == {"scale-1": 30, "scale-2": 20}, "both caught up")
            wait_for(lambda: dead.state.phase is Phase.FAILING, "the third is missed")
            weigh(first, 30)
            weigh(second, 520)
            wait_for(lambda: marks == {"scale-1": 31, "scale-2": 21}, "both go on")
    for device, bridge in (("scale-1", first), ("scale-2", second)):
        assert [msgspec.json.decode(raw) for raw in got[device]] == bridge.records()


def test_stations_that_cannot_share_a_line_are_explained() -> None:
    one = StationConfig("scale-1", "/dev/ttyS1", "rtu", 9600, 1)
    assert clashes(StationConfig("scale-2", "/dev/ttyS1", "rtu", 9600, 2), [one]) == []
    assert clashes(StationConfig("scale-2", "/dev/ttyS2", "rtu", 4800, 1), [one]) == []
    same = clashes(StationConfig("scale-2", "/dev/ttyS1", "rtu", 4800, 1), [one])
    assert [(key, "scale-1" in expected) for key, expected, _ in same] == [("unit_id", True), ("baud", True)]


def test_an_exception_answer_is_not_taken_for_trouble_on_the_line() -> None:
    with line("tcp", loaded(1)) as on:
        client = Client(StationConfig(DEVICE, on.address, timeout_ms=150))
        try:
            with pytest.raises(ExchangeError, match="refused"):
                client.read("holding", 90, 3)
            assert len(client.read("holding", 0, 15)) == 15
        finally:
            client.close()


@pytest.mark.parametrize("address", ["somewhere", "host:", ":502", "host:0", "host:65536", "host:x"])
def test_an_address_that_cannot_be_is_explained(address: str) -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.7:502"):
        StationConfig(DEVICE, address)


def test_a_register_map_that_is_missing_or_broken_is_explained(tmp_path: Path) -> None:
    broken = tmp_path / "map.toml"
    broken.write_text("id = ")
    for file in (tmp_path / "none.toml", broken):
        config = StationConfig(DEVICE, "localhost:502", register_map=file)
        with pytest.raises(MapError, match=str(file)):
            Station(config, Intake().hwm, Intake().submit, lambda: NOW_MS)
