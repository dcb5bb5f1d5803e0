"""Where a `thingsboard-gateway` comes from: a virtual environment in the cache, made once.

It pins other versions of libraries than we do, so it never shares ours.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from simulators.servers.errors import ServerError

VERSION = "3.8.5"
_INSTALL_S = 900


def install(env: Mapping[str, str] = os.environ) -> Path:
    """The command, installed when it is not there yet. Raises `ServerError` (`thingsboard-not-installed`)."""
    base = env.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    directory = Path(base) / "huishou" / f"thingsboard-gateway-{VERSION}"
    directory.mkdir(parents=True, exist_ok=True)
    venv = directory / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    command = venv / "bin" / "thingsboard-gateway"
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not command.is_file():
            shutil.rmtree(venv, ignore_errors=True)
            _run(sys.executable, "-m", "venv", str(venv))
            _run(str(venv / "bin" / "pip"), "install", "--quiet", f"thingsboard-gateway=={VERSION}")
    return command


def _run(*argv: str) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        raise ServerError("thingsboard-not-installed", f"{argv[0]} took over {_INSTALL_S} s.") from None
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-8:])
        raise ServerError(
            "thingsboard-not-installed",
            f"thingsboard-gateway {VERSION} could not be installed; leave it out of the comparison "
            f"(--only …) or repair this:\n{tail}",
        )
