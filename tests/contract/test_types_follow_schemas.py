"""The gateway's types accept exactly what the schemas accept, in both directions."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import schemas
from gateway import contract
from gateway.contract import ContractError
from gateway.contract_types import KINDS
from tests.contract import reference

DECODERS = {
    "up-state": contract.decode_state,
    "up-replies": contract.decode_reply,
    "down-ack": contract.decode_ack,
    "down-commands": contract.decode_command,
    "down-desired": contract.decode_desired,
}
RECORD_DEFS = {k: v for k, v in schemas.load("record")["$defs"].items() if k != "clock"}
GENERATED = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))

ENVELOPE = {"v": 1, "log": "5eed0042", "first": 0, "sent": 0}


def dump(value: Any, ascii_: bool = False) -> bytes:
    return json.dumps(value, ensure_ascii=ascii_).encode()


def types_accept(name: str, payload: bytes) -> bool:
    """The gateway's verdict on a message, or on a record between two good neighbours."""
    if name.startswith("record"):
        neighbour = b'{"seq":1,"t":2,"clock":"ntp","kind":"reading"}'
        head = b'{"v":1,"log":"5eed0042","first":0,"sent":0,"recs":['
        alone = contract.decode_records(head + payload + b"]}").recs[0]
        between = contract.decode_records(head + b" , ".join([neighbour, payload, neighbour]) + b"]}").recs
        assert between[0].code is None
        assert between[2].code is None
        assert between[1].raw == payload
        assert (
            (alone.code is None)
            == (between[1].code is None)
            == (contract.decode_record(payload).code is None)
        )
        assert (alone.code is None) == (alone.record is not None)
        return alone.code is None
    _, code = attempt(DECODERS[name], payload)
    assert code in (None, "bad-envelope", "unknown-version")
    return code is None


def attempt(decode: Callable[[bytes], Any], payload: bytes) -> tuple[Any, str | None]:
    """What a decoder returns, or the code it refuses with. Anything else that it raises is a failure."""
    try:
        return decode(payload), None
    except ContractError as error:
        return None, error.code


@st.composite
def mutated(draw: st.DrawFn, valid: st.SearchStrategy[Any]) -> Any:
    """A valid instance with one to three changes: some stay valid, most do not."""
    value = copy.deepcopy(draw(valid))
    for _ in range(draw(st.integers(1, 3))):
        key = (
            draw(st.sampled_from(sorted(value)) | st.sampled_from(["kind", "v", "new", "seq"]))
            if value
            else "new"
        )
        match draw(st.sampled_from(["drop", "replace", "nudge", "line end", "float"])):
            case "drop":
                value.pop(key, None)
            case "nudge" if type(value.get(key)) is int:
                value[key] += draw(st.sampled_from([-1, 1, 2**31, -(2**31), 2**40]))
            case "line end" if isinstance(value.get(key), str):
                value[key] += "\n"
            case "float" if type(value.get(key)) is int and abs(value[key]) < 2**53:
                value[key] = float(value[key])
            case _:
                value[key] = draw(reference.JSON_VALUES)
    return value


def valid(name: str) -> st.SearchStrategy[Any]:
    if name.startswith("record/"):
        return reference.instances(reference.inlined(RECORD_DEFS[name.removeprefix("record/")]))
    return reference.instances(reference.inlined(schemas.load(name)))


NAMES = [*DECODERS, *(f"record/{kind}" for kind in RECORD_DEFS)]


def test_kinds_are_the_same() -> None:
    assert list(KINDS) == list(RECORD_DEFS)
    assert [ref["$ref"] for ref in schemas.load("record")["oneOf"]] == [f"#/$defs/{kind}" for kind in KINDS]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_schema_generates_the_types_accept(name: str) -> None:
    @GENERATED
    @given(valid(name), st.booleans())
    def check(value: Any, ascii_: bool) -> None:
        assert reference.verdict(name, value)
        assert types_accept(name, dump(value, ascii_))

    check()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_changed_gets_one_verdict(name: str) -> None:
    @GENERATED
    @given(mutated(valid(name)), st.booleans())
    def check(value: Any, ascii_: bool) -> None:
        payload = dump(value, ascii_)
        schema = "record" if name.startswith("record/") else name
        assert types_accept(name, payload) == reference.verdict(schema, reference.parse(payload))

    check()


def edges(schema: dict[str, Any]) -> list[Any]:
    """Values at and just beyond every bound of a field's schema, and one of each other type."""
    values: list[Any] = [None, True, 1.0, "", [], {}, 2**64, -(2**64)]
    for option in schema.get("oneOf", [schema]):
        for bound in ("minimum", "maximum"):
            if bound in option:
                values += [option[bound] - 1, option[bound], option[bound] + 1]
        if "maxLength" in option:
            for size in (
                option["minLength"] - 1,
                option["minLength"],
                option["maxLength"],
                option["maxLength"] + 1,
            ):
                values += ["a" * size, "津" * size, "0" * size, ("a" * size)[:-1] + "\n"]
            values += ["-", "_a", ".a", "A", "a/b", "a b", "a\x00b", "\x7f"]
        values += option.get("enum", []) + [str(v) + "x" for v in option.get("enum", [])]
    return values


