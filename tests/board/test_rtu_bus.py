"""The firmware's RTU master and a transmitter, in the real interpreter, on a line that does what lines do."""

import ast
import itertools
import textwrap
from pathlib import Path
from typing import Any

import pytest

from hardware import load_board
from simulators.board.chip import BOOT_US
from simulators.scene import BridgeSignal, Stimulus, UartBytes
from simulators.world.cell import NV_PER_COUNT
from simulators.world.kernel import Kernel
from simulators.world.transmitter import BRIDGE, BUSY_MS, Answer, TransmitterLine
from tests.board.bench import START_MS, Bench, edge_modules

EDGE = edge_modules(
    "drivers/bus.py",
    "drivers/line.py",
    "drivers/rtu.py",
    "drivers/serial.py",
    "drivers/switch.py",
    "drivers/transmitter.py",
)
PARTS = load_board("bin4-s3")["parts"]
NV = 1_000_000
POWER = ((1, 4), (2, 5), (3, 6), (4, 46))  # the pin that switches each unit
STEP_NV = 99_000
RAMP_NV = 15_000  # a second: 100 ms are 1,000 counts


class LineScene(Kernel):
    """A bus with four transmitters; their load grows by `ramp_nv` a second, so that an old value shows."""

    def __init__(self, fault: str | None = None, ramp_nv: int = 0) -> None:
        super().__init__("line", START_MS, None)
        self.line = TransmitterLine(self, "bus", PARTS["bus"], dict(POWER))
        self.line.fault = fault
        self.ramp_nv = ramp_nv
        self.asked: list[tuple[int, bytes]] = []
        self.lines: list[tuple[int, int, int]] = []
        self.on_ramp()

    def on_ramp(self) -> None:
        grown = (self.now - START_MS) * self.ramp_nv // 1000
        for unit in range(1, 5):
            self.set_bridge(BridgeSignal(BRIDGE + unit, NV + unit * STEP_NV + grown, 0))
        if self.ramp_nv:
            self.after(50, "ramp")

    def start(self, now_ms: int) -> list[Stimulus]:
        self.advance(now_ms)
        return self.inputs()

    def pin_out(self, now_ms: int, pin: int, level: int) -> list[Stimulus]:
        early = self.advance(now_ms)
        self.lines.append((now_ms - START_MS, pin, level))
        self.line.driven(pin, level)
        return early + self.flush(now_ms)

    def uart_out(self, now_ms: int, uart: int, data: bytes) -> list[Stimulus]:
        early = self.advance(now_ms)
        assert uart == PARTS["bus"]["uart"]
        self.asked.append((now_ms - START_MS, data))
        self.line.heard(data)
        return early + self.flush(now_ms)

    def adc_mv(self, now_ms: int, pin: int) -> int:
        return 0

    def power(self, now_ms: int, state: str) -> None:
        pass

    def network_up(self, now_ms: int) -> bool:
        return False

    def save(self) -> dict[str, Any]:
        return {}


PROGRAM = """
import asyncio, time
from edge.drivers.bus import Bus
from edge.drivers.serial import Serial
from edge.drivers.transmitter import Transmitter
from edge.errors import EdgeError
REGISTERS = {registers!r}
bus = Bus(Serial(2, 47, 48, 9600), 9600, 38)
units = [Transmitter(bus, n, REGISTERS, power) for n, power in ((1, 4), (2, 5), (3, 6), (4, 46))]

async def look(unit, n):
    found = []
    async with unit.lock:
        unit.on()
        for _ in range(n):
            start = time.ticks_ms()
            try:
                value = await unit.read()
            except EdgeError as error:
                value = error.code
            found.append((time.ticks_ms(), value))
        unit.off()
    return found

async def main():
{body}
asyncio.run(main())
"""


def run(tmp_path: Path, scene: LineScene, body: str, seconds: float = 60) -> list[Any]:
    """What the body printed, each line a Python value."""
    bench = Bench(tmp_path, scene, "bin4-s3")  # type: ignore[arg-type]
    text = PROGRAM.format(registers=PARTS["scale0"]["registers"], body=textwrap.indent(body, "    "))
    lines = bench.run(text, seconds, extra=EDGE)
    return [ast.literal_eval(line) for line in lines]


def expected(unit: int) -> int:
    return round((NV + unit * STEP_NV) / NV_PER_COUNT)


def age_ms(unit: int, at_ms: int, value: int) -> float:
    """How old a value is, by how far the load had grown."""
    return at_ms + BOOT_US // 1000 - (value - expected(unit)) * NV_PER_COUNT / RAMP_NV * 1000


def test_one_transmitter_answers_once_it_is_ready_then_each_period(tmp_path: Path) -> None:
    scene = LineScene()
    (found,) = run(tmp_path, scene, "print(await look(units[0], 8))")
    assert {value for _, value in found} == {expected(1)}
    assert BUSY_MS <= found[0][0] <= BUSY_MS + 500
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(found)]
    assert all(40 <= gap <= 160 for gap in gaps)
    assert [(pin, level) for _, pin, level in scene.lines if pin != 38] == [(4, 1), (4, 0)]


