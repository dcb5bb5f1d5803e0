"""DNS without trust: only the answer to this question counts, and no bytes lead anywhere but to a name."""

import pytest
from edge.errors import EdgeError
from edge.link.dns import decode, numeric, query
from hypothesis import given
from hypothesis import strategies as st

NUMBER = b"\x12\x34"
NAME = "broker.example.org"
A = b"\x00\x01\x00\x01"


def answer(records: bytes, count: int, *, number: bytes = NUMBER, name: str = NAME, code: int = 0) -> bytes:
    """A name server's answer with these resource records."""
    question: bytes = query(number, name)[12:]
    head = number + bytes([0x81, 0x80 | code]) + b"\0\1" + count.to_bytes(2, "big") + b"\0" * 4
    return head + question + records


def record(address: bytes, kind: bytes = A, name: bytes = b"\xc0\x0c") -> bytes:
    return name + kind + b"\0\0\0\x3c" + len(address).to_bytes(2, "big") + address


def test_a_query_is_what_the_standard_says() -> None:
    assert query(NUMBER, "a.bc") == b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\1a\2bc\0\0\1\0\1"


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".org", ".".join(["label"] * 60)])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(EdgeError, match="dns-bad-name"):
        query(NUMBER, name)


def test_addresses_come_in_their_order_and_aliases_are_passed_over() -> None:
    alias = record(b"\3cdn\xc0\x13", b"\x00\x05\x00\x01")
    records = alias + record(b"\x0a\0\0\1", name=b"\3cdn\xc0\x13") + record(b"\x0a\0\0\2")
    assert decode(answer(records, 3), NUMBER, NAME) == ["10.0.0.1", "10.0.0.2"]
    assert decode(answer(records, 3, name=NAME.upper()), NUMBER, NAME) == ["10.0.0.1", "10.0.0.2"]


def test_an_answer_to_another_question_is_no_answer() -> None:
    good = record(b"\x0a\0\0\1")
    for wrong in (
        answer(good, 1, number=b"\0\0"),
        answer(good, 1, name="other.example.org"),
        query(NUMBER, NAME),
    ):
        with pytest.raises(EdgeError, match="dns-bad-answer"):
            decode(wrong, NUMBER, NAME)


@pytest.mark.parametrize(("code", "name"), [(3, "dns-unknown-name"), (2, "dns-failed"), (5, "dns-failed")])
def test_failures_have_names(code: int, name: str) -> None:
    with pytest.raises(EdgeError, match=name):
        decode(answer(b"", 0, code=code), NUMBER, NAME)


def test_an_answer_without_an_address_is_told() -> None:
    with pytest.raises(EdgeError, match="no IPv4"):
        decode(answer(record(b"\0" * 16, b"\x00\x1c\x00\x01"), 1), NUMBER, NAME)


@given(st.binary(max_size=120), st.integers(0, 20))
def test_any_bytes_are_an_answer_or_an_error_by_name(records: bytes, count: int) -> None:
    for data in (answer(records, count), records):
        try:
            for address in decode(data, NUMBER, NAME):
                assert numeric(address)
        except EdgeError as error:
            assert error.code.startswith("dns-")  # noqa: PT017


@given(st.integers(0, 80))
def test_an_answer_cut_short_gives_what_came_whole(length: int) -> None:
    whole = answer(record(b"\x0a\0\0\1") + record(b"\x0a\0\0\2"), 2)
    try:
        found = decode(whole[:length], NUMBER, NAME)
    except EdgeError:
        found = []
    assert found == ["10.0.0.1", "10.0.0.2"][: len(found)]


@pytest.mark.parametrize(
    ("host", "is_one"), [("10.0.0.1", True), ("256.1.1.1", False), ("a.b.c.d", False), ("1.2.3", False)]
)
def test_what_is_an_address_already(host: str, is_one: bool) -> None:
    assert numeric(host) is is_one