@pytest.mark.parametrize("name", NAMES)
def test_every_bound_of_every_field_is_the_same(name: str) -> None:
    schema = reference.inlined(
        RECORD_DEFS[name.removeprefix("record/")] if name.startswith("record/") else schemas.load(name)
    )
    base = MINIMAL[name]
    assert reference.verdict(name, base)
    assert types_accept(name, dump(base))
    for field, definition in schema["properties"].items():
        for value in edges(definition):
            changed = {**base, field: value}
            assert types_accept(name, dump(changed)) == reference.verdict(name, changed), (field, value)
        without = {k: v for k, v in base.items() if k != field}
        assert types_accept(name, dump(without)) == reference.verdict(name, without), field


COMMON = {"seq": 1, "t": 2, "clock": "ntp"}
MINIMAL: dict[str, dict[str, Any]] = {
    "up-state": {"v": 1, "online": True},
    "up-replies": {"v": 1, "id": "1", "state": "done", "t": 1},
    "down-ack": {"v": 1, "log": "5eed0042", "seq": 1},
    "down-commands": {"v": 1, "id": "1", "name": "zero", "args": {}, "exp": 1, "mac": "0" * 64},
    "down-desired": {"v": 1, "rev": 1, "config": {}, "mac": "0" * 64},
    "record/reading": {},
    "record/deposit": {
        "session": "1",
        "bay": 1,
        "category": "paper",
        "net_g": 1,
        "before_g": 1,
        "after_g": 2,
        "e_g": 1,
        "cal": "c",
        "below_min": True,
        "open_ms": 1,
    },
    "record/session": {"session": "1", "bay": 1, "outcome": "nothing"},
    "record/collect": {"bay": 1, "category": "paper", "net_g": 1},
    "record/door": {"door": "lock0", "state": "open"},
    "record/position": {"lat_e7": 1, "lon_e7": 1},
    "record/fence": {"fence": "f", "event": "enter", "lat_e7": 1, "lon_e7": 1},
    "record/weigh": {"scale": "s", "gross_g": 1, "tare_g": 1, "net_g": 0, "stable": True},
    "record/fault": {"part": "scale0", "code": "x", "state": "raised"},
    "record/boot": {"reason": "power-on", "fw": "1", "hw": "bin-s3"},
}
for _name, _fields in MINIMAL.items():
    if _name.startswith("record/"):
        _fields |= COMMON | {"kind": _name.removeprefix("record/")}


@GENERATED
@given(mutated(st.fixed_dictionaries({k: st.just(v) for k, v in ENVELOPE.items()} | {"recs": st.just([1])})))
@example({**ENVELOPE, "recs": [1] * 512})
@example({**ENVELOPE, "recs": [1] * 513})
@example({**ENVELOPE, "recs": []})
def test_an_envelope_gets_one_verdict(value: Any) -> None:
    payload = dump(value)
    _, code = attempt(contract.decode_records, payload)
    assert code in (None, "bad-envelope", "unknown-version")
    assert (code is None) == reference.verdict("envelope", reference.parse(payload))


def test_what_a_detail_repeats_of_a_message_is_bounded() -> None:
    record = dump({"seq": 1, "t": 2, "clock": "x" * 9000, "kind": "reading"})
    (item,) = contract.decode_records(
        b'{"v":1,"log":"5eed0042","first":0,"sent":0,"recs":[' + record + b"]}"
    ).recs
    assert item.code == "bad-record"
    assert len(item.detail or "") <= 300
    with pytest.raises(ContractError) as caught:
        contract.decode_reply(dump({"v": 1, "id": "1", "state": "x" * 9000, "t": 1}))
    assert len(str(caught.value)) <= 320


@GENERATED
@given(st.data())
def test_any_bytes_give_a_message_or_a_reason(data: st.DataObject) -> None:
    """Damaged messages: what is JSON for the judge is JSON for the gateway, and nothing else ever escapes."""
    files = [e["file"] for e in schemas.example_index()["good"] if e["file"].startswith("good/records-")]
    payload = bytearray(schemas.load_example(data.draw(st.sampled_from(files))))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(payload)))
        payload[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3)
            | st.sampled_from([b"\\u", b"\\ud83d", b'"', b"}", b"1e999", b"NaN", b"\xed\xa0\x80"])
        )
    raw = bytes(payload)
    try:
        value, json_ = reference.parse(raw), True
    except (ValueError, RecursionError):
        value, json_ = None, False
    message, code = attempt(contract.decode_records, raw)
    assert (code in ("not-json", "not-utf8")) == (not json_)
    assert (code is None) == reference.verdict("envelope", value)
    if code is not None:
        return
    assert [item.code is None for item in message.recs] == [
        reference.verdict("record", r) for r in value["recs"]
    ]
    assert [reference.parse(item.raw) for item in message.recs] == value["recs"]
