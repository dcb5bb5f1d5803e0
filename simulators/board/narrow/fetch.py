"""Where a 32-bit MicroPython comes from: the cache, else Debian's packages for i386, fetched once.

Packages and their libraries are unpacked into the cache, not installed: no root, no change to this system.
Debian is asked through the system's own `apt-get`, at the mirror that it is set up for, with lists of its own
in a scratch folder; what comes is checked against Debian's signatures as ever. The release is fixed: trixie's
MicroPython (1.25) is the first that runs `.mpy` in place from ROMFS.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from simulators.board.interpreter import InterpreterError

RELEASE, ARCHITECTURE = "trixie", "i386"
DEADLINE_S = 600.0  # of one step; lists and packages are some 12 MB

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_LIBRARIES = Path("usr/lib/i386-linux-gnu")
_TOOLS = ("apt-get", "dpkg-deb")
_RUNS = "import vfs, ffi, uctypes, asyncio, sys; vfs.VfsRom; assert sys.maxsize == 0x7fffffff"


class FetchError(InterpreterError):
    """It cannot be had; `code` is stable, the text says why and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def cache_directory(env: Mapping[str, str] = os.environ) -> Path:
    """May be deleted at any time."""
    base = env.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "huishou" / f"micropython-{RELEASE}-{ARCHITECTURE}"


def find(env: Mapping[str, str] = os.environ) -> list[str] | None:
    """The command that starts the cached interpreter, None when it was not fetched yet."""
    folder = cache_directory(env)
    return _command(folder) if folder.is_dir() else None


def fetch(report: Callable[[str], None] = lambda _: None, env: Mapping[str, str] = os.environ) -> list[str]:
    """Have it in the cache; returns the command that starts it. `report` hears what is being done.

    It appears under its final name only when it is complete and has run. Raises FetchError: `narrow-machine`
    (this machine cannot run it), `narrow-tools` (no apt here), `narrow-mirror` (apt knows no Debian),
    `narrow-fetch` (with apt's words), `narrow-broken` (it does not run).
    """
    found = find(env)
    if found is not None:
        return found
    _check_machine(env)
    folder = cache_directory(env)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-") as scratch:
        work = Path(scratch)
        apt = _Apt(work, env)
        report(f"Debian {RELEASE}: fetching the list of packages")
        apt.run("update")
        report(f"Debian {RELEASE}: fetching MicroPython for {ARCHITECTURE}")
        apt.run("install", "--download-only", "--no-install-recommends", "--yes", "micropython")
        report("unpacking")
        made = _unpack(sorted((work / "cache" / "archives").glob("*.deb")), work, env)
        _try(_command(made), env)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # else: another process was faster
                raise
    return _command(folder)


def _command(folder: Path) -> list[str]:
    libraries = folder / "lib"
    return [str(libraries / "ld-linux.so.2"), "--library-path", str(libraries), str(folder / "micropython")]


def _check_machine(env: Mapping[str, str]) -> None:
    here = f"{platform.system()} on {platform.machine()}"
    if here != "Linux on x86_64":
        raise FetchError(
            "narrow-machine",
            f"A 32-bit MicroPython is had for Linux on x86_64 alone, and this is {here}.",
        )
    missing = [tool for tool in _TOOLS if shutil.which(tool, path=env.get("PATH")) is None]
    if missing:
        raise FetchError(
            "narrow-tools",
            f"A 32-bit MicroPython is fetched from Debian, and {' and '.join(missing)} is missing here. "
            f"Copy {cache_directory(env)} from a machine that has it.",
        )


class _Apt:
    """The system's apt-get, looking at one release and architecture; all that it writes is in `work`."""

    def __init__(self, work: Path, env: Mapping[str, str]) -> None:
        self._env = {**env, "LC_ALL": "C"}
        for name in ("lists/partial", "cache/archives/partial"):
            (work / name).mkdir(parents=True)
        (work / "status").touch()  # nothing is installed: each library is wanted
        options = f"arch={ARCHITECTURE} target=Packages"
        if _KEYRING.is_file():
            options += f" signed-by={_KEYRING}"
        line = f"deb [{options}] {self._mirror()} {RELEASE} main\n"
        (work / "sources.list").write_text(line, encoding="utf-8")
        settings = {
            "APT::Architecture": ARCHITECTURE,
            "APT::Sandbox::User": "",  # the cache is nobody else's
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Debug::NoLocking": "1",
            "Dir::Cache": work / "cache",
            "Dir::Etc::preferences": "-",
            "Dir::Etc::preferencesparts": "-",
            "Dir::Etc::sourcelist": work / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": work / "lists",
            "Dir::State::status": work / "status",
        }
        self._options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]

    def run(self, *arguments: str) -> None:
        self._apt("-qq", *self._options, *arguments)

    def _mirror(self) -> str:
        """The address of the Debian archive that this system's apt is set up for."""
        ask = ("indextargets", "--format", "$(LABEL)|$(REPO_URI)", "Created-By: Packages")
        # A fresh system has no lists yet: then there are addresses and no labels, by another option.
        rows = [*self._apt(*ask).splitlines(), *self._apt(*ask, "--no-release-info").splitlines()]
        for label, _, address in (row.partition("|") for row in rows):
            if label == "Debian" or address.rstrip("/").endswith("/debian"):
                return address
        raise FetchError(
            "narrow-mirror",
            f"This system's apt knows no Debian archive (`apt-get indextargets` lists {len(rows)} sources). "
            f"Copy {cache_directory(self._env)} from a machine that has it.",
        )

    def _apt(self, *arguments: str) -> str:
        done = _run(["apt-get", *arguments], self._env)
        # A list that cannot be fetched is only a warning to apt, and what follows fails for another reason.
        if "W: Failed to fetch" in done.stderr or "W: GPG error" in done.stderr:
            raise _failed(done.args, done.stderr)
        return done.stdout


def _run(command: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise _failed(command, error.stderr) from None
    except subprocess.TimeoutExpired:
        raise _failed(command, f"no end in {DEADLINE_S:.0f} s") from None


def _failed(command: list[str], words: str) -> FetchError:
    return FetchError(
        "narrow-fetch",
        f"MicroPython for {ARCHITECTURE} could not be fetched from Debian {RELEASE}. Is there a network, "
        f"room on the disk, and the package debian-archive-keyring? `{command[0]} … {command[-1]}` says:\n"
        f"{words.strip()[-1500:]}",
    )


def _unpack(packages: list[Path], work: Path, env: Mapping[str, str]) -> Path:
    """A folder with the interpreter and its libraries, nothing else of the packages."""
    root, made = work / "root", work / "made"
    for package in packages:
        _run(["dpkg-deb", "--extract", str(package), str(root)], env)
    (made / "lib").mkdir(parents=True)
    shutil.copy(root / "usr/bin/micropython", made)
    for library in (root / _LIBRARIES).glob("*.so*"):
        shutil.copy(library, made / "lib")
    return made


def _try(command: list[str], env: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(
            [*command, "-c", _RUNS], env=dict(env), capture_output=True, text=True, timeout=30, check=False
        )
        words, failed = done.stdout + done.stderr, done.returncode != 0
    except OSError as error:
        words, failed = str(error), True
    if failed:
        raise FetchError(
            "narrow-broken",
            "The 32-bit MicroPython was fetched and does not run here. Does this kernel run 32-bit programs "
            f"(CONFIG_IA32_EMULATION)? It says:\n{words.strip()[-500:]}",
        )
