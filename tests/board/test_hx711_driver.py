"""The HX711 driver in the real interpreter, against clocked bits and everything that its two wires can do."""

import ast

import pytest

from hardware import load_board
from simulators.board.virtual import Fidelity
from simulators.scene import BridgeSignal
from tests.board.bench import Bench, edge_modules

EDGE = edge_modules("drivers/hx711.py", "drivers/line.py", "drivers/switch.py")
NV = 1_000_000
COUNTS = NV * 256 * 2**23 // 3_300_000_000

LOOKS = """
import asyncio, time
from edge.drivers.hx711 import Hx711
from edge.errors import EdgeError
chip = Hx711(4, 5, 6, **OPTIONS)

async def look(n):
    # n readings of one power-up: values or codes, and the milliseconds from power to the first
    chip.on()
    start, first, found = time.ticks_ms(), 0, []
    for _ in range(n):
        try:
            found.append(await chip.read())
        except EdgeError as error:
            found.append(error.code)
        first = first or time.ticks_diff(time.ticks_ms(), start)
    took = time.ticks_diff(time.ticks_ms(), start)
    chip.off()
    return found, first, took

async def main():
    for _ in range(TIMES):
        print(repr(await look(READINGS)))
        await asyncio.sleep_ms(1000)
asyncio.run(main())
"""


def looks(
    bench: Bench,
    signal: BridgeSignal,
    *,
    readings: int = 6,
    times: int = 1,
    fidelity: Fidelity = Fidelity.STANDARD,
    **options: int,
) -> list[tuple[list[int | str], int, int]]:
    """What the driver gave in each power-up, how long the first reading took, and all of them."""
    bench.scene.script, bench.scene._done = [(0, signal)], 0
    program = LOOKS.replace("OPTIONS", repr(options))
    program = program.replace("TIMES", str(times)).replace("READINGS", str(readings))
    lines = bench.run(program, times * (readings + 12), extra=EDGE, fidelity=fidelity)
    found = [ast.literal_eval(line) for line in lines]
    assert len(found) == times, lines
    return found


def codes(found: list[int | str]) -> set[str]:
    return {value for value in found if isinstance(value, str)}


def near(value: int | str, expected: float = COUNTS) -> bool:
    return isinstance(value, int) and abs(value - expected) <= 2


@pytest.mark.parametrize("fidelity", [Fidelity.STANDARD, Fidelity.FAST])
def test_the_first_reading_is_settled_and_then_one_comes_each_period(
    bench: Bench, fidelity: Fidelity
) -> None:
    for values, first, took in looks(bench, BridgeSignal(4, NV, 0), times=2, fidelity=fidelity):
        assert all(map(near, values))
        assert 400 <= first <= 410
        assert 895 <= took <= 915


@pytest.mark.parametrize("fidelity", [Fidelity.STANDARD, Fidelity.FAST])
def test_a_chip_that_shows_conversions_before_they_are_settled_is_not_believed(
    bench: Bench, fidelity: Fidelity
) -> None:
    ((values, first, _),) = looks(bench, BridgeSignal(4, NV, 0, "unsettled"), fidelity=fidelity)
    assert all(map(near, values))
    assert 400 <= first <= 410


@pytest.mark.parametrize(("gain", "expected"), [(64, COUNTS / 2), (32, 0)])
def test_another_gain_is_asked_for_settled_and_its_first_conversion_thrown_away(
    bench: Bench, gain: int, expected: float
) -> None:
    ((values, first, took),) = looks(bench, BridgeSignal(4, NV, 0), gain=gain)
    assert all(near(value, expected) for value in values)
    assert 400 + 400 + 100 <= first <= 930
    assert took - first <= 520, "later ones need no settling"


def test_a_change_of_gain_while_reading_gives_only_what_was_asked_for(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, NV, 0))]
    program = """
        import asyncio
        from edge.drivers.hx711 import Hx711
        async def main():
            chip = Hx711(4, 5, 6)
            chip.on()
            for gain in (128, 64, 32, 128, 64):
                chip.select(gain)
                found = []
                for _ in range(3):
                    found.append(await chip.read())
                print(found)
            try:
                chip.select(100)
            except ValueError as error:
                print(error)
        asyncio.run(main())
        """
    *groups, error = bench.run(program, 20, extra=EDGE)
    for line, expected in zip(groups, (COUNTS, COUNTS / 2, 0, COUNTS, COUNTS / 2), strict=True):
        assert all(near(value, expected) for value in ast.literal_eval(line))
    assert "gain 100" in error


def test_an_open_bridge_is_a_rail_and_lost_excitation_is_no_signal(bench: Bench) -> None:
    ((values, _, _),) = looks(bench, BridgeSignal(4, None, 70))
    assert codes(values) == {"scale-at-rail"}
    ((values, _, _),) = looks(bench, BridgeSignal(4, NV, 70, "excitation"))
    assert all(value == "scale-garbled" or (isinstance(value, int) and abs(value) < 500) for value in values)


