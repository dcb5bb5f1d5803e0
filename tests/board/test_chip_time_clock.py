"""The device's clock on the simulated chip: what it trusts after which start, over wraps, jumps and weeks of
sleep; and its time servers. The firmware's own files on the stand-ins' time: epoch 2000, ticks of 30 bits, a
sleep clock that is fast or slow.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

from simulators.board.network import VirtualNetwork
from simulators.board.virtual import Fidelity
from simulators.peers.ntp import reply
from simulators.scene import PowerCut
from tests.board.bench import START_MS, Bench, edge_modules

MODULES = edge_modules(
    "clock.py", "keep.py", "measure/calendar.py", "measure/trust.py", "measure/witness.py",
    "link/ntp.py", "link/sntp.py", "link/resolve.py", "link/dns.py",
)  # fmt: skip
DAY_S = 86_400
HEAD = """
import asyncio, json, machine, time
from machine import RTC
from edge.keep import Keep
from edge.clock import Clock
keep = Keep()
clock = Clock(keep)
def say(**what):
    print(json.dumps(what))
"""


def play(bench: Bench, program: str, seconds: float, **how: Any) -> list[Any]:
    """What a program over the clock says, one JSON value a line."""
    lines = bench.run(HEAD + program, seconds, extra=MODULES, **how)
    return [json.loads(line) for line in lines if line.startswith("{")] or [{"lines": lines}]


SET = f"""
if clock.source() == "none":
    clock.offer("ntp", {START_MS} + clock.mono_ms() + 270, 20)
    keep.data["base"] = 7
    keep.save()
"""


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("machine.deepsleep(7_200_000)", "rtc"),
        ("time.sleep(7200); machine.reset()", "rtc"),
        ("time.sleep(7200); machine.soft_reset()", "rtc"),
        ("machine.WDT(timeout=7_200_000); time.sleep(9000)", "rtc"),
        ("machine.deepsleep(600_000)", "ntp"),
        ("RTC().datetime((2000, 1, 1, 0, 0, 0, 9, 0)); machine.reset()", "none"),
        ("time.sleep(9000)", "none"),  # the supply fails meanwhile
    ],
)
def test_what_is_trusted_after_which_start(bench: Bench, end: str, expected: str) -> None:
    if "9000)" in end and "WDT" not in end:
        bench.scene.script = [(7_200_000, PowerCut(off_ms=4_000))]
    said = play(
        bench,
        "say(source=clock.source(), ms=clock.now_ms(), error=clock.error_ms(), base=keep.data.get('base'),"
        " known=keep.data.get('known_ms'), mono=clock.mono_ms())\n"
        "if keep.data.get('again'):\n    time.sleep(100_000)\n"
        + SET
        + "keep.data['again'] = 1; keep.save()\n"
        + end,
        seconds=7_500,
    )
    assert said[0]["source"] == "none"
    after = said[1]
    assert after["source"] == expected
    if expected == "none":
        assert (after["ms"], after["error"], after["base"]) == (None, None, None)
        if "datetime" in end:
            assert after["known"] >= START_MS
    else:
        slept_ms = 600_000 if "600_000" in end else 7_200_000
        assert abs(after["ms"] - START_MS - slept_ms - 270) <= after["error"] + 270
        assert 20 <= after["error"] <= 20 + slept_ms * 175 // 1_000_000 + 1
        assert after["base"] == 7


def test_mono_time_and_the_clock_cross_the_wrap_of_the_ticks(bench: Bench) -> None:
    wrap_ms = 2**30
    said = play(
        bench,
        SET
        + f"""
