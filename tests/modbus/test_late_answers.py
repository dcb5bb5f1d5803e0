"""No answer is ever taken for the answer to another question: late, doubled, wrong, foreign or missing."""

import random
from collections import deque

import pytest
from pymodbus import ModbusException
from pymodbus.client import ModbusSerialClient

from gateway.modbus.bus import ExchangeError
from gateway.modbus.client import Client
from gateway.modbus.config import StationConfig
from gateway.modbus.station import Phase
from simulators.peers.weighbridge_server import Fault
from tests.modbus.lines import (
    DEVICE,
    TRANSPORTS,
    Intake,
    Transport,
    line,
    loaded,
    new_station,
    running,
    wait_for,
)

TIMEOUT_MS = 100


def test_the_library_alone_takes_late_answers_for_others() -> None:
    """Why `Client` exists, and that the faults here are real: without it they do give a wrong value."""
    bridge = loaded(0)
    bridge.load_g, bridge.tare_g = 20_000_000, 9_000_000
    with line("rtu", bridge) as on:
        naive = ModbusSerialClient(on.address, baudrate=115_200, timeout=TIMEOUT_MS / 1000, retries=0)
        try:
            assert naive.connect()
            on.faults.script = deque([Fault("late", TIMEOUT_MS + 30)])
            with pytest.raises(ModbusException):
                naive.read_holding_registers(3, count=2)
            on.faults.always = Fault("late", 45)
            answer = naive.read_holding_registers(5, count=2)
        finally:
            naive.close()  # type: ignore[no-untyped-call]
    assert answer.registers == [0, 20_000], "the tare was asked for, the gross came"


SAME_LENGTH = {(3, 2): [0, 20_000], (5, 2): [0, 9_000], (7, 2): [0, 11_000]}
OTHER_LENGTHS = {(3, 2): [0, 20_000], (5, 4): [0, 9_000, 0, 11_000], (3, 6): [0, 20_000, 0, 9_000, 0, 11_000]}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("kind", "questions"),
    [
        ("late", SAME_LENGTH),
        ("silent", SAME_LENGTH),
        ("corrupt", SAME_LENGTH),
        ("cut", SAME_LENGTH),
        ("foreign", SAME_LENGTH),
        # The copy may come while the next request is on its way: on a serial line only its length gives it
        # away, which is why a register map's groups have different ones.
        ("twice", OTHER_LENGTHS),
    ],
)
def test_a_value_is_right_or_missing(
    transport: Transport, kind: str, questions: dict[tuple[int, int], list[int]]
) -> None:
    bridge = loaded(0)
    bridge.load_g, bridge.tare_g = 20_000_000, 9_000_000
    right = missing = 0
    rng = random.Random(kind)
    with line(transport, bridge) as on:
        client = Client(StationConfig(DEVICE, on.address, transport, baud=115_200, timeout_ms=TIMEOUT_MS))
        try:
            for i in range(24):
                address, count = rng.choice(list(questions))
                if i % 3 == 0:
                    ms = {"late": TIMEOUT_MS + rng.randrange(5, 50), "twice": rng.randrange(1, 20)}.get(
                        kind, 0
                    )
                    on.faults.script.append(Fault(kind, ms))  # type: ignore[arg-type]
                try:
                    words = client.read("holding", address, count)
                except ExchangeError:
                    missing += 1
                    continue
                right += 1
                if kind == "corrupt" and transport == "tcp" and i % 3 == 0:
                    continue  # Modbus TCP has no check of its own: that is what the groups' CRC is for
                assert words == questions[address, count]
        finally:
            client.close()
    assert right >= 12
    assert missing >= (8 if kind in ("late", "silent", "cut") else 0)


def test_another_master_at_the_window_makes_no_wrong_weighing() -> None:
    """Between the station's request and its read, the window comes to show what somebody else asked for."""
    bridge, intake = loaded(100), Intake()
    codes = set()
    with line("tcp", bridge) as on, running(new_station(on.address, "tcp", intake)) as station:
        other = Client(StationConfig("other", on.address, timeout_ms=1000))
        try:
            for i in range(5000):
                other.write(100, [0, 1 + i % 100])
                codes.add(station.state.code)
                if intake.mark == 100:
                    break
        finally:
            other.close()
        assert "wrong-weighing" in codes
        wait_for(lambda: intake.mark == 100, "caught up")
    assert intake.records == bridge.records()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_weighing_arrives_once_and_as_it_was(transport: Transport) -> None:
    """A bad line: one answer in forty suffers something, over some hundred exchanges."""
    bridge, intake = loaded(60), Intake()
    rng = random.Random(f"bad line {transport}")
    kinds = ("late", "silent", "corrupt", "cut", "twice", "foreign")
    with line(transport, bridge) as on:
        for _ in range(400):
            kind = rng.choice(kinds) if rng.random() < 1 / 40 else None
            on.faults.script.append(kind and Fault(kind, rng.randrange(1, 2 * TIMEOUT_MS)))  # type: ignore[arg-type]
        with running(new_station(on.address, transport, intake, TIMEOUT_MS)) as station:
            wait_for(lambda: intake.mark == 60, "caught up")
            wait_for(lambda: station.state.phase is Phase.ONLINE, "online")
    assert intake.records == bridge.records()
