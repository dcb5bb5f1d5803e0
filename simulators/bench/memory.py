"""What the bin's firmware takes of the heap: `make bench-memory`.

Two interpreters, since neither can do both:

- 32 bits (`simulators/bench/wasm`; blocks, pointers and small integers as on the chip): the whole application
  as `.mpy`, loaded into the heap; what is alive after a day of work, and what each module takes. Of each
  module it tells code: byte code, constants, names, which lie in flash when frozen (`firmware/manifest.py`).
  That counts bodies of modules and classes which are dropped once they have run: what it leaves is the least
  that a frozen image has on its heap. Shared tables of names count for the module that makes them grow.
- 64 bits (the simulators' own; it collects garbage as the chip does): the largest free block at the end of
  the first look of each day (each wake is a start, with a heap of its own, as on the chip).

Exit status 1 when a limit of the table is missed. The last line is one JSON object.
"""

import ast
import json
import re
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from simulators.bench.wasm import interpreter as narrow
from simulators.board.firmware import FIRMWARE, compiled
from simulators.board.image import Image
from simulators.board.interpreter import InterpreterError
from simulators.board.virtual import Fidelity, run
from simulators.world.district import district

DAY_MS = 86_400_000
WORK_DAYS = 1.02  # in 32 bits: a day, and the first looks of the next
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
LIVE_LIMIT, DATA_LIMIT = 96 * 1024, 24 * 1024
BLOCK_LIMIT = 0.02  # that the largest free block may shrink by
WORD_BLOCK = 32  # bytes of a heap block of the 64-bit interpreter

# In place of `main`: the real one; at each sleep the modules that are loaded, and at the end of the first
# look of each day what the heap looks like.
MAIN = """
import gc, json, machine, micropython, sys, _hw
def deepsleep(ms=None, asleep=machine.deepsleep):
    print("modules", json.dumps([name for name in sys.modules if name.startswith("edge")]))
    if _hw.now // 1000 % 86_400_000 < 600_000:
        gc.collect()
        print("heap", json.dumps({"live": gc.mem_alloc()}))
        micropython.mem_info()
    asleep(ms)
machine.deepsleep = deepsleep
import application
"""


@contextmanager
def _bin(seed: int) -> Iterator[tuple[Image, Any]]:
    """A bin of the district fresh from the bench, and its scene."""
    plan = district(seed)
    device = plan.bins[0].device
    with tempfile.TemporaryDirectory(prefix="huishou-memory-") as folder:
        image = Image.create(Path(folder), device, "bin-s3", plan.settings(device), seed, START_MS)
        yield image, plan.scene(device, START_MS)


def _told(log: Path, word: str) -> list[Any]:
    lines = log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line[len(word) + 1 :]) for line in lines if line.startswith(word + " ")]


def _work(
    image: Image, scene: Any, days: float, on_time: Callable[[int], None], fidelity: Fidelity, **how: Any
) -> None:
    until = START_MS + round(days * DAY_MS)
    try:
        halted = run(image, scene, until, fidelity=fidelity, on_time=on_time, **how).halted
    except InterpreterError as error:
        halted = str(error)
    if halted is not None:
        words = (image.path / "vm.log").read_text(encoding="utf-8", errors="replace")
        raise click.ClickException(f"the firmware ended: {halted}. Its last words:\n{words[-1000:]}")


def alive(days: float, seed: int, names: list[str], on_time: Callable[[int], None]) -> list[int]:
    """32 bits: bytes alive before the firmware, with the modules `names` loaded, after the first boot, then
    after each day.
    """
    with _bin(seed) as (image, scene), tempfile.TemporaryDirectory(prefix="huishou-memory-") as folder:
        (Path(folder) / "_names.py").write_text(f"NAMES = {names!r}\n", encoding="utf-8")
        start = partial(narrow.start, listed=Path(folder))
        _work(image, scene, days, on_time, Fidelity.STANDARD, start=start)
        return [told["live"] for told in _told(image.path / "vm.log", "heap")]


def _order(names: list[str]) -> list[str]:
    """Modules after those that they import, so that each counts alone."""
    done: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in done or name in path or name not in names:
            return
        source = FIRMWARE / (name.replace(".", "/") + ".py")
        text = source.read_text(encoding="utf-8") if source.exists() else ""
        for found in re.findall(r"^(?:from|import) (edge[.\w]*)(?: import (\w+))?", text, re.MULTILINE):
            visit(found[0], (*path, name))
            visit(".".join(found), (*path, name))
        done.append(name)

    for name in sorted(names, key=lambda name: (name.count("."), name)):
        visit(name, ())
    return done


def _unrun(source: str) -> str:
    """The same module with a body that is loaded and never run: what it takes then is code alone."""
    bound: set[str] = set()
    for node in ast.parse(source).body:
        for inner in ast.walk(node) if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) else ():
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                bound.add(inner.id)
            elif isinstance(inner, ast.alias):
                bound.add((inner.asname or inner.name).split(".")[0])
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound.add(node.name)
    names = "".join(f"    global {name}\n" for name in sorted(bound))
    return f"def _unrun():\n{names}    pass\n" + textwrap.indent(source, "    ")


