"""The bearer over a modem on the simulated board: real driver and dialogue, the modem's bytes, PPP frames.

Each failure ends by its own name and in time; a modem that hangs is cured by as much as it needs and no more.
"""

from pathlib import Path
from typing import Any

import pytest

from hardware import load_board
from simulators.scene import Stimulus
from simulators.world.kernel import Kernel
from simulators.world.modem import Modem
from tests.board.bench import Bench, edge_modules

MODULES = edge_modules(
    "drivers/at.py", "drivers/serial.py", "drivers/modem.py", "link/cell.py", "link/cellular.py", "keep.py"
)
BIN, TRUCK = "bin-s3-lte", "truck-s3-lte"

PROGRAM = """
import asyncio, machine, socket, time
from edge.drivers.modem import Modem
from edge.drivers.serial import Serial
from edge.errors import EdgeError
from edge.keep import Keep
from edge.link.cellular import Cellular

PART, SETTINGS, ROUNDS, DOWN, WELL = {part!r}, {settings!r}, {rounds}, {down}, {well}

async def main():
    port = Serial(PART["uart"], PART["tx"], PART["rx"], PART["baud"], PART["rxbuf"])
    modem = Modem(port, PART["key"], PART.get("power"), PART.get("status"), reset=PART.get("reset"))
    keep = Keep()
    bearer = Cellular(modem, SETTINGS, keep)
    for _ in range(ROUNDS):
        start = time.ticks_ms()
        try:
            await bearer.up(bearer.up_ms)
            said = "up"
            if WELL:
                bearer.well()
        except EdgeError as error:
            said = error.code
        print(said, time.ticks_diff(time.ticks_ms(), start) // 1000, bearer.is_up(), bearer.signal_dbm())
        start = time.ticks_ms()
        if DOWN:
            await bearer.down()
            print("down", time.ticks_diff(time.ticks_ms(), start) // 1000, bearer.is_up())
    {after}
asyncio.run(main())
"""


class ModemScene(Kernel):
    """A board with nothing but its modem."""

    def __init__(self, board: str, start_ms: int, fault: str | None, seed: int = 3) -> None:
        self.told: list[dict[str, Any]] = []
        super().__init__(f"{seed}", start_ms, self.told.append)
        self.part = load_board(board)["parts"]["modem"]
        self.modem = Modem(self, "modem", self.part)
        self.pins: list[tuple[int, int, int]] = []
        self.asked: list[bytes] = []
        self.begun_ms = start_ms
        self.modem.set_fault(fault)

    def on_heal(self) -> None:
        """All is well from now on."""
        self.modem.set_fault(None)

    def start(self, now_ms: int) -> list[Stimulus]:
        self.advance(now_ms)
        return self.inputs()

    def pin_out(self, now_ms: int, pin: int, level: int) -> list[Stimulus]:
        early = self.advance(now_ms)
        self.pins.append((now_ms - self.begun_ms, pin, level))
        self.modem.driven(pin, level)
        return early + self.flush(now_ms)

    def uart_out(self, now_ms: int, uart: int, data: bytes) -> list[Stimulus]:
        early = self.advance(now_ms)
        self.asked.append(data)
        self.modem.heard(data)
        return early + self.flush(now_ms)

    def adc_mv(self, now_ms: int, pin: int) -> int:
        return 0

    def power(self, now_ms: int, state: str) -> None:
        pass

    def network_up(self, now_ms: int) -> int:
        return self.modem.carries()

    def save(self) -> dict[str, Any]:
        return self.state()

    def pressed(self) -> int:
        """How often PWRKEY was pressed."""
        return len([pin for _, pin, level in self.pins if pin == self.part["key"] and level])

    def cuts(self) -> int:
        """How often the supply was taken away."""
        return len([pin for _, pin, level in self.pins if pin == self.part.get("power") and not level])


def play(
    path: Path,
    fault: str | None = None,
    *,
    board: str = BIN,
    rounds: int = 1,
    down: bool = True,
    well: bool = True,
    pin: str = "",
    after: str = "pass",
    seconds: int = 200,
    seed: int = 3,
    heal_s: int = 0,
) -> tuple[list[list[str]], ModemScene]:
    """What the bearer said, line by line, and the scene it happened in."""
    bench = Bench(path, board=board)
    scene = ModemScene(board, bench.image.now_ms, fault, seed)
    if heal_s:
        scene.after(1_000 * heal_s, "heal")
    bench.scene = scene  # type: ignore[assignment]
    settings = {"apn": "cmiot", **({"pin": pin} if pin else {})}
    program = PROGRAM.format(
        part=scene.part, settings=settings, rounds=rounds, down=down, well=well, after=after
    )
    lines = bench.run(program, seconds, extra=MODULES)
    return [line.split() for line in lines], scene


def test_a_cold_start_is_up_in_seconds_and_leaves_in_good_order(tmp_path: Path) -> None:
    said, scene = play(tmp_path, rounds=3)
    ups, downs = said[::2], said[1::2]
    assert [u[0] for u in ups] == ["up"] * 3
    assert all(int(u[1]) < 25 and u[2] == "True" and -113 <= int(u[3]) <= -51 for u in ups)
    assert all(int(d[1]) <= 5 and d[2] == "False" for d in downs)
    assert scene.modem.mode == "off"
    assert not scene.modem.supplied
    assert scene.cuts() == scene.pressed() == 3
    assert b"AT+QPOWD=1\r" in scene.asked


