"""The 32-bit interpreter as a chip's (`simulators.board.interpreter`), or for one program."""

import os
import shutil
import subprocess
from pathlib import Path

from simulators.board.firmware import VM, compiled
from simulators.board.interpreter import Interpreter, InterpreterError

HERE = Path(__file__).parent
PACKAGE = HERE / "node_modules" / "@micropython" / "micropython-webassembly-pyscript"
HEAP = 256 * 1024
"""Bytes, to begin with: it grows, since nothing is collected within a boot (`run.mjs`)."""


def _command(job: str, fd_in: int, fd_out: int, *folders: Path) -> list[str]:
    node = shutil.which("node")
    if node is None or not PACKAGE.is_dir():
        raise InterpreterError(f"{PACKAGE.name} or Node.js is missing: make bench-memory installs it")
    run = str(HERE / "run.mjs")
    paths = (compiled(HERE / "vm"), compiled(VM), *folders)
    return [node, run, str(PACKAGE), str(fd_in), str(fd_out), str(HEAP), job, *map(str, paths)]


def start(log: Path, firmware: Path, listed: Path) -> Interpreter:
    """Start it as a chip's interpreter that tells its heap once a day (`vm/_day.py`) in `log`.
    `listed`: a folder with `_names.py`, the modules to load first.
    """
    chip_in, to_chip = os.pipe()
    from_chip, chip_out = os.pipe()
    command = _command("_day", chip_in, chip_out, compiled(firmware), listed)
    with log.open("ab") as words:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=words,
            pass_fds=(chip_in, chip_out),
            start_new_session=True,
        )
    os.close(chip_in)
    os.close(chip_out)
    return Interpreter.over(process, from_chip, to_chip, log)


def program(job: str, *folders: Path) -> str:
    """What a job prints. Raises InterpreterError with its last words."""
    done = subprocess.run(
        _command(job, 0, 1, *folders), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        raise InterpreterError(f"{job} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout
