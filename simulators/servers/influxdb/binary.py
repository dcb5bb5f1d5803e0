"""Where an `influxd` comes from: `PATH`, the cache, or a build from source that is made once and then cached.

InfluxDB 2's Go module is public, its binaries are in no package registry. The module beside this file
(`go.mod`, `go.sum`) pins what is built. The build needs Go, Rust, a C compiler and `pkg-config`, and about
four minutes of two cores; the result has no web interface of its own (those assets are not in the module)
and is otherwise complete.
"""

import fcntl
import json
import os
import platform
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from simulators.servers.errors import ServerError

VERSION = "2.7.12"
_MODULE = Path(__file__).parent
_INFLUXD = "github.com/influxdata/influxdb/v2/cmd/influxd"
_PKG_CONFIG = "github.com/influxdata/pkg-config"  # a wrapper around pkg-config that builds the Flux library
_TOOLS = {"go": "Go >= 1.23", "cargo": "Rust >= 1.68", "cc": "a C compiler", "pkg-config": "pkg-config"}

WAYS_OUT = (
    "Ways out: put an `influxd` (2.x) on PATH; or point HUISHOU_INFLUXDB_URL and HUISHOU_INFLUXDB_TOKEN at "
    "a server "
    "(for example the official container image); or install what is missing and run "
    "`python -m simulators.servers.influxdb`."
)


@dataclass(frozen=True)
class Progress:
    """How far a build is. `done` of `total` packages in this stage; total 0: not countable."""

    stage: str
    done: int
    total: int
    started_unix_s: float

    def __str__(self) -> str:
        count = f" {self.done}/{self.total}" if self.total else ""
        return f"{self.stage}{count}, {time.time() - self.started_unix_s:.0f} s so far"


def cache_directory(env: Mapping[str, str] = os.environ) -> Path:
    """One directory a version and platform; may be deleted at any time."""
    base = env.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "huishou" / f"influxd-{VERSION}" / f"{platform.system()}-{platform.machine()}".lower()


def find(env: Mapping[str, str] = os.environ) -> Path | None:
    """An `influxd` that can be started now: the one on `PATH`, else the cached build, else None."""
    on_path = shutil.which("influxd", path=env.get("PATH"))
    if on_path:
        return Path(on_path)
    cached = cache_directory(env) / "influxd"
    return cached if cached.is_file() else None


