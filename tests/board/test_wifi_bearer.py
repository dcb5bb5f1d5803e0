"""The Wi-Fi bearer on the simulated board: what the chip's driver knows becomes one code each, in time."""

from pathlib import Path

import pytest

from tests.board.bench import Bench, ScriptedScene, edge_modules

MODULES = edge_modules("link/wifi.py")

PROGRAM = """
import asyncio, time
from edge.errors import EdgeError
from edge.link.wifi import Wifi

async def main():
    bearer = Wifi("huishou", "secret")
    for wait_s in {waits!r}:
        await asyncio.sleep(wait_s)
        start = time.ticks_ms()
        was = bearer.is_up()
        try:
            await bearer.up({deadline_ms})
            said = "up"
        except EdgeError as error:
            said = error.code
        took = time.ticks_diff(time.ticks_ms(), start)
        print(was, said, took, bearer.signal_dbm() is not None, bearer.roams)
    bearer.off()
    print(bearer.is_up())
asyncio.run(main())
"""

THERE, REFUSES, NO_ADDRESS = 1, 2, 3


class Radio(ScriptedScene):
    """What the radio finds, from so many milliseconds after the start on: (ms, what)."""

    finds: list[tuple[int, int]]

    def network_up(self, now_ms: int) -> int:  # type: ignore[override]
        return [what for at, what in self.finds if at <= now_ms - self.begun_ms][-1]


def join(
    path: Path, *finds: tuple[int, int], waits: tuple[int, ...] = (0,), deadline_ms: int = 20_000
) -> list[list[str]]:
    scene = Radio()
    scene.finds = list(finds)
    program = PROGRAM.format(waits=waits, deadline_ms=deadline_ms)
    lines = Bench(path, scene).run(program, 120, extra=MODULES)
    assert lines.pop() == "False"
    return [line.split() for line in lines]


def test_it_joins(tmp_path: Path) -> None:
    (said,) = join(tmp_path, (0, THERE))
    assert said[:2] == ["False", "up"]
    assert int(said[2]) < 3_000
    assert said[3:] == ["True", "0"]


@pytest.mark.parametrize(
    ("finds", "code", "within_ms"),
    [
        (0, "network-unreachable", 20_000),  # as soon as the driver has used up its tries
        (REFUSES, "wifi-password", 20_000),
        (NO_ADDRESS, "wifi-no-address", 20_600),
    ],
)
def test_each_failure_has_its_own_name_and_its_end(
    tmp_path: Path, finds: int, code: str, within_ms: int
) -> None:
    (said,) = join(tmp_path, (0, finds))
    assert said[:2] == ["False", code]
    assert int(said[2]) <= within_ms
    assert said[3] == "False"


def test_the_next_access_point_of_the_same_name_is_no_failure(tmp_path: Path) -> None:
    """Three seconds between two: the driver finds the second by itself."""
    first, second = join(tmp_path, (0, THERE), (8_000, 0), (11_000, THERE), waits=(0, 8))
    assert first[1] == second[1] == "up"
    assert int(second[2]) < 7_000
    assert second[4] == "1"


def test_an_access_point_that_is_gone_is_called_lost(tmp_path: Path) -> None:
    first, second, third = join(tmp_path, (0, THERE), (8_000, 0), (60_000, THERE), waits=(0, 8, 40))
    assert first[1] == "up"
    assert second[1] == "wifi-lost"
    assert int(second[2]) <= 21_000
    assert third[1] == "up"


def test_an_address_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    (said,) = join(tmp_path, (0, NO_ADDRESS), (6_000, THERE))
    assert said[1] == "up"
