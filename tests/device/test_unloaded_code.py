"""Code that is on the heap only while it is used: it is given back, and nothing that lasts holds it."""

import ast
import json
from pathlib import Path

import pytest

from tests.device.interpreter import micropython
from tests.device.test_source_rules import _for_types

EDGE = Path(__file__).parents[2] / "firmware" / "edge"


def source(name: str) -> Path:
    """The file of a module of `edge`, named as in `unload`."""
    path = EDGE / name.replace(".", "/")
    return path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def given_back(path: Path) -> list[str]:
    """The modules that a file unloads: words of constants at its top."""
    module = tree(path)
    lists = {
        target.id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }
    found: list[str] = []
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "unload":
            (names,) = node.args
            assert isinstance(names, ast.Name), f"{path}: unload takes a constant"
            found += lists[names.id].split()
    return found


UNLOADED = {name for path in EDGE.rglob("*.py") for name in given_back(path)}


def at_once(name: str) -> set[str]:
    """The modules that are loaded together with one: imports at the top of it, and of those in turn."""
    seen: set[str] = set()
    ahead = [name]
    while ahead:
        path = source(ahead.pop())
        for node in tree(path).body:
            if isinstance(node, ast.If) and _for_types(node.test):
                continue
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("edge"):
                inner = node.module.removeprefix("edge").removeprefix(".")
                names = [inner, *(f"{inner}.{alias.name}".lstrip(".") for alias in node.names)]
                fresh = {one for one in names if one and source(one).exists()} - seen
                seen |= fresh
                ahead += fresh
    return seen


def test_there_are_such_modules_and_all_exist() -> None:
    assert len(UNLOADED) > 10
    assert all(source(name).exists() for name in UNLOADED)


@pytest.mark.parametrize("unit", ["app.bin", "app.truck"])
def test_nothing_that_lasts_loads_what_is_given_back(unit: str) -> None:
    assert {"app.unit", "board", "store.ring"} <= at_once(unit)
    assert at_once(unit) & UNLOADED == set()


def test_what_is_unloaded_leaves_the_heap_and_may_come_back() -> None:
    program = """
import gc, json, sys
from edge.unload import unload
def alive():
    gc.collect()
    return gc.mem_alloc()
def load():
    from edge.app import text
    import edge.measure.hours
    return text.kilograms(1250), edge.measure.hours.weekday
at_first = alive()
said, kept = load()
package, measure = sys.modules["edge.app"], sys.modules["edge.measure"]
size = alive() - at_first
for _ in range(20):
    unload("app.text measure.hours measure.battery")
    found = [name for name in sys.modules if "text" in name or "hours" in name]
    found += [hasattr(package, "text"), hasattr(measure, "hours")]
    said, _ = load()
# The collector takes any word on the stack for a reference, so that one generation may outlive its time.
print(json.dumps([found, said, kept(0), size > 4000, alive() - at_first < 4 * size]))
"""
    assert json.loads(micropython(program)) == [[False, False], "1.25 kg", 3, True, True]
