"""A crew's laptop at a unit: the console's protocol, the judgement, the command over a pseudo-terminal."""

import contextlib
import functools
import json
import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.crew import crew
from gateway.crew.console import Console, ConsoleError
from gateway.crew.doctor import Level, diagnose
from gateway.crew.line import MAX_LINE, Answer, Lines, Refusal, parse_line
from gateway.crew.words import TEXTS, lines
from gateway.device_codes import DEVICE_CODES

WHO = {"device": "bin-001", "unit": "bin", "hw": "bin-s3", "fw": "0.1.0"}
TESTS = [
    {"part": "scale0", "driver": "hx711", "ok": True, "value": {"mass_g": 1240, "stable": True, "cal": "c1"}},
    {"part": "lock0", "driver": "lock", "ok": True, "value": {"bolted": True, "closed": True}},
]
BROKEN = [
    {"part": "scale0", "driver": "hx711", "ok": False, "code": "scale-at-rail", "detail": "reading 8388607"},
    TESTS[1],
]


def status(**changes: Any) -> dict[str, Any]:
    link = {"connected": False, "rssi_dbm": None, "error": ""}
    log = {"id": "00c0ffee", "first": 0, "head": 40, "acked": 40}
    now_ms = time.time_ns() // 1_000_000
    return {
        "t": now_ms,
        "clock": "ntp",
        "log": log,
        "battery_mv": 3900,
        "link": link,
        "faults": [],
        **changes,
    }


def answers(
    *, who: object = WHO, now: object = None, tests: object = TESTS, **more: bytes
) -> Callable[[str], bytes]:
    table = {"who": who, "status": now or status(), "self-test": tests}
    script = {command: b"= " + json.dumps(value).encode() + b"\r\n" for command, value in table.items()}
    return lambda command: more.get(command.replace("-", "_"), script.get(command, b"! unknown-command\r\n"))


class Port(str):
    """The path that a laptop opens; `say` is what the unit says unasked."""

    say: Callable[[bytes], object]


@contextlib.contextmanager
def unit(answer: Callable[[str], bytes]) -> Iterator[Port]:
    """A scripted peer at the other end of a pseudo-terminal."""
    master, slave = os.openpty()
    tty.setraw(slave)
    ending, wake = os.pipe()

    def serve() -> None:
        typed = b""
        while True:
            ready, _, _ = select.select([master, ending], [], [])
            if ending in ready:
                return
            typed += os.read(master, 1024)
            while b"\n" in typed:
                line, _, typed = typed.partition(b"\n")
                os.write(master, answer(line.strip().decode()))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        port = Port(os.ttyname(slave))
        port.say = functools.partial(os.write, master)
        yield port
    finally:
        os.write(wake, b"x")
        thread.join()
        for fd in (master, slave, ending, wake):
            os.close(fd)


def doctor(port: str, *options: str, **env: str) -> Result:
    clean = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "en_GB.UTF-8", **env}
    return CliRunner().invoke(crew, ["doctor", "--port", port, "--timeout", "3", *options], env=clean)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_nothing(line: bytes) -> None:
    found = parse_line(line)
    assert found is None or isinstance(found, Answer | Refusal)


@given(st.lists(st.binary(max_size=40).filter(lambda b: b"\n" not in b), max_size=8), st.data())
def test_lines_survive_any_cutting(wanted: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in wanted)
    cutter, got, at = Lines(), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, 17))
        got += cutter.feed(stream[at : at + step])
        at += step
    assert got == wanted


def test_an_endless_line_does_not_fill_the_memory() -> None:
    cutter = Lines()
    for _ in range(5):
        assert cutter.feed(b"x" * MAX_LINE) == []
    assert cutter.feed(b"\n= 1\n")[-1] == b"= 1"


def test_all_well() -> None:
    with unit(answers()) as port:
        result = doctor(port)
    assert result.exit_code == 0, result.output
    assert "1.24 kg" in result.stdout
    assert "bin-001" in result.stdout


def test_a_disconnected_scale_is_found_and_explained() -> None:
    with unit(answers(tests=BROKEN)) as port:
        result = doctor(port)
    assert result.exit_code == 1
    assert "scale-at-rail" in result.stdout
    assert DEVICE_CODES["scale-at-rail"].en_do in result.stdout


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_report_in_chinese(how: str) -> None:
    with unit(answers(tests=BROKEN)) as port:
        result = doctor(port, "--lang", "zh-CN") if how == "option" else doctor(port, LC_ALL="zh_CN.UTF-8")
    assert result.exit_code == 1
    assert DEVICE_CODES["scale-at-rail"].zh_do in result.stdout


