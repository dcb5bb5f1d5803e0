"""Tokens judged offline: formats as data, QR tokens signed and used once, half and noisy ones refused."""

import base64
import hashlib
import hmac
import json
import re
import string
from pathlib import Path
from typing import Any

import pytest
from edge.app.spent import SIZE, Spent
from edge.app.token import SKEW_S, Ticket, Tokens, base32, check_digit_fits
from edge.measure.hours import Hours
from hypothesis import given
from hypothesis import strategies as st

NOW_S = 1_790_000_000
KEY = "00112233445566778899aabbccddeeff" * 2
QR: dict[str, Any] = {"kind": "qr", "key": KEY, "max_s": 600}
RULES: list[dict[str, Any]] = [
    {"kind": "card", "lengths": [8, 14, 20], "chars": "hex"},
    {"kind": "code", "digits": 8},
    QR,
]
CREW = ["C0DE*", "KEY-1"]
CARD = "any card"


def qr(
    user: str = "R-17", expires_s: int = NOW_S + 300, nonce: str = "AAAA", device: str = "", key: str = KEY
) -> str:
    """A token as an issuer makes it, from the specification alone."""
    signed = f"HS1.{user}.{expires_s:08X}.{nonce}"
    text = f"huishou-token\n{device}\n{signed}"
    mac = hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.b32encode(mac[:16]).decode().rstrip('=')}"


def check(text: str, rules: Any = RULES, now_s: int | None = NOW_S, spent: Spent | None = None) -> Ticket:
    now_ms = None if now_s is None else now_s * 1000
    return Tokens(rules, CREW, "bin-001").check(text, now_ms, spent or Spent(None, 0))


def with_check_digit(digits: str) -> str:
    """ISO/IEC 7064 MOD 11,10 as the standard defines it: the sum is congruent to 1."""
    return next(digits + d for d in string.digits if check_digit_fits(digits + d))


def test_without_rules_any_card_is_good() -> None:
    for text in ("123456789012", "AB CD", "x", "~" * 64):
        ticket = check(text, rules=None)
        assert (ticket.user, ticket.code, ticket.crew, ticket.mark) == (text, None, False, None)
    assert check("HS1.a.b.c.d", rules=None).code == "token-unknown", "never a card by another name"


def test_crews_open_as_crews() -> None:
    assert check("C0DE12345678").crew
    assert check("KEY-1").crew
    assert not check("KEY-12", rules=None).crew


@pytest.mark.parametrize(
    ("text", "user", "code"),
    [
        ("04a1b2c3", "04A1B2C3", None),
        ("04A1B2C3D4E5F6", "04A1B2C3D4E5F6", None),
        ("04A1B2C", "04A1B2C", "token-unknown"),  # a half card number
        ("04A1B2CG", "04A1B2CG", "token-unknown"),
        ("", "", "token-unknown"),
    ],
)
def test_cards_have_a_form(text: str, user: str, code: str | None) -> None:
    ticket = check(text)
    assert (ticket.user, ticket.code) == (user, code)


def test_a_card_with_a_check_byte_that_does_not_fit_was_not_read() -> None:
    rules = [{"kind": "card", "lengths": [12], "chars": "hex", "xor": True}]
    assert check("3d00A1B2C3ED", rules=rules).user == "3D00A1B2C3"
    for at in range(12):
        for digit in "0123456789ABCDEF":
            text = "3D00A1B2C3ED"[:at] + digit + "3D00A1B2C3ED"[at + 1 :]
            if text != "3D00A1B2C3ED":
                found = check(text, rules=rules)
                assert (found.user, found.code) == (None, "token-unread")
    assert check("D00A1B2C3ED", rules=[{**rules[0], "lengths": [11]}]).code == "token-unread"
    assert check("00", rules=[{**rules[0], "lengths": [2]}]).code == "token-unread"