for _ in range(5):
    ms = {wrap_ms - 60_000}  # seen once in a turn of the ticks, and no oftener
    time.sleep(ms // 1000)
    say(mono=clock.mono_ms(), local=clock.local_ms(), ticks=time.ticks_ms(), error=clock.error_ms())
""",
        seconds=5 * wrap_ms / 1000 + 60,
    )
    monos = [line["mono"] for line in said]
    for turn, line in enumerate(said, 1):
        assert abs(line["mono"] - turn * (wrap_ms // 1000 - 60) * 1000) <= 100
        assert abs(line["local"] - START_MS - 270 - line["mono"]) <= line["error"]
    assert monos == sorted(monos)
    assert [line["ticks"] for line in said] != sorted(line["ticks"] for line in said), "they did wrap"


@pytest.mark.parametrize("fidelity", [Fidelity.STANDARD, Fidelity.FULL])
def test_the_bound_holds_over_forty_days_of_sleep_without_a_source(bench: Bench, fidelity: Fidelity) -> None:
    said = play(
        bench,
        SET
        + """
clock.feel(200)
say(local=clock.local_ms(), error=clock.error_ms(), source=clock.source())
keep.save()
machine.deepsleep(6 * 3_600_000)
""",
        seconds=40 * DAY_S,
        fidelity=fidelity,
    )
    woken = [ms for ms, state in bench.scene.draws if state == "active"]
    assert len(said) == len(woken) >= 158
    for at_ms, line in zip(woken, said, strict=True):
        assert abs(line["local"] - START_MS - at_ms) <= line["error"], line
    assert {line["source"] for line in said[1:]} == {"rtc"}
    assert said[-1]["error"] < 40 * DAY_S * 1000 * 40 // 1_000_000, "no worse than it may be"


def test_an_rtc_that_jumps_moves_nothing_and_is_told_once(bench: Bench) -> None:
    said = play(
        bench,
        SET
        + """
before = clock.local_ms()
RTC().datetime((2031, 1, 1, 0, 0, 0, 0, 0))
say(moved=clock.local_ms() - before < 50, jumped=clock.jumped_ms() > 10**11, again=clock.jumped_ms())
say(year=RTC().datetime()[0], error=clock.error_ms())
""",
        seconds=20,
    )
    assert said == [{"moved": True, "jumped": True, "again": 0}, {"year": 2026, "error": 20}]


def test_moments_on_the_old_time_move_with_the_clock(bench: Bench) -> None:
    said = play(
        bench,
        """
keep.data["due_ms"] = clock.local_ms() + 5000
clock.offer("ntp", 1_780_000_000_000, 20)
say(left=keep.data["due_ms"] - clock.local_ms())
wrong = clock.weigh("gnss", 1_780_000_000_000 + 3_600_000)
say(taken=wrong.taken, doubted=wrong.doubted)
again = clock.weigh("gnss", 1_780_000_000_000 + 3_600_000)
clock.take(again)
say(jumped=again.jumped, left=keep.data["due_ms"] - clock.local_ms(), source=clock.source())
say(rolled=clock.weigh("gnss", 1_100_000_000_000) is None)
""",
        seconds=20,
    )
    assert 4900 <= said[0]["left"] <= 5000
    assert said[1] == {"taken": False, "doubted": True}
    assert said[2]["jumped"]
    assert said[2]["source"] == "gnss"
    assert 4900 <= said[2]["left"] <= 5000
    assert said[3] == {"rolled": True}


def test_a_dead_clock_stands_at_its_floor_and_is_not_believed(bench: Bench) -> None:
    said = play(
        bench,
        """
clock.floor(1_735_689_600_000)
say(source=clock.source(), known=clock.now_ms(), year=time.gmtime()[0])
clock.offer("ntp", 1_780_000_000_000, 20)
clock.floor(1_790_000_000_000)
say(late=clock.local_ms() < 1_780_000_010_000)
""",
        seconds=10,
    )
    assert said == [{"source": "none", "known": None, "year": 2025}, {"late": True}]


# Time servers. Each is an address; what it answers is a function of the true time.

Answer = Callable[[int, bytes], bytes | None]
SYNC = """
import network
from edge.link.sntp import Sync
class Log:
    def __init__(self):
        self.clock = clock
    def set_time(self, ms, source, error_ms=0, sure=False):
        taken = clock.offer(source, ms, error_ms, sure)
        say(set=ms - true_ms(), error=error_ms, sure=sure, taken=taken)
def true_ms():
    import _hw
    return _hw.now // 1000
async def main():
    w = network.WLAN(network.WLAN.IF_STA)
    w.active(True)
    w.connect("any", "thing")
    while not w.isconnected():
        await asyncio.sleep_ms(100)
    for _ in range(ROUNDS):
        try:
            await Sync(SERVERS, Log(), keep.data.setdefault("ntp_rest", {}), []).run()
        except Exception as error:
            say(code=getattr(error, "code", str(type(error))))
        await asyncio.sleep_ms(PAUSE)
asyncio.run(main())
"""


def server(off_ms: int = 0, heard: list[int] | None = None) -> Answer:
    def answer(now_us: int, request: bytes) -> bytes | None:
        if heard is not None:
            heard.append(now_us)
        return reply(request, now_us + off_ms * 1000)

    return answer


def kiss(word: bytes, heard: list[int]) -> Answer:
    def answer(now_us: int, request: bytes) -> bytes | None:
        heard.append(now_us)
        good = reply(request, now_us)
        assert good is not None
        return good[:1] + b"\0" + good[2:12] + word + good[16:]

    return answer


def silent(_now_us: int, _request: bytes) -> bytes | None:
    return None


def sync(
    bench: Bench, *answers: Answer, known: bool = False, rounds: int = 1, pause_ms: int = 1
) -> list[Any]:
    """What the clock is told when these servers are asked, in this order."""
    hosts = {f"10.0.0.{n}": answer for n, answer in enumerate(answers)}

    def wire(network: VirtualNetwork) -> None:
        network.hosts.update(hosts)

    servers = [{"host": host} for host in hosts]
    program = f"SERVERS, ROUNDS, PAUSE = {servers!r}, {rounds}, {pause_ms}\n" + (SET if known else "") + SYNC
    return play(bench, program, 60 + rounds * (pause_ms / 1000 + 20), on_network=wire)


def test_the_first_time_needs_two_servers_that_agree(bench: Bench) -> None:
    heard: list[int] = []
    (told,) = sync(bench, server(5), server(-5, heard), server(0, heard))
    assert told["taken"]
    assert abs(told["set"]) <= told["error"] <= 60
    assert len(heard) == 1, "the third was not needed"


def test_two_servers_that_contradict_each_other_set_nothing(bench: Bench) -> None:
    assert sync(bench, server(), server(3_600_000)) == [{"code": "ntp-disagree"}]


def test_a_third_server_outvotes_a_liar(bench: Bench) -> None:
    (told,) = sync(bench, server(3_600_000), server(), server(10))
    assert told["taken"]
    assert abs(told["set"]) <= told["error"]


def test_a_clock_that_is_set_is_a_witness_and_one_server_is_enough(bench: Bench) -> None:
    heard: list[int] = []
    (told,) = sync(bench, server(), server(0, heard), known=True)
    assert (told["taken"], told["sure"], heard) == (True, False, [])


def test_the_own_clock_says_which_of_two_servers_lies(bench: Bench) -> None:
    (told,) = sync(bench, server(-86_400_000), server(), known=True)
    assert told["taken"]
    assert abs(told["set"]) <= told["error"]


def test_a_single_server_against_the_clock_is_asked_again_before_it_is_believed(bench: Bench) -> None:
    heard: list[int] = []
    (told,) = sync(bench, server(600_000, heard), known=True)
    assert (told["taken"], told["sure"], len(heard)) == (True, True, 2)
    assert abs(told["set"] - 600_000) <= told["error"]


def test_a_server_that_is_silent_is_passed_over_and_then_left_alone(bench: Bench) -> None:
    said = sync(bench, silent, server(), server(), rounds=2)
    assert [line["taken"] for line in said] == [True, True]


def test_nobody_answers(bench: Bench) -> None:
    assert sync(bench, silent, silent) == [{"code": "ntp-no-answer"}]


def test_a_kiss_of_death_is_obeyed_over_the_next_rounds(bench: Bench) -> None:
    heard: list[int] = []
    said = sync(bench, kiss(b"RATE", heard), rounds=8, pause_ms=600_000)
    assert [line["code"] for line in said] == ["ntp-kiss"] * 8
    assert len(heard) == 2, "asked again after an hour, not before"
    denied: list[int] = []
    sync(Bench(bench.path / "denied"), kiss(b"DENY", denied), rounds=8, pause_ms=600_000)
    assert len(denied) == 1


def test_a_server_that_is_not_synchronised_is_no_witness(bench: Bench) -> None:
    def unset(now_us: int, request: bytes) -> bytes | None:
        good = reply(request, now_us - 10**15)
        assert good is not None
        return bytes((good[0] | 0xC0,)) + good[1:]

    def far(now_us: int, request: bytes) -> bytes | None:
        good = reply(request, now_us)
        assert good is not None
        return good[:8] + struct.pack(">I", 5 << 16) + good[12:]

    assert sync(bench, unset, far) == [{"code": "ntp-bad-answer"}]
