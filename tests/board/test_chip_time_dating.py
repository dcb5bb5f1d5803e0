"""Whatever the clock does, records keep their order and none is lost; those made before it was known are
dated back by the time that was found, and only those of the same time base.

A life is a list of steps drawn here and played by the firmware's own log on the chip's flash. Truth is
virtual time itself.
"""

import json
import random
from collections import defaultdict
from typing import Any

import pytest

from simulators.scene import PowerCut
from tests.board.bench import START_MS, Bench, edge_modules

MODULES = edge_modules(
    "clock.py", "keep.py", "log.py",
    "measure/calendar.py", "measure/trust.py", "measure/witness.py", "measure/thinning.py",
    *(f"store/{name}.py" for name in ("record", "ring", "sector", "mount", "losses")),
)  # fmt: skip
PROGRAM = """
import json, machine, time
import _hw
from esp32 import Partition
from edge.clock import Clock
from edge.keep import Keep
from edge.log import Log
from edge.store.ring import Ring

LIFE = {life}

def truth_ms():
    return _hw.now // 1000

keep = Keep()
clock = Clock(keep)
log = Log(Ring(Partition("log"), lambda: 0x1234), clock, keep)
if keep.fresh:
    log.recall()
clock.floor(1_735_689_600_000)
# Where this life stands: each step ends with a record that names it.
at = json.loads(log.ring.read(log.ring.head, 1)[0][1])["net_g"] if log.ring.head else 0
for number in range(at, len(LIFE)):
    what, value = LIFE[number]
    if what == "set":
        source, off_ms, sure = value
        log.set_time(truth_ms() + off_ms, source, 40, sure)
    elif what == "jump":
        year, month, day, _, hour, minute, second, us = machine.RTC().datetime()
        machine.RTC().datetime((year + value, month, day, 0, hour, minute, second, us))
    elif what == "wait":
        time.sleep(value)
    clock.feel(200)
    log.write("deposit", [("bay", 1), ("net_g", number + 1), ("open_ms", truth_ms() - {start})])
    keep.save()
    if what == "sleep":
        machine.deepsleep(value * 1000)
    elif what == "reset":
        machine.reset()
time.sleep(10**6)
"""


def life(rng: random.Random) -> list[tuple[str, Any]]:
    """Forty steps: time passes, sources speak true or false, the chip starts anew, its RTC jumps."""
    steps: list[tuple[str, Any]] = []
    for _ in range(40):
        what = rng.choice(["wait", "wait", "set", "set", "sleep", "reset", "jump", "write"])
        value: Any = rng.randint(1, 5000)
        if what == "set":
            lie = rng.choice([0, 0, 0, rng.randint(-(10**9), 10**9)])
            value = (rng.choice(["gnss", "ntp"]), lie, rng.random() < 0.5)
        elif what == "jump":
            value = rng.choice([-1, 1, 5])
        steps.append((what, value))
    return steps


@pytest.mark.parametrize("seed", range(6))
def test_no_step_of_the_clock_reorders_drops_or_misdates(bench: Bench, seed: int) -> None:
    rng = random.Random(seed)
    steps = life(rng)
    cuts = sorted(rng.randint(1, 60_000_000) for _ in range(3))
    bench.scene.script = [(at, PowerCut(off_ms=2_000)) for at in cuts]
    program = PROGRAM.format(life=steps, start=START_MS)
    bench.run(program, seconds=200_000, extra=MODULES)
    assert bench.result is not None
    assert bench.result.halted is None, (bench.image.path / "vm.log").read_text(encoding="utf-8")
    found = [json.loads(data) for _log, _seq, data in bench.image.logged()]
    assert [record["seq"] for record in found] == list(range(1, len(found) + 1)), "no gap, no other order"
    marks = [record["net_g"] for record in found if record["kind"] == "deposit"]
    assert marks == sorted(marks)
    assert set(marks) == set(range(1, len(steps) + 1)), "every step has its record"

    lies = any(what == "set" and value[1] for what, value in steps)
    clocks: dict[str, int] = defaultdict(int)
    for record in found:
        clocks[record["clock"]] += 1
        if record["kind"] == "deposit" and record["clock"] != "none" and not lies:
            true_ms = START_MS + record["open_ms"]
            assert abs(record["t"] - true_ms) < 540 + record["open_ms"] * 200 // 1_000_000, record
    assert clocks["gnss"] + clocks["ntp"] + clocks["rtc"] > 0


def test_what_was_made_before_the_clock_was_known_is_dated_back_over_sleeps_and_resets(bench: Bench) -> None:
    steps = [
        ("write", 0),
        ("sleep", 3600),
        ("reset", 0),
        ("wait", 700),
        ("set", ("ntp", 0, False)),
        ("write", 0),
    ]
    bench.run(PROGRAM.format(life=steps, start=START_MS), seconds=10_000, extra=MODULES)
    found = [json.loads(data) for _log, _seq, data in bench.image.logged()]
    assert [record["clock"] for record in found] == ["back", "back", "back", "back", "ntp", "ntp"]
    for record in found:
        assert abs(record["t"] - START_MS - record["open_ms"]) <= 600


def test_a_power_cut_ends_a_time_base_and_nothing_is_dated_by_the_next_one(bench: Bench) -> None:
    bench.scene.script = [(1_000_000, PowerCut(off_ms=50_000_000))]
    steps = [("write", 0), ("wait", 5000), ("write", 0), ("set", ("ntp", 0, False)), ("write", 0)]
    bench.run(PROGRAM.format(life=steps, start=START_MS), seconds=100_000, extra=MODULES)
    found = [json.loads(data) for _log, _seq, data in bench.image.logged()]
    assert [record["clock"] for record in found] == ["none", "back", "back", "ntp", "ntp"]
    for record in found[1:]:
        assert abs(record["t"] - START_MS - record["open_ms"]) <= 600, record


def test_a_jump_is_told_and_cleared_by_the_next_time_that_agrees(bench: Bench) -> None:
    steps = [
        ("set", ("ntp", 0, False)),
        ("set", ("ntp", 7_200_000, False)),  # one server, alone: not believed
        ("set", ("ntp", 7_200_000, False)),  # and again: taken
        ("set", ("ntp", 7_200_000, False)),
        ("jump", 3),
        ("set", ("ntp", 7_200_000, False)),
    ]
    bench.run(PROGRAM.format(life=steps, start=START_MS), seconds=100, extra=MODULES)
    found = [json.loads(data) for _log, _seq, data in bench.image.logged()]
    told = [(record["code"], record["state"]) for record in found if record["kind"] == "fault"]
    assert told == [
        ("clock-doubted", "raised"),
        ("clock-jumped", "raised"),
        ("clock-doubted", "cleared"),
        ("clock-jumped", "cleared"),
        ("clock-jumped", "raised"),
        ("clock-jumped", "cleared"),
    ]
    times = [record["t"] for record in found if record["kind"] == "deposit"]
    assert times == sorted(times), "the RTC's own jump moved no record"