@pytest.mark.parametrize(
    ("fault", "code"),
    [("stuck-high", "scale-silent"), ("stuck-low", "scale-stuck"), ("clock-open", "scale-garbled")],
)
@pytest.mark.parametrize("fidelity", [Fidelity.STANDARD, Fidelity.FAST])
def test_a_broken_line_has_its_own_code_and_no_value(
    bench: Bench, fault: str, code: str, fidelity: Fidelity
) -> None:
    ((values, _, took),) = looks(bench, BridgeSignal(4, NV, 70, fault), readings=5, fidelity=fidelity)
    assert values == [code] * 5
    assert took <= 5 * 820


def test_a_line_that_heals_is_read_again(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, NV, 0, "stuck-low")), (2_000, BridgeSignal(4, NV, 0))]
    program = LOOKS.replace("OPTIONS", "{}").replace("TIMES", "6").replace("READINGS", "2")
    found = [ast.literal_eval(line)[0] for line in bench.run(program, 30, extra=EDGE)]
    assert found[0] == ["scale-stuck", "scale-stuck"]
    assert all(near(value) for value in found[-1])


def test_a_pulse_that_was_held_up_spoils_its_conversion_and_no_other(bench: Bench) -> None:
    # One pulse in 100: about every fourth conversion.
    found = looks(bench, BridgeSignal(4, NV, 0, "long-pulse", 100), readings=40, times=10)
    values = [value for look, _, _ in found for value in look]
    assert codes(values) == {"scale-garbled"}
    assert 40 < values.count("scale-garbled") < 160
    assert all(near(value) for value in values if isinstance(value, int))


@pytest.mark.parametrize("fault", ["lost-pulse", "double-pulse"])
def test_after_a_miscounted_pulse_the_next_reading_is_right_again(bench: Bench, fault: str) -> None:
    # A lost pulse shows at once in half of all words (their last bit); else by the silence that follows.
    found = looks(bench, BridgeSignal(4, NV, 300, fault, 200), readings=40, times=10)
    spread = 12 * 300 * COUNTS / NV
    wrong = garbled = 0
    for values, _, _ in found:
        for value, after in zip(values, [*values[1:], None], strict=True):
            if isinstance(value, str):
                assert value == "scale-garbled"
                garbled += 1
            elif not abs(value - COUNTS) < spread:
                wrong += 1
                assert after in ("scale-garbled", None), "a wrong value is followed by a restart"
    assert garbled > 20
    assert wrong <= garbled


def test_a_chip_at_80_a_second_settles_in_50_ms(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    board = load_board("bin-s3")
    board["parts"]["scale0"]["rate_hz"] = 80
    monkeypatch.setattr("simulators.board.virtual.load_board", lambda _name: board)
    ((values, first, took),) = looks(bench, BridgeSignal(4, NV, 0), readings=20, rate_hz=80)
    assert all(map(near, values))
    assert 50 <= first <= 56
    assert 50 + 18 * 12.5 <= took <= 50 + 21 * 12.5


def test_a_loop_that_was_held_up_while_the_chip_woke_finds_no_fault(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, NV, 0))]
    program = """
        import asyncio, time
        from edge.drivers.hx711 import Hx711
        async def main():
            for ms in (60, 150, 450, 2000):
                chip = Hx711(4, 5, 6)
                chip.on()
                reading = asyncio.create_task(chip.read())
                await asyncio.sleep_ms(0)
                time.sleep_ms(ms)
                print(await reading)
                chip.off()
        asyncio.run(main())
        """
    values = [int(line) for line in bench.run(program, 20, extra=EDGE)]
    assert len(values) == 4
    assert all(map(near, values))


def test_without_a_switched_supply_the_chip_sleeps_and_wakes_by_its_clock(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = load_board("bin-s3")
    del board["parts"]["scale0"]["power"]
    monkeypatch.setattr("simulators.board.virtual.load_board", lambda _name: board)
    bench.scene.script = [(0, BridgeSignal(4, NV, 0))]
    program = LOOKS.replace("6, **OPTIONS", "None").replace("TIMES", "3").replace("READINGS", "3")
    for line in bench.run(program, 20, extra=EDGE):
        values, first, _ = ast.literal_eval(line)
        assert all(map(near, values))
        assert 400 <= first <= 410


def test_two_scales_are_read_at_the_same_time_each_its_own(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, NV, 0)), (0, BridgeSignal(8, 3 * NV, 0, "long-pulse", 60))]
    program = """
        import asyncio
        from edge.drivers.hx711 import Hx711
        from edge.errors import EdgeError
        async def look(name, chip):
            async with chip.lock:
                chip.on()
                found = []
                for _ in range(8):
                    try:
                        found.append(await chip.read())
                    except EdgeError as error:
                        found.append(error.code)
                chip.off()
                print(repr((name, found)))
        async def main():
            await asyncio.gather(look(0, Hx711(4, 5, 6)), look(1, Hx711(8, 9, 10)))
        asyncio.run(main())
        """
    found = dict(ast.literal_eval(line) for line in bench.run(program, 20, extra=EDGE))
    assert all(map(near, found[0]))
    assert "scale-garbled" in found[1]
    assert all(near(value, 3 * COUNTS) for value in found[1] if isinstance(value, int))
    ups = [(pin, level) for _, pin, level in bench.scene.pins if pin in (6, 10)]
    assert sorted(ups) == [(6, 0), (6, 1), (10, 0), (10, 1)], "each bridge was powered once, and let go"