def test_json_for_scripts() -> None:
    with unit(answers(tests=BROKEN)) as port:
        result = doctor(port, "--json")
    report = json.loads(result.stdout)
    assert report["well"] is False
    assert [f["code"] for f in report["findings"] if f["level"] == "wrong"] == ["scale-at-rail"]


def test_noise_on_the_line_is_skipped() -> None:
    noise = b"\xff\xfe\x00garbage\r\nwho\r\n= {half\r\n=\r\nets Jul 29 2019 rst:0x1\r\n"
    who = noise + b"= " + json.dumps(WHO).encode() + b"\r\n"
    with unit(lambda _command: who) as port, Console(port) as console:
        assert console.ask("who", 3) == WHO


def test_a_late_answer_is_not_taken_for_the_next_ones() -> None:
    def answer(command: str) -> bytes:
        return b"" if command == "who" else b'= "to status"\r\n'

    with unit(answer) as port, Console(port) as console:
        with pytest.raises(ConsoleError, match="no answer"):
            console.ask("who", 0.3)
        port.say(b'= "to who, too late"\r\n')
        assert console.ask("status", 3) == "to status"


def test_a_waking_unit_is_asked_again() -> None:
    asked: list[str] = []

    def wakes(command: str) -> bytes:
        asked.append(command)
        return answers()(command) if len(asked) > 1 else b""

    with unit(wakes) as port:
        result = doctor(port)
    assert result.exit_code == 0
    assert asked[:2] == ["who", "who"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda _command: b"", "silent"),
        (lambda _command: b"\x00\xff" * 50 + b"\r\n", "silent"),
        (lambda _command: b"= 7\r\n", "garbled"),
        (answers(self_test=b"! part-unknown no such part\r\n"), "part-unknown"),
    ],
)
def test_a_unit_that_cannot_be_talked_to(answer: Callable[[str], bytes], code: str) -> None:
    with unit(answer) as port:
        result = doctor(port, "--json", "--timeout", "1")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == code


def test_no_such_port(tmp_path: Path) -> None:
    result = doctor(str(tmp_path / "nothing"))
    assert result.exit_code == 2
    assert "no-port" in result.stderr


@pytest.mark.parametrize(
    ("changes", "part", "level", "code"),
    [
        ({"clock": "none"}, "clock", Level.NOTE, "clock-not-set"),
        ({"t": 1_000}, "clock", Level.WRONG, "clock-off"),
        ({"battery_mv": 3300}, "battery", Level.WRONG, "battery-low"),
        ({"faults": ["lock0 lock-jammed"]}, "lock0", Level.WRONG, "lock-jammed"),
        ({"log": {"id": "a", "head": 9000, "acked": 10}}, "log", Level.NOTE, "log-behind"),
        ({"link": {"error": "mqtt-refused: bad password"}}, "link", Level.WRONG, "mqtt-refused"),
        ({"link": {"error": "network-unreachable: none"}}, "link", Level.NOTE, "network-unreachable"),
    ],
)
def test_what_the_status_tells(changes: dict[str, Any], part: str, level: Level, code: str) -> None:
    found = diagnose(WHO, status(**changes), TESTS, time.time_ns() // 1_000_000)
    assert [(f.part, f.level, f.code) for f in found.findings if f.code] == [(part, level, code)]
    assert found.well == (level != Level.WRONG)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("device", "unit", "t", "clock", "log", "battery_mv", "link", "faults", "part", "ok", "value")
ODD = st.dictionaries(st.sampled_from(NAMES), JSON)


@given(ODD, ODD, st.lists(ODD, max_size=4))
def test_a_unit_that_says_odd_things_still_gets_a_report(who: Any, now: Any, tests: Any) -> None:
    found = diagnose(who, now, tests, 1_700_000_000_000)
    json.dumps(found.as_json())
    for lang in ("en", "zh-CN"):
        assert list(lines(found, lang))


def test_both_languages_are_complete() -> None:
    for key, (en, zh) in TEXTS.items():
        assert en.strip(), key
        assert zh.strip(), key
    for row in DEVICE_CODES.values():
        assert all((row.en, row.en_do, row.zh, row.zh_do)), row.code
