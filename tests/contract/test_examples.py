"""The example messages earn what their index says, from the gateway and from the schemas."""

from typing import Any

import pytest

import schemas
from gateway import contract
from gateway.codes import CODES
from gateway.contract import ContractError, parse_topic
from gateway.contract_signed import verify_mac
from tests.contract import reference

INDEX = schemas.example_index()
DECODERS = {
    "up/records": contract.decode_records,
    "up/state": contract.decode_state,
    "up/replies": contract.decode_reply,
    "down/ack": contract.decode_ack,
    "down/commands": contract.decode_command,
    "down/desired": contract.decode_desired,
}
EXAMPLES_KEY = bytes(range(32))


def ids(examples: list[dict[str, Any]]) -> list[str]:
    return [example["file"] for example in examples]


def outcome(topic: str, payload: bytes) -> tuple[str | None, list[str | None]]:
    """The gateway's code for the whole message, and for each of its records."""
    parsed = parse_topic(topic)
    if parsed is None:
        return "bad-topic", []
    try:
        message = DECODERS[parsed.channel](payload)
    except ContractError as error:
        return (error.code if error.detail else "an error without detail"), []
    return None, [item.code for item in message.recs] if isinstance(message, contract.RecordsMessage) else []


@pytest.mark.parametrize("example", INDEX["good"], ids=ids(INDEX["good"]))
def test_a_good_example_is_accepted_by_both(example: dict[str, Any]) -> None:
    payload = schemas.load_example(example["file"])
    code, records = outcome(example["topic"], payload)
    assert code is None
    assert records == [None] * len(records)
    parsed = parse_topic(example["topic"])
    assert parsed is not None
    assert reference.verdict(parsed.channel.replace("/", "-"), reference.parse(payload))


@pytest.mark.parametrize("example", INDEX["bad"], ids=ids(INDEX["bad"]))
def test_a_bad_example_earns_its_code(example: dict[str, Any]) -> None:
    payload = schemas.load_example(example["file"])
    code, records = outcome(example["topic"], payload)
    if "record" in example:
        assert code is None
        assert records == [example["code"] if i == example["record"] else None for i in range(len(records))]
    else:
        assert code == example["code"]
    if code in ("bad-topic", "oversize"):
        return
    parsed = parse_topic(example["topic"])
    assert parsed is not None
    try:
        value = reference.parse(payload)
    except (ValueError, RecursionError):
        assert code in ("not-json", "not-utf8")
    else:
        assert not reference.verdict(parsed.channel.replace("/", "-"), value)


def test_every_example_file_is_in_the_index() -> None:
    from importlib.resources import files

    folder = files("schemas") / "examples"
    named = {e["file"] for kind in INDEX.values() for e in kind}
    assert named == {f"{kind}/{f.name}" for kind in ("good", "bad") for f in (folder / kind).iterdir()}


def test_every_decoding_code_has_a_bad_example_and_every_code_is_explained() -> None:
    shown = {example["code"] for example in INDEX["bad"]}
    assert shown == {
        "bad-topic",
        "oversize",
        "not-utf8",
        "not-json",
        "bad-envelope",
        "unknown-version",
        "bad-record",
        "unknown-kind",
    }
    assert shown <= set(CODES)
    for row in CODES.values():
        assert all(row)
        assert not row.zh.isascii()
        assert not row.zh_do.isascii()


@pytest.mark.parametrize("name", ["command", "desired"])
def test_the_macs_of_the_examples_are_right_and_cover_every_byte(name: str) -> None:
    channel = {"command": "commands", "desired": "desired"}[name]
    body = reference.parse(schemas.load_example(f"good/{name}.json"))
    assert verify_mac("bin-0417", channel, EXAMPLES_KEY, body)
    assert not verify_mac("bin-0418", channel, EXAMPLES_KEY, body)
    assert not verify_mac("bin-0417", "ack", EXAMPLES_KEY, body)
    assert not verify_mac("bin-0417", channel, EXAMPLES_KEY[:-1] + b"\0", body)
    for key in body:
        assert not verify_mac("bin-0417", channel, EXAMPLES_KEY, {**body, key: 5})
        assert not verify_mac("bin-0417", channel, EXAMPLES_KEY, {k: v for k, v in body.items() if k != key})