FAILURES = [
    ("sim-missing", "sim-missing", 45),
    ("sim-pin", "sim-pin", 20),
    ("sim-puk", "sim-puk", 20),
    ("sim-dead", "sim-failure", 45),
    ("no-signal", "cell-no-signal", 60),
    ("searching", "cell-not-registered", 60),
    ("denied", "cell-denied", 60),
    ("apn", "apn-refused", 60),
    ("no-ppp", "ppp-failed", 60),
    ("silent", "modem-silent", 60),
    ("brown-out", "modem-restarted", 60),
]


@pytest.mark.parametrize(("fault", "code", "within_s"), FAILURES, ids=[f for f, _, _ in FAILURES])
def test_each_failure_has_its_own_name_and_its_end(
    tmp_path: Path, fault: str, code: str, within_s: int
) -> None:
    said, scene = play(tmp_path, fault)
    assert said[0][0] == code
    assert int(said[0][1]) <= within_s
    assert said[0][2:] == ["False", "None"]
    assert said[1][0] == "down"
    assert int(said[1][1]) <= 16
    assert not scene.modem.supplied


@pytest.mark.parametrize("fault", ["chatty", "slow", "garbled"])
def test_a_poor_line_or_a_slow_module_costs_time_only(tmp_path: Path, fault: str) -> None:
    said, _scene = play(tmp_path, fault, rounds=4, seconds=400)
    assert [line[0] for line in said[::2]].count("up") >= (2 if fault == "garbled" else 4)
    assert all(int(line[1]) <= 61 for line in said)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("board", [BIN, TRUCK])
def test_whatever_a_modem_says_a_start_ends_in_time_and_by_name(
    tmp_path: Path, board: str, seed: int
) -> None:
    """For some minutes three answers in ten are anything; then all is well, and stays so."""
    heal_s = 900 if board == BIN else 300
    said, scene = play(
        tmp_path, "rude", board=board, rounds=70, seconds=3_600, well=False, seed=seed, heal_s=heal_s
    )
    ups, downs = said[::2], said[1::2]
    assert len(ups) == 70
    assert {u[0] for u in ups} >= {"up"}
    others = {u[0] for u in ups} - {"up", "apn-refused", "ppp-failed"}
    assert others
    assert all(code.split("-")[0] in ("modem", "sim", "cell") for code in others)
    assert all(int(u[1]) <= 66 for u in ups)
    assert all(int(d[1]) <= 16 and d[2] == "False" for d in downs)
    assert [u[0] for u in ups[-10:]] == ["up"] * 10
    assert scene.modem.fault is None


def test_a_card_with_a_pin_is_opened(tmp_path: Path) -> None:
    said, scene = play(tmp_path, "sim-pin", pin="1234")
    assert said[0][0] == "up"
    assert scene.modem.tries == 3


def test_a_wrong_pin_is_tried_once_and_never_again(tmp_path: Path) -> None:
    said, scene = play(tmp_path, "sim-pin", pin="9999", rounds=5, seconds=300)
    assert [line[0] for line in said[::2]] == ["sim-pin"] * 5
    assert scene.modem.tries == 2
    assert len([data for data in scene.asked if data.startswith(b"AT+CPIN=")]) == 1


def test_a_module_that_hangs_is_reset_where_its_supply_cannot_be_cut(tmp_path: Path) -> None:
    said, scene = play(tmp_path, "hangs", board=TRUCK)
    assert said[0][0] == "up"
    assert int(said[0][1]) <= 50
    assert len([pin for _, pin, level in scene.pins if pin == scene.part["reset"] and level]) == 1


def test_a_module_that_hangs_loses_its_supply_within_the_same_start(tmp_path: Path) -> None:
    said, scene = play(tmp_path, "hangs")
    assert said[0][0] == "up"
    assert scene.cuts() == 2  # the cure, and the end
    assert int(said[0][1]) <= 50


def test_still_in_data_mode_after_a_reset_is_a_normal_start(tmp_path: Path) -> None:
    """A truck's modem keeps its supply when the chip is reset: it is talked out of data mode, not cycled."""
    after = "machine.reset() if machine.reset_cause() == machine.PWRON_RESET else None"
    said, scene = play(tmp_path, board=TRUCK, down=False, after=after)
    assert [line[0] for line in said] == ["up", "up"]
    assert int(said[1][1]) <= 16
    assert scene.pressed() == 1
    assert b"+++" in scene.asked


def test_a_module_without_supply_switch_stays_registered_between_calls(tmp_path: Path) -> None:
    said, scene = play(tmp_path, board=TRUCK, rounds=3)
    assert [line[0] for line in said[::2]] == ["up"] * 3
    assert all(int(line[1]) <= 4 for line in said[2::2])
    assert scene.pressed() == 1
    assert scene.modem.mode == "command"


def test_a_connection_that_carries_nothing_is_cured_by_the_radio_alone(tmp_path: Path) -> None:
    """PPP is up and the application hears nobody, so it does not say `well`: next time, one rung higher."""
    said, scene = play(tmp_path, "no-data", board=TRUCK, rounds=2, well=False)
    assert [line[0] for line in said[::2]] == ["up", "up"]
    assert b"AT+CFUN=0\r" in scene.asked
    assert scene.pressed() == 1
    assert not scene.modem.stale


def test_cures_become_ever_more_seldom(tmp_path: Path) -> None:
    said, scene = play(tmp_path, "denied", board=TRUCK, rounds=12, well=False, seconds=1200)
    assert [line[0] for line in said[::2]] == ["cell-denied"] * 12
    # Switched on, and by its key after the second failure; by its reset after the fourth and the eighth.
    assert scene.pressed() == 2
    resets = [pin for _, pin, level in scene.pins if pin == scene.part["reset"] and level]
    assert len(resets) == 2
    assert len([data for data in scene.asked if data == b"AT+CFUN=0\r"]) == 1
