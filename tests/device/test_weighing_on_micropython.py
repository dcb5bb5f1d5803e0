"""The same weighings under the real interpreter: integers all the way, so the answers are the same."""

import json
import subprocess
import sys

import pytest

from simulators.board.firmware import FIRMWARE
from tests.device.interpreter import micropython

PRELUDE = """
import json
from edge.measure.calibration import Calibration
from edge.measure.deposit import Seen, judge, leans
from edge.measure.weighing import Weigher
from edge.measure.zero import Zero

class Dice:
    def __init__(self, seed):
        self.x = seed
    def __call__(self, n):
        self.x = (self.x * 1103515245 + 12345) & 0x3FFFFFFF
        return (self.x >> 12) % n

POINTS = [[600000, 0], [1030000, 10000], [1890500, 30000], [3180000, 60000]]
OLD = {"cal": "o-1", "zero": -5000, "span": -430000, "span_g": 10000, "e_g": 10}
NEW = {"cal": "n-1", "points": POINTS, "e_g": 20, "max_g": 60000}
WARM = {"cal": "w-1", "points": POINTS, "e_g": 20, "max_g": 60000, "temp_dc": 200, "zero_tc": 86}
WARM["span_tc"] = -30
"""

PROGRAMS = {
    "masses": """
out = []
for settings in (OLD, NEW, WARM):
    cal = Calibration(settings)
    out.append([cal.cal, cal.e_counts, cal.sign, cal.min_g, cal.max_g, cal.over_g, cal.counts(123456)])
    for counts in range(-8388608, 8388608, 100003):
        for temp in (None, -200, 215, 600):
            mg = cal.mg(cal.reduced(counts, temp), cal.zero + 77, temp)
            out.append([mg, cal.indication(mg)])
print(json.dumps(out))
""",
    "weighings": """
out = []
cal = Calibration(NEW)
zero = Zero(cal)
for n in range(60):
    dice = Dice(n)
    mass, noise, swing = dice(60200), 2 + dice(200), (0, 0, dice(6000))[n % 3]
    weigher = Weigher(cal, zero, None, (0, 1500)[n % 2])
    done = False
    for k in range(70):
        counts = 600000 + 43 * mass + dice(noise) - noise // 2 + (swing if (k // 9) % 2 else -swing)
        if dice(40) == 0:
            counts = dice(16777216) - 8388608
        done = weigher.add(counts, 100 * k)
        if done:
            break
    r = weigher.result()
    out.append([k, done, r.grams, r.stable, r.code, r.detail, r.mg, r.counts])
    out.append([r.spread, r.span_ms, r.below_ms])
print(json.dumps(out))
""",
    "zeros": """
out = []
cal = Calibration(WARM)
zero = Zero(cal)
dice = Dice(7)
for n in range(2000):
    temp, off, now = 200 + dice(300), dice(1800) - 900, 1790000000000 + n
    what = dice(40)
    try:
        if what == 0:
            zero.by_crew(zero.counts + 40 * off, dice(300), temp, now)
        elif what == 1:
            zero.by_setup(600000 + 300 * off, 0, temp, now)
        elif what == 2:
            zero = Zero(cal, json.loads(json.dumps(zero.state())))
        elif what < 10:
            zero.automatic(zero.counts + off, dice(300), 1000 * dice(8), temp, now)
        else:
            zero.track(zero.counts + off, dice(300), 1200 + dice(4000), temp, now)
    except ValueError as error:
        out.append(str(error))
    out.append(zero.state() + [zero.drift_g()])
print(json.dumps(out))
""",
    "deposits": """
out = []
cal = Calibration(NEW)
zero = Zero(cal)
def weigh(mass, seed, moving):
    weigher, dice = Weigher(cal, zero, 200, 1500), Dice(seed)
    for k in range(80):
        if weigher.add(600000 + 43 * mass + dice(90) + moving * (k % 20), 100 * k):
            break
    return weigher.result()
for n in range(40):
    before, after = weigh(1000 * n, n, 0), weigh(1000 * n + 130 * (n - 10), n + 1, (0, 0, 0, 500)[n % 4])
    seen = Seen(n % 3, n % 7 > 0, n % 5 > 0, 1000 * (n % 6), n % 11 == 0)
    v = judge(before, after, seen, cal.e_g, cal.min_g)
    out.append([v.outcome, v.code, v.net_g, v.below_min, leans(after, before.mg, 180, cal.e_g)])
print(json.dumps(out))
""",
    "refusals": """
out = []
for key in ("cal", "e_g", "max_g", "points", "zero", "class", "zero_tc", "median", "window_ms", "band_g"):
    for value in (None, True, -1, 0, 7, 1e9, "x", [], {}, [[0, 0], [1, 60000]], [[0, 0], [5]], 2**40):
        try:
            settings = dict(NEW)
            settings[key] = value
            out.append([key, Calibration(settings).e_counts])
        except ValueError as error:
            out.append([key, str(error).split(";")[-1]])
print(json.dumps(out))
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_interpreter_of_the_chip_agrees_with_this_one(name: str) -> None:
    program = PRELUDE + PROGRAMS[name]
    there = json.loads(micropython(program))
    here = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=True, env={"PYTHONPATH": str(FIRMWARE)},
    ).stdout  # fmt: skip
    assert there == json.loads(here)
    assert len({json.dumps(answer) for answer in there}) > 5, "the answers differ from each other"
