"""Rules that every firmware file keeps: no float where 32 bits would round, and imports that go one way."""

import ast
from pathlib import Path

import pytest

EDGE = Path(__file__).parents[2] / "firmware" / "edge"
FILES = sorted(EDGE.rglob("*.py"))

# What each part of `edge` may import from it. `app` may import everything.
BASE = {"edge.errors"}
MAY_IMPORT = {
    "measure": {"edge.measure"},
    "drivers": {"edge.measure", "edge.drivers", *BASE},
    "store": {"edge.store", *BASE},
    "link": {"edge.link", "edge.measure", "edge.log", "edge.keep", "edge.unload", "edge", *BASE},
    "keep.py": BASE,
    "clock.py": {"edge.keep", "edge.measure", *BASE},
    "log.py": {"edge.clock", "edge.keep", "edge.measure", "edge.store", *BASE},
    "board.py": {"edge.drivers", *BASE},
    "supervisor.py": {"edge.blackbox", "edge.cause", "edge.keep", *BASE},
    "blackbox.py": BASE,
    "cause.py": set(),
    "mac.py": set(),
    "unload.py": set(),
    "errors.py": set(),
    "__init__.py": set(),
}


def _for_types(test: ast.expr) -> bool:
    """`if False:`, which the compiler leaves out of the byte code and mypy reads."""
    return isinstance(test, ast.Constant) and test.value is False


def imports(tree: ast.Module) -> set[str]:
    """The modules of `edge` that a file imports, those for the type checker left out."""
    found = set()
    typing = [node for node in ast.walk(tree) if isinstance(node, ast.If) and _for_types(node.test)]
    skipped = {id(inner) for node in typing for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "edge":
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.split(".")[0] == "edge"}
    return found - {"edge.types"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EDGE)))
def test_no_float_arithmetic(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        line = f"{path}:{getattr(node, 'lineno', 0)}"
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), f"{line}: a float"
        assert not (isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div)), (
            f"{line}: /"
        )
        assert not (isinstance(node, ast.Name) and node.id == "float"), f"{line}: float()"
        assert not (isinstance(node, ast.alias) and node.name in ("math", "cmath")), f"{line}: math"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(EDGE)))
def test_imports_go_one_way(path: Path) -> None:
    part = path.relative_to(EDGE).parts[0]
    if part in ("app", "console.py", "selftest.py"):
        return
    for module in imports(ast.parse(path.read_text(encoding="utf-8"))):
        package = ".".join(module.split(".")[:2])
        assert {module, package} & MAY_IMPORT[part], f"{path} imports {module}"