def test_four_bays_share_the_line_and_each_gets_its_own(tmp_path: Path) -> None:
    scene = LineScene()
    (found,) = run(tmp_path, scene, "print(await asyncio.gather(*[look(u, 6) for u in units]))")
    for unit, values in enumerate(found, 1):
        assert {value for _, value in values} == {expected(unit)}
    for pin in dict(POWER).values():
        assert [level for _, p, level in scene.lines if p == pin] == [1, 0]


def test_the_driver_is_enabled_while_a_request_is_sent_and_not_longer(tmp_path: Path) -> None:
    scene = LineScene()
    run(tmp_path, scene, "await look(units[0], 3)\nprint(1)")
    enabled = [(ms, level) for ms, pin, level in scene.lines if pin == 38]
    assert len(enabled) == 2 * len(scene.asked)
    for (up, _), (asked, _), (down, _) in zip(enabled[::2], scene.asked, enabled[1::2], strict=True):
        assert up <= asked
        assert 9 <= down - asked <= 13  # 8 characters at 9600 baud are 9.2 ms; 3.5 more are free


def test_what_may_still_be_answered_is_not_asked_for_again_before_all_else(tmp_path: Path) -> None:
    scene = LineScene("silent")
    run(tmp_path, scene, "print(await asyncio.gather(*[look(u, 3) for u in units]))")
    for unit, _ in POWER:
        lengths = [data[5] for _, data in scene.asked if data[0] == unit]
        assert len(lengths) >= 4
        assert all(set(lengths[n : n + 4]) == {3, 5, 7, 8} for n in range(len(lengths) - 3))


@pytest.mark.parametrize("latest_ms", [900, 1_500])
def test_answers_that_are_late_by_more_than_a_second_are_not_taken_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, latest_ms: int
) -> None:
    def late(line: TransmitterLine, answers: list[Answer]) -> list[Answer]:
        rng = line.rng("late")
        return [(at + (rng.uniform(100, latest_ms) if rng.random() < 0.3 else 0), a) for at, a in answers]

    monkeypatch.setitem(TransmitterLine.FAULTS, "late", late)
    scene = LineScene("late", ramp_nv=RAMP_NV)
    (found,) = run(tmp_path, scene, "print(await asyncio.gather(*[look(u, 40) for u in units]))", 600)
    ages = [
        age_ms(unit, *one)
        for unit, looks in enumerate(found, 1)
        for one in looks
        if not isinstance(one[1], str)
    ]
    assert len(ages) >= 120
    assert all(-20 <= age <= 200 for age in ages)


@pytest.mark.parametrize("fault", ["late", "garbled", "noise", "cut-short", "other-unit"])
def test_on_a_bad_line_no_wrong_and_no_old_value_is_taken(tmp_path: Path, fault: str) -> None:
    scene = LineScene(fault, ramp_nv=RAMP_NV)
    (found,) = run(tmp_path, scene, "print(await asyncio.gather(*[look(u, 40) for u in units]))", 600)
    values = codes = 0
    for unit, looks in enumerate(found, 1):
        for at_ms, value in looks:
            if isinstance(value, str):
                assert value in ("scale-garbled", "scale-silent")
                codes += 1
                continue
            values += 1
            assert -20 <= age_ms(unit, at_ms, value) <= 200, (unit, at_ms, value)
    assert values >= 120, "three tries get most through"
    assert len(scene.asked) > values + 20, "the line was really bad"


def test_a_silent_line_is_told_within_a_bounded_time_and_one_that_comes_back_is_read(tmp_path: Path) -> None:
    scene = LineScene("silent")
    scene.at(START_MS + 12_000, "heal")
    scene.on_heal = lambda: scene.line.set_fault(None)  # type: ignore[attr-defined]
    body = "for _ in range(4):\n    print(await look(units[0], 1))"
    found = [line[0] for line in run(tmp_path, scene, body)]
    assert [value for _, value in found[:3]] == ["scale-silent"] * 3
    assert all(3_000 <= b[0] - a[0] <= 3_700 for a, b in itertools.pairwise(found[:3]))
    assert found[3][1] == expected(1)


def test_a_line_that_never_falls_silent_is_told_and_left(tmp_path: Path) -> None:
    class Chatter(LineScene):
        def on_chatter(self) -> None:
            self.emit(UartBytes(2, b"\x55\xaa"))
            self.after(40, "chatter")

    scene = Chatter("silent")
    scene.at(START_MS, "chatter")
    ((found,),) = run(tmp_path, scene, "print(await look(units[0], 1))")
    assert found[1] == "scale-garbled"
    assert found[0] <= 6_000


@pytest.mark.parametrize(("fault", "code"), [("refusing", "scale-silent"), ("weighing", "scale-silent")])
def test_a_transmitter_that_is_not_what_was_asked_for_gives_no_value(
    tmp_path: Path, fault: str, code: str
) -> None:
    (found,) = run(tmp_path, LineScene(fault), "print(await look(units[0], 4))")
    assert [value for _, value in found] == [code] * 4
    assert found[-1][0] - found[0][0] <= 1_000, "it was waited for once"


def test_an_open_bridge_is_a_rail(tmp_path: Path) -> None:
    scene = LineScene()
    scene.set_bridge(BridgeSignal(BRIDGE + 2, None, 0))
    (found,) = run(tmp_path, scene, "print(await asyncio.gather(look(units[0], 2), look(units[1], 2)))")
    assert [value for _, value in found[0]] == [expected(1)] * 2
    assert [value for _, value in found[1]] == ["scale-at-rail"] * 2
