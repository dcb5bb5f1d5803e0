"""Where a `telegraf` comes from: the cache, else a build from source that is made once (about a minute).

Telegraf's Go module is public. The module beside this file (`go.mod`, `go.sum`) pins what is built, with the
plug-ins that the comparison needs and no others. One on `PATH` is not used: the version measured is part of
the result.
"""

import fcntl
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from simulators.servers.errors import ServerError

VERSION = "1.37.2"
_MODULE = Path(__file__).parent
_PACKAGE = "github.com/influxdata/telegraf/cmd/telegraf"
_TAGS = "custom inputs.mqtt_consumer outputs.influxdb_v2 parsers.json_v2"
_BUILD_S = 1800


def cache_directory(env: Mapping[str, str] = os.environ) -> Path:
    """One directory a version and platform; may be deleted at any time."""
    base = env.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return (
        Path(base) / "huishou" / f"telegraf-{VERSION}" / f"{platform.system()}-{platform.machine()}".lower()
    )


def find(env: Mapping[str, str] = os.environ) -> Path | None:
    """The cached build, else None."""
    cached = cache_directory(env) / "telegraf"
    return cached if cached.is_file() else None


def build(env: Mapping[str, str] = os.environ) -> Path:
    """Build it into the cache unless it is there; its path.

    Waits for another process that builds it. Raises `ServerError`: `telegraf-cannot-build` (no Go),
    `telegraf-build-failed` (with the end of the compiler's output).
    """
    directory = cache_directory(env)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = find(env)
        if found is not None:
            return found
        if shutil.which("go", path=env.get("PATH")) is None:
            raise ServerError(
                "telegraf-cannot-build",
                f"No telegraf {VERSION} in {directory}, and no Go to build it with: install Go >= 1.25, or "
                "leave Telegraf out of the comparison.",
            )
        return _build(directory, env)


def _build(directory: Path, env: Mapping[str, str]) -> Path:
    work = directory / "build"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for name in ("go.mod", "go.sum", "tools.go"):
        shutil.copyfile(_MODULE / name, work / name)
    argv = ["go", "build", "-o", "telegraf", "-tags", _TAGS, "-ldflags", "-s -w", _PACKAGE]
    build_env = {**env, "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "GOWORK": "off"}
    try:
        done = subprocess.run(
            argv, cwd=work, env=build_env, capture_output=True, text=True, timeout=_BUILD_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ServerError("telegraf-build-failed", f"Not built within {_BUILD_S} s in {work}.") from None
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise ServerError("telegraf-build-failed", f"`{' '.join(argv)}` in {work} failed:\n{tail}")
    binary = directory / "telegraf"
    (work / "telegraf").rename(binary)
    shutil.rmtree(work, ignore_errors=True)
    return binary
