"""The HX711 under clocked bits, as its data sheet says."""

import ast
import textwrap

from simulators.scene import BridgeSignal
from tests.board.bench import Bench

DRIVER = """
    import time
    from machine import Pin
    power, clock, data = Pin(6, Pin.OUT), Pin(5, Pin.OUT), Pin(4, Pin.IN, Pin.PULL_UP)

    def ready(timeout_ms=900):
        start = time.ticks_ms()
        while data():
            if time.ticks_diff(time.ticks_ms(), start) > timeout_ms:
                return None
            time.sleep_ms(1)
        return time.ticks_diff(time.ticks_ms(), start)

    def pulses(n):
        value = 0
        for i in range(n):
            clock(1)
            clock(0)
            if i < 24:
                value = value << 1 | data()
        return value - 0x1000000 if value & 0x800000 else value
"""
# Full scale at gain 128 and 3.3 V: half of the supply by the gain.
FULL_NV = 3_300_000_000 // 256


def program(body: str) -> str:
    return textwrap.dedent(DRIVER) + textwrap.dedent(body)


def test_the_first_conversion_is_there_400_ms_after_power_then_ten_a_second(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, 0, 0))]
    lines = bench.run(
        program(
            """
            print(ready(1000))
            power(1)
            waits = []
            for _ in range(3):
                waits.append(ready())
                pulses(25)
                assert data() == 1
            print(waits)
            """
        )
    )
    assert lines[0] == "None"
    first, second, third = ast.literal_eval(lines[1])
    assert 399 <= first <= 401
    assert 98 <= second <= 101
    assert 98 <= third <= 101


def test_values_are_twos_complement_and_saturate(bench: Bench) -> None:
    cases = [
        (FULL_NV // 2, 0x400000),
        (-FULL_NV // 2, -0x400000),
        (2 * FULL_NV, 0x7FFFFF),
        (-2 * FULL_NV, -0x800000),
    ]
    for nanovolt, expected in cases:
        bench.scene.script = [(0, BridgeSignal(4, nanovolt, 0))]
        bench.scene._done = 0
        lines = bench.run(program("power(1)\nready()\nprint(pulses(25))\n"), 2)
        assert abs(int(lines[0]) - expected) <= 1, nanovolt


def test_an_open_bridge_reads_the_rail(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, None, 10))]
    assert bench.run(program("power(1)\nready()\nprint(pulses(25))\n"), 2) == [str(0x7FFFFF)]


def test_27_pulses_choose_half_the_gain_for_the_next_conversion_after_settling(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, FULL_NV // 2, 0))]
    lines = bench.run(program("power(1)\nready()\nprint(pulses(27))\nprint(ready())\nprint(pulses(25))\n"), 4)
    assert abs(int(lines[0]) - 0x400000) <= 1
    assert 395 <= int(lines[1]) <= 401
    assert abs(int(lines[2]) - 0x200000) <= 1


def test_a_clock_held_high_powers_down_and_a_short_pulse_does_not(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, FULL_NV // 2, 0))]
    lines = bench.run(
        program(
            """
            power(1)
            ready()
            value = 0
            for i in range(25):
                clock(1)
                time.sleep_us(50)
                clock(0)
                if i < 24:
                    value = value << 1 | data()
            print(value)
            ready()
            clock(1)
            time.sleep_us(80)
            clock(0)
            print(data(), ready())
            """
        )
    )
    assert abs(int(lines[0]) - 0x400000) <= 1
    level, wait = lines[1].split()
    assert level == "1"
    assert 398 <= int(wait) <= 401


def test_noise_has_the_stated_spread_and_repeats_with_the_seed(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, 1_000_000, 1000))]
    body = "power(1)\nout = []\nfor _ in range(150):\n    ready()\n    out.append(pulses(25))\nprint(out)\n"
    values = ast.literal_eval(bench.run(program(body), 30)[0])
    mean = sum(values) / len(values)
    spread = (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5
    counts_per_nv = 2**23 / FULL_NV
    assert abs(mean - 1_000_000 * counts_per_nv) < 250 * counts_per_nv
    assert 800 * counts_per_nv < spread < 1200 * counts_per_nv
    again = Bench(bench.path / "again")
    again.scene.script = [(0, BridgeSignal(4, 1_000_000, 1000))]
    assert ast.literal_eval(again.run(program(body), 30)[0]) == values


def test_the_data_ready_edge_wakes_a_task_that_sleeps(bench: Bench) -> None:
    bench.scene.script = [(0, BridgeSignal(4, 0, 0))]
    lines = bench.run(
        program(
            """
            import asyncio
            flag = asyncio.ThreadSafeFlag()
            async def main():
                data.irq(lambda _: flag.set(), Pin.IRQ_FALLING)
                start = time.ticks_ms()
                power(1)
                for _ in range(3):
                    await flag.wait()
                    pulses(25)
                    print(time.ticks_diff(time.ticks_ms(), start))
            asyncio.run(main())
            """
        )
    )
    assert [round(int(line), -1) for line in lines] == [400, 500, 600]
    assert bench.result is not None
    assert bench.result.counters.frames < 15, "waiting for an edge must cost no polling"
