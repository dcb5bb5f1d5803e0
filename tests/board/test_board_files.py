"""Board files: what can be wired, wired once, and a driver for each part."""

from importlib.resources import files

import pytest

from hardware import load_board
from tests.board.bench import FIRMWARE

BOARDS = sorted(path.name.removesuffix(".toml") for path in (files("hardware") / "boards").iterdir())
PINS = (
    "bolt",
    "clock",
    "current",
    "data",
    "door",
    "drive",
    "enable",
    "key",
    "pin",
    "power",
    "reset",
    "rx",
    "status",
    "tx",
)
USABLE = {*range(19), 21, *range(38, 49)}  # ESP32-S3: 19 and 20 are USB, 22 to 25 are not there, then flash
RTC = range(22)


@pytest.mark.parametrize("name", BOARDS)
def test_each_pin_exists_and_is_used_once(name: str) -> None:
    board = load_board(name)
    parts = board["parts"]
    wired = [part[key] for part in parts.values() for key in PINS if key in part]
    assert set(wired) <= USABLE
    assert sorted(wired) == sorted(set(wired))
    if board["unit"] == "bin":  # a truck never sleeps
        assert all(parts[part]["pin"] in RTC for part in ("wake", "service", "thermostat"))


@pytest.mark.parametrize("name", BOARDS)
def test_each_line_has_a_uart_of_its_own_and_each_unit_an_address(name: str) -> None:
    parts = load_board(name)["parts"].values()
    uarts = [part["uart"] for part in parts if "uart" in part]
    assert sorted(uarts) == sorted(set(uarts))
    assert set(uarts) <= {0, 1, 2}
    units = [(part["bus"], part["unit"]) for part in parts if "bus" in part]
    assert len(units) == len(set(units))
    assert all(load_board(name)["parts"][bus]["driver"] == "bus" for bus, _ in units)


@pytest.mark.parametrize("name", BOARDS)
def test_the_firmware_has_a_driver_for_each_part(name: str) -> None:
    source = (FIRMWARE / "edge" / "board.py").read_text(encoding="utf-8")
    for part in load_board(name)["parts"].values():
        assert f'"{part["driver"]}":' in source