def test_a_mistyped_code_is_not_taken_for_a_card_of_eight_digits() -> None:
    good = with_check_digit("1234567")
    assert check(good).code is None
    wrong = good[:-1] + str((int(good[-1]) + 1) % 10)
    assert check(wrong).code == "token-check"


def test_the_check_digit_is_that_of_iso_7064() -> None:
    assert check_digit_fits("07945")  # 0794 with check digit 5: the standard's own example


@given(st.text(string.digits, min_size=3, max_size=19), st.data())
def test_each_wrong_digit_is_found(digits: str, data: Any) -> None:
    good = with_check_digit(digits)
    at = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from([d for d in string.digits if d != good[at]]))
    assert not check_digit_fits(good[:at] + other + good[at + 1 :])


@given(st.binary(max_size=40))
def test_base_32_is_rfc_4648(data: bytes) -> None:
    assert base32(data) == base64.b32encode(data).decode().rstrip("=")


def test_a_good_qr_token() -> None:
    text = qr(user="R" * 15, nonce="ABCDEFGH")
    assert len(text) <= 64
    assert set(text) <= set(string.digits + string.ascii_uppercase + " $%*+-./:"), "QR's alphanumeric mode"
    ticket = check(text)
    assert (ticket.user, ticket.code) == ("R" * 15, None)
    assert ticket.mark is not None
    assert ticket.mark[0] == NOW_S + 300


@pytest.mark.parametrize(
    ("text", "now_s", "code"),
    [
        (qr(expires_s=NOW_S), NOW_S, "token-expired"),
        (qr(expires_s=NOW_S + 1), NOW_S, None),
        (qr(expires_s=NOW_S + 600 + SKEW_S), NOW_S, None),
        (qr(expires_s=NOW_S + 601 + SKEW_S), NOW_S, "token-early"),
        (qr(), None, "clock-unknown"),
        (qr(key="ff" * 32), NOW_S, "token-forged"),
        (qr(device="bin-001"), NOW_S, "token-forged"),  # bound, but the rule is not
        ("HS1.", NOW_S, "token-forged"),
        ("HS1..6AB13B80.A.B", NOW_S, "token-forged"),
    ],
)
def test_what_is_wrong_with_a_qr_token_is_said(text: str, now_s: int | None, code: str | None) -> None:
    assert check(text, now_s=now_s).code == code


def test_a_bound_token_opens_its_own_unit_only() -> None:
    bound = [{**QR, "bound": True}]
    assert check(qr(device="bin-001"), rules=bound).code is None
    assert check(qr(device="bin-002"), rules=bound).code == "token-forged"
    assert check(qr(), rules=bound).code == "token-forged"


def test_the_examples_of_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")
    settings = json.loads("{" + page.split("```json\n")[1].split("```")[0] + "}")
    rules = settings["tokens"]
    assert Tokens(rules, [], "bin-001").problems == []
    assert Hours(settings["hours"]).utc_min == 480
    plain, bound = re.findall(r"HS1\.R[^`]+", page)
    assert check(plain, rules=rules).user == "R-17"
    assert check(plain, rules=rules).code is None
    assert check(bound, rules=[{**rules[2], "bound": True}]).code is None
    assert check("12345672", rules=rules).code is None


def test_an_old_and_a_new_key_both_count() -> None:
    rules = [QR, {**QR, "key": "ab" * 16}]
    assert check(qr(key="ab" * 16), rules=rules).code is None
    assert check(qr(), rules=rules).code is None


@given(st.data())
def test_no_part_of_a_qr_token_and_no_change_to_one_opens(data: Any) -> None:
    text = qr()
    kind = data.draw(st.sampled_from(["cut", "head", "change", "swap case", "add"]))
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([c for c in string.printable[:94] if c != text[at]]))
    changed = {
        "cut": text[:at],
        "head": text[at + 1 :],
        "change": text[:at] + other + text[at + 1 :],
        "swap case": text.swapcase(),
        "add": text + other,
    }[kind]
    assert check(changed).code is not None, changed


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64))
def test_nothing_that_is_sent_raises(text: str) -> None:
    ticket = check("HS1." + text)
    assert ticket.code == "token-forged"
    check(text)


