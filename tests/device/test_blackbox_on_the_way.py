"""The black box from the device to whoever asked: in 2 kB, and the gateway reads what the firmware wrote."""

import base64
import json
import struct
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from edge import blackbox
from edge.app.orders import Orders
from edge.blackbox import BlackBox, decode

from gateway.cli.device import _words
from gateway.commands import events
from gateway.commands.catalogue import BY_NAME
from tests.device.flash import Flash

CODES = blackbox.CODES.split()

SCHEMA = Path(__file__).parents[2] / "schemas" / "events.json"


class Nothing:
    """Takes any attribute."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_kwargs: None


def answer(box: BlackBox) -> dict[str, Any]:
    unit: Any = SimpleNamespace(
        box=box,
        commands=SimpleNamespace(handlers={}, run=None),
        supervisor=SimpleNamespace(cause="watchdog", safe=False, start=lambda *_a: None),
        uplink=Nothing(),
        desired=Nothing(),
    )
    Orders(unit)
    result: dict[str, Any] | None
    state, code, result = unit.commands.handlers["events"]("events", {})
    assert (state, code) == ("done", "")
    assert result is not None
    return result


def full() -> BlackBox:
    box = BlackBox(Flash(2))
    box.boot, box.now = 65_535, lambda: (1_790_000_000_000, "gnss")
    for n in range(200):
        box.note(CODES[n % len(CODES)], f"投口 {n}" if n % 7 == 0 else f"detail {n}")
    return box


def test_codes_are_the_contracts() -> None:
    assert json.loads(SCHEMA.read_text(encoding="utf-8")) == CODES == list(events.codes())


def test_64_events_come_over_the_air_in_2_kb() -> None:
    result = answer(full())
    assert len(result["events"]) == 2048
    assert len(json.dumps(result)) < 2200


def test_the_gateway_reads_what_the_firmware_wrote() -> None:
    box = full()
    found = events.decode(answer(box)["events"])
    assert [tuple(event) for event in found] == [decode(event) for event in box.last()]


@pytest.mark.parametrize("text", ["AAAA", "no base 64!", "A" * 33])
def test_what_is_no_black_box_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        events.decode(text)


def test_a_newer_firmwares_code_is_shown_by_its_number() -> None:
    raw = struct.pack("<IHBB16s", 0, 1, 250, 9, b"x")
    assert events.decode(base64.b64encode(raw).decode()) == [events.Event(0, 1, "code-250", "none", "x")]


def test_the_command_line_shows_one_event_a_line() -> None:
    assert "events" in BY_NAME
    facts = {
        "issued_ms": 1_790_000_000_000,
        "device": "bin-001",
        "name": "events",
        "args": {},
        "state": "done",
    }
    lines = _words({**facts, "code": None, "result": answer(full())}).splitlines()
    assert len(lines) == 65
    assert datetime.fromtimestamp(1_790_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") in lines[-1]
    assert lines[-1].endswith("detail 199")
    assert "not a black box" in _words({**facts, "code": None, "result": {"events": "AAAA"}})
