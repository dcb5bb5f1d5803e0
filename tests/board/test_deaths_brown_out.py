"""A brown-out of the simulated chip: reads as power-on, RTC memory holds, the clock begins anew."""

from pathlib import Path

import pytest

from simulators.scene import BrownOut, PowerCut
from tests.board.bench import Bench

PROGRAM = """
    import machine, time
    print(machine.reset_cause(), machine.RTC().memory(), time.time() < 2)
    machine.RTC().memory(b"kept")
    {rest}
    """


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    "rest", ["time.sleep(100)", "machine.deepsleep(60_000)"], ids=["while awake", "in deep sleep"]
)
def test_rtc_memory_holds_and_the_clock_does_not(bench: Bench, rest: str) -> None:
    bench.scene.script = [(5_000, BrownOut(off_ms=300))]
    assert bench.run(PROGRAM.format(rest=rest)) == ["1 b'' True", "1 b'kept' True"]
    woken = [ms for ms, state in bench.scene.draws if state == "active"]
    assert woken[-1] == 5_000 + 300 + 270


def test_a_cut_after_it_forgets_all(bench: Bench) -> None:
    bench.scene.script = [(2_000, BrownOut()), (5_000, PowerCut(off_ms=500))]
    lines = bench.run(PROGRAM.format(rest="time.sleep(100)"))
    assert lines == ["1 b'' True", "1 b'kept' True", "1 b'' True"]
