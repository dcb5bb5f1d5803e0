"""How sparing a bin is with its battery, on its page and among what is wrong."""

from typing import Any

import pytest

from gateway.devices import Device
from gateway.web.facts import device_facts
from gateway.web.projection.concerns import Level, concerns
from gateway.web.projection.model import DeviceState, apply_link

NOW = 1_790_000_000_000
BIN = Device(id="bin-001", unit="bin", site="site-1")


def state(**link: Any) -> DeviceState:
    found = DeviceState("bin-001", heard_ms=NOW)
    apply_link(found, NOW, {"v": 1, "online": False, "next": NOW + 3_600_000, **link})
    return found


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        ("normal", []),
        ("saver", [("power-saver", Level.NORMAL)]),
        ("survival", [("power-survival", Level.WARN)]),
        ("dark", [("power-dark", Level.ALARM)]),
    ],
)
def test_each_level_asks_for_as_much_as_it_is_worth(level: str, wanted: list[tuple[str, Level]]) -> None:
    assert [(c.code, c.level) for c in concerns(state(level=level), BIN, NOW)] == wanted


def test_a_last_will_does_not_make_the_level_forgotten() -> None:
    known = state(level="dark")
    apply_link(known, NOW + 5, {"v": 1, "online": False})
    assert "power-dark" in [c.code for c in concerns(known, BIN, NOW)]


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
@pytest.mark.parametrize("level", ["normal", "saver", "survival", "dark"])
def test_the_page_says_level_charge_and_what_takes_most(lang: str, level: str) -> None:
    used = {"reader": 360, "chip": 84, "radio": 26, "lock0": 4, "scale0": 2}
    facts = device_facts(BIN, state(level=level, charge_pct=41, used_mwh=used), (0, 0), lang)
    values = [fact.value for fact in facts]
    assert "41 %" in values
    (told,) = [value for value in values if value.startswith("476 mWh")]
    assert "reader 360, chip 84, radio 26, lock0 4" in told
    assert "scale0" not in told
    brief = [fact for fact in facts if fact.brief and fact.label in ("Power", "用电级别")]
    assert bool(brief) == (level != "normal")


def test_what_is_no_number_is_left_out() -> None:
    facts = device_facts(BIN, state(used_mwh={"a": "<b>", "b": [1], "c": True, "d": -1}), (0, 0), "en")
    assert not [fact for fact in facts if "mWh" in fact.value]
    assert concerns(state(level=["odd"]), BIN, NOW) == []