def progress(env: Mapping[str, str] = os.environ) -> Progress | None:
    """What a build that is running now, in whichever process, last said of itself."""
    try:
        return Progress(**json.loads((cache_directory(env) / "progress.json").read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def missing_tools(env: Mapping[str, str] = os.environ) -> list[str]:
    return [what for tool, what in _TOOLS.items() if shutil.which(tool, path=env.get("PATH")) is None]


def check_can_build(env: Mapping[str, str] = os.environ) -> None:
    """Raise `ServerError` (`influxd-cannot-build`) that names what is missing and the ways out."""
    missing = missing_tools(env)
    if missing:
        raise ServerError(
            "influxd-cannot-build",
            f"No `influxd` on PATH, none in {cache_directory(env)}, and it cannot be built here: "
            f"missing {', '.join(missing)}. {WAYS_OUT}",
        )


def build(
    report: Callable[[Progress], None] = lambda _: None,
    env: Mapping[str, str] = os.environ,
    deadline_s: float = 3600,
) -> Path:
    """Build `influxd` into the cache and return its path; wait for a build that another process is making.

    The binary appears under its final name only when it is complete. Raises `ServerError` with
    `influxd-cannot-build` (something is missing), `influxd-build-failed` (with the end of the compiler's
    output) or `influxd-build-late`.
    """
    directory = cache_directory(env)
    directory.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + deadline_s
    with _lock(directory / "lock", end, lambda: _relay(report, env)):
        binary = directory / "influxd"
        if not binary.is_file():
            check_can_build(env)
            _Build(directory, report, env, end).run(binary)
    return binary


def _relay(report: Callable[[Progress], None], env: Mapping[str, str]) -> None:
    others = progress(env)
    if others:
        report(others)


@contextmanager
def _lock(path: Path, end: float, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold an exclusive lock on `path`, calling `waiting` about once a second until it is ours."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise ServerError(
                        "influxd-build-late",
                        f"Another process holds {path} and has not finished building influxd in time. "
                        "See whether it hangs; the lock goes away with it.",
                    ) from None
                waiting()
                time.sleep(1.0)
        yield


class _Build:
    """One build, in a scratch directory beside the result."""

    def __init__(
        self, directory: Path, report: Callable[[Progress], None], env: Mapping[str, str], end: float
    ) -> None:
        self._directory = directory
        self._report = report
        self._end = end
        self._started = time.time()
        self._work = directory / "build"
        self._env = _build_env(env, self._work)

    def run(self, binary: Path) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        (self._work / "bin").mkdir(parents=True)
        (self._directory / "build.log").unlink(missing_ok=True)
        for name in ("go.mod", "go.sum", "tools.go"):
            shutil.copyfile(_MODULE / name, self._work / name)
        wrapper = self._work / "bin" / "rustc-allowing-lints"
        # The Flux library denies warnings that only newer compilers than its own know.
        wrapper.write_text('#!/bin/sh\nexec "$@" --cap-lints=allow\n')
        wrapper.chmod(0o755)

        self._go("InfluxDB: fetching modules, building the Flux build tool", "bin/pkg-config", _PKG_CONFIG)
        self._step(
            "InfluxDB: compiling the Flux library (Rust, the longest part)",
            ["bin/pkg-config", "--libs", "flux"],
        )
        packages = self._step("InfluxDB: counting packages", ["go", "list", "-deps", _INFLUXD])
        stamp = f"-s -w -X main.version=v{VERSION} -X main.commit=huishou-build"
        self._go(
            "InfluxDB: compiling the server (Go)", "influxd", "-ldflags", stamp, _INFLUXD, total=packages
        )
        (self._work / "influxd").rename(binary)
        shutil.rmtree(self._work, ignore_errors=True)
        (self._directory / "progress.json").unlink(missing_ok=True)

    def _go(self, stage: str, output: str, *args: str, total: int = 0) -> None:
        self._step(stage, ["go", "build", "-v", "-o", output, *args], total)

    def _step(self, stage: str, argv: list[str], total: int = 0) -> int:
        """Run one command; each line that it prints is one package. Returns the number of lines."""
        self._say(Progress(stage, 0, total, self._started))
        log = self._directory / "build.log"
        done = 0
        with (
            log.open("ab") as out,
            subprocess.Popen(
                argv, cwd=self._work, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            ) as process,
        ):
            deadline = threading.Timer(self._end - time.monotonic(), process.kill)
            deadline.start()
            assert process.stdout is not None  # noqa: S101 (PIPE above)
            for line in process.stdout:
                out.write(line)
                done += 1
                if total:
                    self._say(Progress(stage, min(done, total), total, self._started))
            process.wait()
            deadline.cancel()
        if time.monotonic() > self._end:
            raise ServerError("influxd-build-late", f"{stage}: not finished in time. See {log}.")
        if process.returncode != 0:
            tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-15:])
            raise ServerError(
                "influxd-build-failed",
                f"{stage}: `{' '.join(argv)}` failed with {process.returncode}. {WAYS_OUT}\nSee "
                f"{log}:\n{tail}",
            )
        return done

    def _say(self, step: Progress) -> None:
        self._report(step)
        temporary = self._directory / "progress.tmp"
        temporary.write_text(json.dumps(asdict(step)))
        temporary.rename(self._directory / "progress.json")


def _build_env(env: Mapping[str, str], work: Path) -> dict[str, str]:
    out = {
        **env,
        "PATH": f"{work / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOWORK": "off",
        "CGO_ENABLED": "1",
        "RUSTC_WRAPPER": str(work / "bin" / "rustc-allowing-lints"),
    }
    out.pop("PKG_CONFIG", None)
    toolchain = _default_rust_toolchain(env)
    if toolchain:
        out["RUSTUP_TOOLCHAIN"] = (
            toolchain  # the library's own file asks for an old one that is not installed
        )
    return out


def _default_rust_toolchain(env: Mapping[str, str]) -> str | None:
    """The name of rustup's default toolchain; None where Rust was installed without rustup."""
    if shutil.which("rustup", path=env.get("PATH")) is None:
        return None
    shown = subprocess.run(
        ["rustup", "default"], env=dict(env), capture_output=True, text=True, timeout=60, check=False
    )
    words = shown.stdout.split()
    return words[0] if shown.returncode == 0 and words else "stable"