LIFE_S = 60
SHOWN = st.lists(st.tuples(st.integers(0, 12), st.integers(30, 40), st.integers(0, 4)), max_size=150)


@given(SHOWN, st.sets(st.integers(0, 150), max_size=5))
def test_no_token_is_taken_twice_whatever_comes_and_whenever_power_goes(
    shown: list[tuple[int, int, int]], cuts: set[int]
) -> None:
    """Five tokens for each second of expiry, shown again and again while time goes on. A power cut forgets
    all but the last time that was recorded: that of the last token taken.
    """
    state: list[Any] | None = None
    floor_s, known_s, now_s = 0, NOW_S, NOW_S
    taken: set[tuple[int, str]] = set()
    for step, (passed_s, left_s, number) in enumerate(shown):
        now_s += passed_s // 10
        if step in cuts:
            state, floor_s = None, known_s + LIFE_S
        token = (now_s + left_s, f"{number:08d}")
        spent = Spent(state, floor_s)
        if not spent.holds(*token):
            assert token not in taken
            taken.add(token)
            known_s, state = now_s, spent.add(*token)
            assert len(state) <= 1 + SIZE


def test_sixteen_visitors_at_once_and_then_a_fresh_one() -> None:
    state: list[Any] | None = None
    for number in range(40):
        spent = Spent(state, 0)
        assert not spent.holds(NOW_S + 300 + number, f"{number:08d}"), "a token that expires later is taken"
        state = spent.add(NOW_S + 300 + number, f"{number:08d}")
    assert len(state or []) == 1 + SIZE
    for number in range(40):
        assert Spent(state, 0).holds(NOW_S + 300 + number, f"{number:08d}"), "and none a second time"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"kind": "face"}, "kind face"),
        ({}, "kind None"),
        ("card", "is no rule"),
        ({"kind": "card", "chars": "kanji"}, "chars kanji"),
        ({"kind": "card", "lengths": ["8"]}, "lengths"),
        ({"kind": "card", "lengths": 8}, "lengths"),
        ({"kind": "card", "length": [8]}, "no length"),
        ({"kind": "card", "xor": True}, "xor"),
        ({"kind": "code"}, "digits"),
        ({"kind": "code", "digits": 2}, "4 to 20"),
        ({"kind": "qr"}, "key"),
        ({"kind": "qr", "key": "secret"}, "key"),
        ({"kind": "qr", "key": "zz" * 16}, "key"),
        ({"kind": "qr", "key": KEY, "max_s": 0}, "max_s"),
    ],
)
def test_a_damaged_rule_is_named_and_left_out_and_the_others_hold(rule: Any, says: str) -> None:
    alone = Tokens([rule], CREW, "bin-001")
    assert says in alone.problems[0]
    assert alone.check(CARD, NOW_S * 1000, Spent(None, 0)).code is None, "works on as a bin"
    beside = Tokens([{"kind": "code", "digits": 8}, rule], CREW, "bin-001")
    assert beside.problems[0].startswith("rule 2: ")
    assert beside.check(CARD, NOW_S * 1000, Spent(None, 0)).code == "token-unknown"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["card", "code", "qr", KEY]) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["kind", "lengths", "chars", "digits", "key", "max_s", "bound", "xor"]), inner
        )
    ),
)


@given(ANYTHING, ANYTHING, st.sampled_from([CARD, "12345678", qr()]))
def test_no_settings_raise(rules: Any, crew: Any, text: str) -> None:
    Tokens(rules, crew, "bin-001").check(text, NOW_S * 1000, Spent(None, 0))


@pytest.mark.parametrize("rules", [{}, "card", 7])
def test_rules_that_are_no_list(rules: Any) -> None:
    assert Tokens(rules, [], "bin-001").problems
