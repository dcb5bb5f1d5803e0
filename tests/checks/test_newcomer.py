"""A newcomer adds a rule from docs/checks.md alone: its steps, carried out to the letter on a copy.

What a step leaves out, the tests say.
"""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NUMBER = re.compile(r"Check\((\d+), \"solar-range\"")


def steps() -> list[str]:
    """The code of steps 1 to 5, as it stands in the page."""
    page = (ROOT / "docs" / "checks.md").read_text("utf-8").split("## Add a rule")[1]
    blocks = re.findall(r"^   ```python\n(.*?)^   ```$", page, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in blocks]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources that a rule touches or needs."""
    skip = shutil.ignore_patterns("__pycache__", "node_modules", "static")
    for folder in ("gateway", "schemas", "tests/checks", "hardware"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=skip)
    (tmp_path / "docs").mkdir()
    for file in ("docs/checks.md", "pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def put(file: Path, text: str, before: str) -> None:
    """Put `text` in front of the only place where `before` stands ("" is the end)."""
    found = file.read_text("utf-8")
    if before:
        assert found.count(before) == 1, f"{file.name}: the page's step no longer says where"
        file.write_text(found.replace(before, text + before), "utf-8")
    else:
        file.write_text(found + text, "utf-8")


def follow(copy: Path, *, without: int = 0) -> None:
    """Steps 1 to 5, one of them perhaps forgotten."""
    limit, function, row, words, example = steps()
    checks = copy / "gateway" / "checks"
    places = (
        (checks / "limits.py", limit, "\n    def __post_init__"),
        (checks / "sensor.py", function, ""),
        (checks / "table.py", row, ")\n\n\ndef rules_of("),
        (copy / "gateway" / "codes.py", words, '        Code(\n            "line-refused"'),
        (copy / "tests" / "checks" / "examples.py", example, None),
    )
    for number, (file, text, before) in enumerate(places, start=1):
        if number == without:
            continue
        if before is None:  # the end of EXAMPLES, the last thing in the file
            found = file.read_text("utf-8")
            assert found.endswith("\n)\n")
            file.write_text(found.removesuffix(")\n") + text + ")\n", "utf-8")
        else:
            put(file, text, before)


def python(copy: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *args], cwd=copy, env=env, capture_output=True, text=True, timeout=120, check=False
    )


def run_tests(copy: Path, *more: str) -> subprocess.CompletedProcess[str]:
    files = ("tests/checks/test_rules.py", "tests/checks/test_checks_page.py")
    return python(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", "not no_record", *more)


def test_the_steps_of_the_page_make_a_rule_that_works(copy: Path) -> None:
    follow(copy)
    page = python(copy, "-m", "gateway", "config", "checks")
    assert page.returncode == 0, page.stderr
    assert "`solar-range`" in page.stdout
    assert run_tests(copy).returncode != 0, "the page is not made anew yet, and the tests say so"
    (copy / "docs" / "checks.md").write_text(page.stdout, "utf-8")
    done = run_tests(copy)
    assert done.returncode == 0, done.stdout
    number = NUMBER.search(steps()[2])
    assert number is not None
    assert "no tests ran" not in run_tests(copy, "-k", f"{number[1]}-solar-range").stdout
    form = python(
        copy, "-m", "ruff", "format", "--check", "gateway/checks", "gateway/codes.py", "tests/checks"
    )
    assert form.returncode == 0, form.stdout


@pytest.mark.parametrize(
    ("forgotten", "words"),
    [(4, "words missing in gateway/codes.py"), (5, "to EXAMPLES in tests/checks/examples.py")],
)
def test_a_forgotten_step_is_told_by_the_tests(copy: Path, forgotten: int, words: str) -> None:
    follow(copy, without=forgotten)
    told = run_tests(copy)
    assert told.returncode != 0
    assert words in textwrap.dedent(told.stdout), told.stdout
