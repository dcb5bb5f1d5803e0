"""The real interpreter with the firmware on its path, for tests of the device."""

import json
import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).parents[2] / "firmware"
MICROPYTHON = Path(sys.executable).with_name("micropython")
VM = Path(__file__).parent / "vm"
"""Programs that run in it, and stand-ins for modules that only a chip has."""

PRELUDE = "import json, os\nargs = json.loads(os.getenv('ARGS'))\n"


def micropython(program: str, *arguments: str) -> str:
    """What a program prints. Its `args` are these, with PRELUDE before it."""
    return _run(["-c", program + "\n"], f"{FIRMWARE}:.frozen", ARGS=json.dumps(arguments))


def run_in_vm(script: str, *arguments: str, stdin: str = "") -> str:
    """What a program of VM prints, with VM's stand-ins before everything else."""
    return _run([str(VM / script), *arguments], f"{VM}:{FIRMWARE}:.frozen", stdin)


def _run(argv: list[str], path: str, stdin: str = "", **environment: str) -> str:
    done = subprocess.run(
        [str(MICROPYTHON), *argv],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"MICROPYPATH": path, "PATH": "/usr/bin:/bin", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