def sizes(names: list[str]) -> list[tuple[str, int, int]]:
    """32 bits: (module, bytes on the heap, of these code) of each module."""
    with tempfile.TemporaryDirectory(prefix="huishou-memory-") as folder:
        unrun, listed = Path(folder) / "firmware", Path(folder) / "names"
        shutil.copytree(FIRMWARE / "edge", unrun / "edge", ignore=shutil.ignore_patterns("__pycache__"))
        for source in unrun.rglob("*.py"):
            source.write_text(_unrun(source.read_text(encoding="utf-8")), encoding="utf-8")
        listed.mkdir()
        (listed / "_names.py").write_text(f"NAMES = {names!r}\n", encoding="utf-8")
        total = _sized(narrow.program("_sizes", compiled(FIRMWARE), listed))
        code = _sized(narrow.program("_sizes", compiled(unrun), listed))
    return [(name, total[name], min(code[name], total[name])) for name in names]


def _sized(out: str) -> dict[str, int]:
    return dict(json.loads(line[5:]) for line in out.splitlines() if line.startswith("size "))


def blocks(days: float, seed: int, on_time: Callable[[int], None]) -> tuple[list[int], list[int], list[str]]:
    """64 bits: (largest free block, live bytes) after the first looks of each day; all modules loaded."""
    with tempfile.TemporaryDirectory(prefix="huishou-memory-") as folder, _bin(seed) as (image, scene):
        firmware = Path(folder)
        shutil.copytree(FIRMWARE / "edge", firmware / "edge", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(FIRMWARE / "main.py", firmware / "application.py")
        (firmware / "main.py").write_text(MAIN, encoding="utf-8")
        _work(image, scene, days, on_time, Fidelity.FULL, firmware=firmware)
        text = (image.path / "vm.log").read_text(encoding="utf-8")
        live = [told["live"] for told in _told(image.path / "vm.log", "heap")]
        names = {name for loaded in _told(image.path / "vm.log", "modules") for name in loaded}
    largest = [int(found) * WORD_BLOCK for found in re.findall(r"max free sz: (\d+)", text)]
    return largest, live, _order(sorted(names))


@click.command()
@click.option(
    "--days", type=click.IntRange(min=2), default=14, show_default=True, help="of the largest block"
)
@click.option("--seed", type=int, default=1, show_default=True)
def main(days: int, seed: int) -> None:
    """Measure, print a table for people and a JSON line for scripts."""
    console = Console(soft_wrap=True)
    with Progress(console=Console(stderr=True), transient=True) as progress:

        def bar(text: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(text, total=total * DAY_MS)
            return lambda ms: progress.update(task, completed=ms - START_MS)

        largest, held, names = blocks(days, seed, bar("64 bits", days))
        base, loaded, *lives = alive(WORK_DAYS, seed, names, bar("32 bits", 1))
        modules = sizes(names)
    loaded -= base
    code = min(loaded, sum(code for _, _, code in modules))
    live = lives[-1] - base
    data = live - loaded
    console.print(f"{'module':32}{'heap as .mpy':>14}{'code of it':>12}{'rest':>8}  (bytes, 32 bits)")
    for name, total, part in sorted(modules, key=lambda row: -row[1]):
        console.print(f"{name:32}{total:>14}{part:>12}{total - part:>8}")
    console.print(f"{'all modules':32}{loaded:>14}{code:>12}{loaded - code:>8}")
    grown = held[-1] - held[0]
    shrunk = 1 - largest[-1] / largest[0]
    rows = [
        ("live heap after a day, as .mpy", live, LIVE_LIMIT, "B"),
        ("of it no byte code (a frozen image holds at least this)", live - code, LIVE_LIMIT, "B"),
        ("data of it (neither code nor what modules are)", data, DATA_LIMIT, "B"),
        (f"largest free block, day {days} below day 1", round(shrunk * 1000), round(BLOCK_LIMIT * 1000), "‰"),
        (f"live heap, day {days} above day 1 (64 bits)", max(0, grown), round(BLOCK_LIMIT * held[0]), "B"),
    ]
    console.print()
    for what, is_, limit, unit in rows:
        console.print(f"{what:58}{is_:>8} {unit}  at most {limit} {unit}  {'' if is_ <= limit else 'MISSED'}")
    missed = [what for what, is_, limit, _ in rows if is_ > limit]
    click.echo(
        json.dumps(
            {
                "bench": "memory",
                "days": days,
                "live_b": live,
                "code_b": code,
                "frozen_at_least_b": live - code,
                "data_b": data,
                "modules": len(modules),
                "largest_free_b": [largest[0], largest[-1]],
                "live_64_b": [held[0], held[-1]],
                "missed": missed,
            }
        )
    )
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
