"""The screen's texts are complete: each key that firmware asks for exists, each that exists is asked for, in
Chinese and English, and fits the display with the longest that may be filled in.
"""

import ast
import re
from itertools import pairwise
from pathlib import Path
from unicodedata import east_asian_width

import pytest
from edge.app import text
from edge.app.text import COLUMNS, ROWS
from hypothesis import given
from hypothesis import strategies as st


def table(blocks: str) -> dict[str, tuple[str, str]]:
    """(Chinese, English) by key."""
    rows = [block.split("\n") for block in blocks.strip("\n").split("\n\n")]
    assert all(len(row) == 3 for row in rows)
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: (row[1], row[2]) for row in rows}


TEXTS, REFUSALS = table(text.TEXTS), table(text.REFUSALS)
EDGE = Path(__file__).parents[2] / "firmware" / "edge"
CHINESE = re.compile("[一-鿿]")
KILOGRAMS = text.kilograms(-1_234_560)
LONGEST = {"open-only": "1 2 3 4", "collected": KILOGRAMS, "thanks": KILOGRAMS}
DAY_MS = 86_400_000


def width(line: str) -> int:
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in line)


def fits(lines: tuple[str, ...]) -> None:
    assert 2 <= len(lines) <= ROWS, lines
    for line in lines:
        assert 0 < width(line) <= COLUMNS, f"{line!r} takes {width(line)} columns"


def asked() -> tuple[set[str], set[str]]:
    """(keys of `text.lines("...")`, all text constants) in the firmware, but for the table itself."""
    keys, constants = set(), set()
    for path in sorted(EDGE.rglob("*.py")):
        if path.name == "text.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                constants.add(node.value)
            call = node.func if isinstance(node, ast.Call) else None
            if isinstance(call, ast.Attribute) and call.attr == "lines" and isinstance(call.value, ast.Name):
                assert isinstance(node, ast.Call)
                if call.value.id == "text":
                    for leaf in ast.walk(node.args[0]):
                        if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                            keys.add(leaf.value)
    return keys, constants


def test_every_text_that_is_asked_for_exists_and_every_one_is_asked_for() -> None:
    keys, constants = asked()
    assert keys - TEXTS.keys() == set()
    assert TEXTS.keys() - constants == set(), "a text that nothing asks for"
    shown_by_code = REFUSALS.keys() - {"closed-unknown"}
    assert shown_by_code - constants == set(), "a reason that nothing gives"


def test_every_reason_not_to_be_let_in_is_documented() -> None:
    page = (EDGE.parents[1] / "docs" / "devices.md").read_text(encoding="utf-8")
    page = page.split("`outcome` `refused` and one of these codes:")[1].split("\n\n")[1]
    documented = set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) - {"code"}
    given = set()
    for name in ("admission.py", "token.py", "entry.py"):
        for node in ast.walk(ast.parse((EDGE / "app" / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in REFUSALS:
                given.add(node.value)
    faults = {"uncalibrated", "switch-conflict"}  # which admission reads and tells otherwise
    assert given - faults - {"out-of-service"} == documented


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_a_text_is_there_in_both_languages_and_fits(key: str) -> None:
    chinese, english = TEXTS[key]
    assert CHINESE.search(chinese)
    assert not CHINESE.search(english)
    assert re.search("[A-Z]", english)
    assert chinese.count("%s") == english.count("%s") == int(key in LONGEST)
    fits(text.lines(key, LONGEST[key]) if key in LONGEST else text.lines(key))


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_reason_says_what_to_do_in_both_languages_and_fits(code: str) -> None:
    chinese, english = REFUSALS[code]
    assert CHINESE.search(chinese)
    assert not CHINESE.search(english)
    assert chinese.count(" / ") == english.count(" / ") == 1, "what is, and what to do"
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,47}", code), "as the contract has codes"
    if "%s" not in chinese:
        fits(text.refusal(code))


def test_every_code_of_a_scale_reads_under_repair_and_an_unknown_one_out_of_service() -> None:
    assert text.refusal("scale-silent") == text.refusal("under-repair")
    assert text.refusal("something-new") == text.refusal("out-of-service")
    assert text.refusal("closed") == text.refusal("closed-unknown")


@given(
    st.integers(1_780_000_000_000, 1_900_000_000_000),
    st.integers(0, 400 * DAY_MS),
    st.sampled_from([480, 0, -210]),
)
def test_the_next_opening_fits_and_is_said_by_its_day(now_ms: int, ahead_ms: int, utc_min: int) -> None:
    chinese, english = text.when(now_ms + ahead_ms, now_ms, utc_min)
    fits(text.refusal("closed", (chinese, english)))
    clock = re.search(r"\d\d:\d\d", english)
    assert clock is not None
    assert clock.group() in chinese
    if ahead_ms >= 2 * DAY_MS:
        assert "today" not in english
        assert "tomorrow" not in english


def test_days_are_local_days() -> None:
    half_past_eleven_ms = 1_790_004_600_000  # 2026-09-21T23:30+08:00
    assert text.when(half_past_eleven_ms + 7 * 3_600_000, half_past_eleven_ms, 480) == (
        "明天06:30",
        "06:30 tomorrow",
    )
    assert text.when(half_past_eleven_ms + 31 * 3_600_000, half_past_eleven_ms, 480) == (
        "9月23日06:30",
        "06:30 on 23 Sep",
    )


@given(st.integers(-10_000_000, 10_000_000))
def test_kilograms_are_exact(grams: int) -> None:
    shown = text.kilograms(grams)
    number = re.fullmatch(r"(-?)(\d+)\.(\d{2,3}) kg", shown)
    assert number is not None
    value = int(number[2]) * 1000 + int(number[3].ljust(3, "0"))
    assert (-value if number[1] else value) == grams


def test_weights_are_as_residents_read_them() -> None:
    assert text.lines("thanks", text.kilograms(1250)) == ("谢谢，1.25 kg", "Thank you, 1.25 kg")
    assert [text.kilograms(g) for g in (0, 5, -20, 20, 999, 1000)] == [
        "0.00 kg", "0.005 kg", "-0.02 kg", "0.02 kg", "0.999 kg", "1.00 kg",
    ]  # fmt: skip
    assert all(text.kilograms(a) != text.kilograms(b) for a, b in pairwise(range(0, 3000, 5)))
