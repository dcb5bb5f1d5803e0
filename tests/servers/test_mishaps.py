"""What is to go wrong, as the command line says it."""

import pytest

from simulators.demo.mishaps import Mishap, What, parse


@pytest.mark.parametrize(
    ("what", "text", "mishap"),
    [
        (What.KILL, "gateway@30", Mishap(30, "gateway", What.KILL)),
        (What.KILL, "web@0.5", Mishap(0.5, "web", What.KILL)),
        (What.PAUSE, "influxdb@20+60", Mishap(20, "influxdb", What.PAUSE, 60)),
        (What.DOWN, "broker@20+1.5", Mishap(20, "broker", What.DOWN, 1.5)),
    ],
)
def test_a_mishap_is_read(what: What, text: str, mishap: Mishap) -> None:
    assert parse(what, text) == mishap


@pytest.mark.parametrize(
    ("what", "text", "hint"),
    [
        (What.KILL, "gateway", "NAME@SECOND"),
        (What.KILL, "gateway@-3", "NAME@SECOND"),
        (What.KILL, "gateway@3+4", "NAME@SECOND"),
        (What.KILL, "mosquitto@3", "broker"),
        (What.PAUSE, "influxdb@20", "SECOND+FOR"),
        (What.PAUSE, "web@20+3", "no server"),
    ],
)
def test_a_bad_one_is_explained(what: What, text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint.replace("+", r"\+")):
        parse(what, text)
