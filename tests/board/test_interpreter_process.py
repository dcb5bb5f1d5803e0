"""The interpreter's process: its death and its silence are errors that say where to look."""

import os
import time
from pathlib import Path

import pytest

from simulators.board import interpreter, link
from simulators.board.firmware import FirmwareError, compiled
from simulators.board.interpreter import Interpreter, InterpreterError, Launch, wide
from simulators.board.narrow import Narrow
from simulators.board.virtual import Fidelity, chip_config
from tests.board.bench import START_MS, Bench


def boot_frame(bench: Bench) -> bytes:
    document = {
        "boot": 1,
        "cause": 1,
        "wake": 0,
        "config": chip_config(bench.image, Fidelity.STANDARD, "real"),
    }
    return link.boot(START_MS * 1000, START_MS * 1000, b"", document, link.FOREVER, b"")


def program(folder: Path, text: str) -> Path:
    folder.mkdir()
    (folder / "main.py").write_text(text, encoding="utf-8")
    return folder


def flood(it: Interpreter) -> None:
    for _ in range(10_000):
        it.write(link.answer(link.FOREVER, 0, b"p\x01\x01" * 20, pushed=True))


def test_an_interpreter_that_does_not_read_is_given_up(bench: Bench, tmp_path: Path) -> None:
    firmware = program(tmp_path / "loop", "while True:\n    pass\n")
    it = Interpreter.start(tmp_path / "log", firmware=firmware, bounded=True)
    try:
        assert link.decode(it.read()).kind == "B"
        it.write(boot_frame(bench))
        with pytest.raises(InterpreterError, match="hangs"):
            flood(it)
    finally:
        it.stop()


def test_a_computation_without_end_is_an_error(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "DEADLINE_S", 0.3)
    with pytest.raises(InterpreterError, match="without end"):
        bench.run("while True:\n    pass\n")


def test_a_killed_interpreter_is_an_error_that_names_the_log(tmp_path: Path) -> None:
    it = Interpreter.start(tmp_path / "log")
    try:
        it.read()
        it.process.kill()
        with pytest.raises(InterpreterError, match="log"):
            it.read()
    finally:
        it.stop()


@pytest.mark.parametrize("launch", [wide, Narrow()], ids=["wide", "narrow"])
def test_an_interpreter_whose_host_is_gone_ends(tmp_path: Path, launch: Launch) -> None:
    it = Interpreter.start(tmp_path / "log", launch=launch)
    it.read()
    os.close(it.to_chip)
    assert it.process.wait(10) == 3
    os.close(it.from_chip)


def test_with_the_process_of_a_chip_ends_all_that_it_started(tmp_path: Path) -> None:
    it = Interpreter.start(tmp_path / "log", launch=Narrow())  # a shell, and the interpreter in it
    assert link.decode(it.read()).kind == "B"
    it.stop()
    end = time.monotonic() + 10
    while True:
        try:
            os.killpg(it.process.pid, 0)
        except ProcessLookupError:
            break
        assert time.monotonic() < end, "something of it still runs"
        time.sleep(0.01)


def test_firmware_that_does_not_compile_is_explained(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match=r"main\.py: does not compile"):
        compiled(program(tmp_path / "bad", "def broken(:\n"))
    with pytest.raises(FirmwareError, match="no Python files"):
        compiled(tmp_path / "nowhere")
