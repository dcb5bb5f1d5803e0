"""A crew sets zero over the console: within its range, and whatever flash operation the power is cut at."""

import json
from pathlib import Path
from typing import Any

import pytest
from edge.store import settings

from hardware import load_board
from simulators.board.virtual import Fidelity
from simulators.scene import BridgeSignal
from tests.board.bench import FIRMWARE, SETTINGS, Bench

BOARD = load_board("bin-s3")
DOC = {
    **SETTINGS,
    "unit": "bin",
    "key": "00" * 32,
    "board": {"id": "bin-s3", "parts": BOARD["parts"]},
    "network": {"ssid": "x", "password": ""},
    "broker": {"host": "192.0.2.1", "port": 1883, "password": "x"},
    "scales": {"scale0": {"cal": "s-1", "zero": 600_000, "span": 1_290_000, "span_g": 30_000, "e_g": 20}},
}
EDGE = {
    f"edge/{path.relative_to(FIRMWARE / 'edge')}": path.read_text(encoding="utf-8")
    for path in (FIRMWARE / "edge").rglob("*.py")
}
PROGRAM = """
import asyncio
from edge.app.start import supervise
from edge.app.unit import Unit
from edge.console import Console

async def main():
    unit = Unit(supervise())
    console = Console(unit)
    for line in COMMANDS:
        print(await console.answer(line.split()))
    await asyncio.sleep(3600)
asyncio.run(main())
"""


LOOKS = """
import asyncio, json, time
from edge.app.scale import Scale
from edge.app.start import supervise
from edge.app.unit import Unit

async def main():
    scale = Scale(Unit(supervise()), "scale0")
    for _ in range(3):
        start = time.ticks_ms()
        weighing = await scale.look(3000)
        took = time.ticks_diff(time.ticks_ms(), start)
        print(json.dumps([weighing.grams, scale.zero().cause, took]))
        await asyncio.sleep_ms(1000)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


def nanovolt(counts: float) -> int:
    return round(counts * 3_300_000_000 / 256 / 2**23)


def load(bench: Bench, grams: float) -> None:
    signal = BridgeSignal(BOARD["parts"]["scale0"]["data"], nanovolt(600_000 + 43 * grams), 70)
    bench.scene.script, bench.scene._done = [(0, signal)], 0
    parts = BOARD["parts"]
    bench.scene.adc = {parts["temperature"]["pin"]: 700, parts["battery"]["pin"]: 1_950}  # 20 °C, 3.9 V


def ask(bench: Bench, grams: float, *commands: str, cut: int | None = None) -> list[Any]:
    """What the console answers while so many grams lie on the scale: the value, or the code of an error."""
    load(bench, grams)
    lines = bench.run(
        PROGRAM.replace("COMMANDS", repr(commands)), 7 * len(commands),
        extra=EDGE, fidelity=Fidelity.FAST, cut_at_flash_op=cut,
    )  # fmt: skip
    return [json.loads(line[2:]) if line.startswith("=") else line.split()[1] for line in lines]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path)
    (made.image.path / "settings.bin").write_bytes(settings.encode(DOC, 65_536))
    return made


def shown(bench: Bench, grams: float) -> int:
    """The mass that a self-test shows."""
    return int(ask(bench, grams, "self-test scale0")[0][0]["value"]["mass_g"])


def test_the_crew_s_zero_is_kept_with_its_cause_and_temperature(bench: Bench) -> None:
    assert shown(bench, 310) in (300, 320)
    (zero,) = ask(bench, 310, "zero scale0")
    assert abs(zero["counts"] - (600_000 + 43 * 310)) <= 43 * 5, "to 0.25 e"
    assert (zero["cause"], zero["temp_dc"], zero["t"]) == ("crew", 200, 0), "the clock was never set: no time"
    assert abs(zero["from_calibration_g"] - 310) <= 5
    assert shown(bench, 310) == 0, "after a restart"
    assert shown(bench, 5310) == 5000


def test_what_is_too_far_is_refused_and_changes_nothing(bench: Bench) -> None:
    """4 % of Max by the crew, 20 % when the bin is set up; Max is 60 kg."""
    far, setup, crew = ask(bench, 2500, "zero scale0", "zero scale0 setup", "zero scale0")
    assert far == "zero-refused"
    assert (setup["cause"], crew["cause"]) == ("initial", "crew")
    answers = ask(bench, 12_200, "zero scale0 setup", "zero lock0", "zero", "zero scale1")
    assert answers == ["zero-refused", "part-unknown", "part-unknown", "uncalibrated"]
    assert shown(bench, 2500) == 0


def test_a_power_cut_at_any_flash_operation_leaves_the_old_zero_or_the_new(bench: Bench) -> None:
    ask(bench, 0, "zero scale0")
    there, seen = 0, set()
    for cut in range(1, 12):
        new = 600 if there == 0 else 0
        answers = ask(bench, new, "zero scale0", cut=cut)
        now = shown(bench, 1000)
        assert now in (1000 - there, 1000 - new)
        if answers:
            assert now == 1000 - new, "what was answered is durable"
        seen.add((bool(answers), now == 1000 - new))
        there = 1000 - now
    assert (False, False) in seen, "some cuts came before the write was whole"


@pytest.mark.parametrize(
    ("grams", "shows", "cause", "longest_ms"),
    [
        (-300, [0, 0, 0], "automatic", 9000),
        (300, [300, 300, 300], "calibration", 3000),
        (7, [0, 0, 0], "tracking", 3000),
        (-2500, [-2500, -2500, -2500], "calibration", 12_000),
    ],
)
def test_a_look_sets_zero_by_itself_only_below_zero_or_near_it(
    bench: Bench, grams: int, shows: list[int], cause: str, longest_ms: int
) -> None:
    load(bench, grams)
    looks = [json.loads(line) for line in bench.run(LOOKS, 40, extra=EDGE, fidelity=Fidelity.FAST)]
    assert all(abs(found - expected) <= 20 for (found, _, _), expected in zip(looks, shows, strict=True)), (
        looks
    )
    assert {found for _, found, _ in looks} == {cause}
    assert max(took for _, _, took in looks) <= longest_ms
    if cause == "automatic":
        assert looks[0][2] >= 5000, "five seconds stable below zero"
        assert looks[1][2] <= 3000
