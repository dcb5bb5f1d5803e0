"""Why a unit started, from what the chip says and from what was left behind."""

from typing import Any

import pytest
from edge.cause import DEEP_SLEEP, HARD, POWER_ON, SOFT, WATCHDOG, cause, failed, of_error, short, words
from edge.errors import EdgeError


@pytest.mark.parametrize(
    ("reset", "left", "survived", "low", "code", "detail"),
    [
        (POWER_ON, {}, {}, False, "power-on", ""),
        (POWER_ON, {}, {}, True, "brown-out", "battery low before"),
        (POWER_ON, {}, {"mv": 3500}, False, "brown-out", "3500 mV"),
        (POWER_ON, {}, {"mv": 4000, "doing": "modem"}, False, "brown-out", "4000 mV, modem"),
        (POWER_ON, {}, {"mv": 4000}, False, "power-on", ""),
        (POWER_ON, {}, {"mv": 4000, "why": "reboot"}, False, "power-on", ""),
        (POWER_ON, {}, {"mv": 24_000}, False, "power-on", ""),
        (HARD, {"why": "reboot: command c-7"}, {}, False, "reboot", "command c-7"),
        (HARD, {"why": "reboot"}, {}, False, "reboot", ""),
        (HARD, {}, {}, False, "panic", ""),
        (WATCHDOG, {}, {}, False, "watchdog", ""),
        (WATCHDOG, {"doing": "modem"}, {}, False, "modem-hang", "in modem"),
        (WATCHDOG, {"doing": ""}, {}, False, "watchdog", ""),
        (WATCHDOG, {"doing": "dns"}, {}, False, "watchdog", "in dns"),
        (DEEP_SLEEP, {"mv": 3900}, {}, False, "deep-sleep", ""),
        (DEEP_SLEEP, {"why": "settings-failed: x"}, {}, False, "settings-failed", "x"),
        (SOFT, {}, {}, False, "soft-reset", ""),
        (99, {}, {}, False, "unknown", ""),
    ],
)
def test_what_a_start_is_called(
    reset: int, left: dict[str, Any], survived: dict[str, Any], low: bool, code: str, detail: str
) -> None:
    assert cause(reset, left, survived, low) == (code, detail)


@pytest.mark.parametrize("code", ["reboot", "power-on", "brown-out", "settings-changed", "deep-sleep"])
def test_what_was_meant_and_what_the_supply_did_are_no_failed_boots(code: str) -> None:
    assert not failed(code)


@pytest.mark.parametrize(
    "code", ["watchdog", "hang", "panic", "task-died", "stuck", "settings-failed", "unknown"]
)
def test_everything_else_is(code: str) -> None:
    assert failed(code)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out-of-memory"),
        (RuntimeError("maximum recursion depth exceeded"), "recursion"),
        (RuntimeError("can't wait"), "task-died"),
        (EdgeError("flash-error", "log, write of sector 3"), "flash-error"),
        (EdgeError("flash-failed", "sector 3"), "flash-error"),
        (EdgeError("zero-refused"), "task-died"),
        (OSError(5), "task-died"),
    ],
)
def test_what_an_exception_is_called(error: Exception, code: str) -> None:
    assert of_error(error) == code


def test_an_exception_in_words() -> None:
    assert short(EdgeError("flash-error", "log")) == "flash-error"
    assert words(EdgeError("flash-error", "log")) == "flash-error: log"
    assert short(KeyError("x")).startswith("KeyError")
