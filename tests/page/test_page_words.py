"""Both languages are complete, and what the page shows cannot mislead or break it."""

import re
import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway.web
from gateway.codes import CODES
from gateway.web.city import day_start_ms
from gateway.web.i18n import from_header, translator
from gateway.web.messages import MESSAGES
from gateway.web.text import printable
from gateway.web.view import describe
from tests.page.kit import deposit, door, fault, position, reading

WEB = Path(gateway.web.__file__).parent
SAME_IN_BOTH = re.compile(r"^[\W\d]*$|^(km/h|\{.*\})$|^[{}\w ·–]*$")  # units, placeholders
USED = re.compile(r"""(?<![\w.])t\(\s*["']([a-z][\w.-]*)["']""")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(MESSAGES))
def test_a_text_is_there_in_both_languages_with_the_same_fields(key: str) -> None:
    en, zh = MESSAGES[key]
    assert en.strip()
    assert zh.strip()
    assert fields(en) == fields(zh)
    if re.search("[一-鿿]", en):
        assert key.startswith("nav.language")
    elif en == zh:
        assert SAME_IN_BOTH.match(en), f"{key} looks untranslated"


def test_every_text_that_is_asked_for_exists() -> None:
    files = [*WEB.glob("templates/*.html"), *WEB.rglob("*.py"), *WEB.glob("frontend/src/*.ts")]
    asked = {(file.name, key) for file in files for key in USED.findall(file.read_text("utf-8"))}
    assert len(asked) > 60
    assert {(name, key) for name, key in asked if key not in MESSAGES and not key.endswith(".")} == set()


def test_every_reason_is_explained_in_both_languages() -> None:
    for row in CODES.values():
        assert all((row.en, row.en_do, row.zh, row.zh_do)), row.code


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("zh", "zh-CN"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en-US,zh-CN;q=0.5", "en"),
        ("fr, zh-CN;q=0.7, en;q=0.3", "zh-CN"),
        ("zh-CN;q=0, en", "en"),
        ("zh;q=nonsense, en;q=0.1", "en"),
    ],
)
def test_language_by_the_browsers_wish(header: str, wanted: str) -> None:
    assert from_header(header) == wanted


@given(st.binary(max_size=300))
def test_shown_bytes_hold_nothing_invisible(data: bytes) -> None:
    shown = printable(data)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") or c in "\n\t" for c in shown)


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
@pytest.mark.parametrize(
    "record",
    [
        deposit(),
        reading(fill_pct=3, mass_g=1, temp_dc=-55, battery_mv=3900, solar_mw=100, rssi_dbm=-80),
        position(391200000, 1171500000),
        door("forced") | {"cause": "power"},
        fault(),
        fault(code="a-new-one"),
        {"kind": "collect", "bay": 1, "category": "unheard-of", "net_g": 5},
        {"kind": "weigh", "scale": "1", "gross_g": 9, "tare_g": 1, "net_g": 8, "ident": "津A12345"},
        {"kind": "fence", "fence": "station", "event": "enter", "lat_e7": 1, "lon_e7": 1},
        {"kind": "session", "session": "s", "bay": 1, "outcome": "nothing"},
        {"kind": "boot", "reason": "power-on", "fw": "1.0.0"},
    ],
    ids=lambda record: record["kind"],
)
def test_every_kind_is_put_into_words(record: dict[str, object], lang: str) -> None:
    text = describe(record, lang)
    assert text
    assert "{" not in text


def test_a_kind_that_is_not_known_says_nothing() -> None:
    assert describe({"kind": "song"}, "en") == ""


@pytest.mark.parametrize(
    ("tz", "at", "start"),
    [
        ("Asia/Shanghai", 1_800_000_000_000, 1_799_942_400_000),  # 2027-01-15T16:00:00+08:00
        ("UTC", 1_800_000_000_000, 1_799_971_200_000),
        ("No/Where", 1_800_000_000_000, 1_799_971_200_000),
        ("../../etc/passwd", 1_800_000_000_000, 1_799_971_200_000),
    ],
)
def test_a_day_begins_at_the_viewers_midnight(tz: str, at: int, start: int) -> None:
    assert day_start_ms(tz, at) == start


def test_fields_are_filled_in() -> None:
    assert "12" in translator("zh-CN")("login.wait", seconds=12)


def test_a_reading_says_of_which_bay_it_speaks() -> None:
    assert describe({"kind": "reading", "bay": 2, "mass_g": 8080}, "en") == "bay 2 · 8.08\u00a0kg"
    assert describe({"kind": "reading", "temp_dc": 93}, "zh-CN") == "9.3\u00a0°C"
