"""The AT engine: answers belong to their command, whatever else is on the line."""

import pytest
from edge.drivers.at import MAX_LINE, MAX_LINES, MAX_NEWS, At
from hypothesis import given, settings
from hypothesis import strategies as st

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)
LATE = st.sampled_from(
    [
        "OK",
        "ERROR",
        "+CME ERROR: 10",
        "+CSQ: 31,99",
        "NO CARRIER",
        "RDY",
        "CONNECT",
        "+CEREG: 1",
        "POWERED DOWN",
    ]
)


def asked(command: str = "AT+CSQ", prefix: str = "+CSQ") -> At:
    at = At()
    assert at.start(command, prefix) == command.encode() + b"\r"
    return at


def test_an_answer_is_what_stands_between_echo_and_result() -> None:
    at = asked()
    assert at.feed(b"AT+CSQ\r\r\n+CSQ: 21,99\r\n\r\nOK\r\n") == b""
    assert (at.done, at.result, at.lines, at.news) == (True, "OK", ["21,99"], [])


@given(
    st.lists(LATE, max_size=6), st.lists(LATE.filter(lambda t: "ERROR" not in t and t != "OK"), max_size=3)
)
def test_a_late_answer_is_never_taken_for_the_present_one(before: list[str], between: list[str]) -> None:
    between = [t for t in between if not t.startswith("+CSQ")]
    at = asked()
    at.feed("".join(f"\r\n{line}\r\n" for line in before).encode())
    assert not at.done
    stray = "".join(f"\r\n{line}\r\n" for line in between)
    at.feed(f"AT+CSQ\r{stray}\r\n+CSQ: 7,99\r\n{stray}\r\nOK\r\n".encode())
    assert (at.result, at.lines) == ("OK", ["7,99"])
    assert at.news == (before + between + between)[-MAX_NEWS:]


@given(st.integers(1, 7))
def test_bytes_come_in_pieces_of_any_size(size: int) -> None:
    at = asked("AT+CEREG?", "+CEREG")
    stream = b"\r\nRDY\r\nAT+CEREG?\r\r\n+CEREG: 0,5\r\n\r\n+QIND: SMS DONE\r\n\r\nOK\r\n"
    for start in range(0, len(stream), size):
        at.feed(stream[start : start + size])
    assert (at.done, at.result, at.lines) == (True, "OK", ["0,5"])
    assert at.news == ["RDY", "+QIND: SMS DONE"]


def test_what_follows_connect_belongs_to_the_data_connection() -> None:
    at = asked("ATD*99***1#", "")
    assert at.feed(b"ATD*99***1#\r\r\nCONNECT 150000000\r\n~\xff}#\xc0!") == b"~\xff}#\xc0!"
    assert (at.done, at.result) == (True, "CONNECT")
    assert at.feed(b"\r\nNO CARRIER\r\n") == b""
    assert at.news == ["NO CARRIER"]


def test_only_a_dial_can_connect_or_fail_as_a_call_does() -> None:
    at = asked()
    at.feed(b"AT+CSQ\r\r\nNO CARRIER\r\nCONNECT\r\n")
    assert not at.done
    dial = asked("ATD*99***1#", "")
    dial.feed(b"ATD*99***1#\r\r\nNO CARRIER\r\n")
    assert (dial.done, dial.result) == (True, "NO CARRIER")


def test_noise_in_front_of_an_echo_does_not_hide_it() -> None:
    at = asked("AT", "")
    at.feed(b"\x00\xff~~AT\r\r\nOK\r\n")
    assert (at.done, at.result) == (True, "OK")
    assert at.noise == 2


def test_echo_off_is_found_out_by_ate1_alone() -> None:
    at = At()
    at.start("ATE1", blind=True)
    at.feed(b"\r\nOK\r\n")
    assert at.done
    at.start("AT")
    at.feed(b"\r\nOK\r\n")
    assert not at.done


def test_a_command_that_is_given_up_leaves_its_answer_to_nobody() -> None:
    at = asked()
    at.give_up()
    at.feed(b"AT+CSQ\r\r\n+CSQ: 9,99\r\n\r\nOK\r\n")
    assert at.lines == []
    assert "OK" in at.news


@pytest.mark.parametrize("result", ["ERROR", "+CME ERROR: 13", "+CMS ERROR: 500"])
def test_errors_are_results(result: str) -> None:
    at = asked()
    at.feed(f"AT+CSQ\r\r\n{result}\r\n".encode())
    assert (at.done, at.result, at.lines) == (True, result, [])


@settings(max_examples=300)
@given(st.lists(st.binary(max_size=300) | TEXT.map(str.encode) | LATE.map(lambda t: f"\r\n{t}\r\n".encode())))
def test_any_bytes_leave_it_bounded_and_able_to_answer(pieces: list[bytes]) -> None:
    at = asked("ATD*99***1#", "+X")
    for piece in pieces:
        at.feed(piece)
        assert len(at.news) <= MAX_NEWS
        assert len(at.lines) <= MAX_LINES
        assert len(at._line) <= MAX_LINE
        assert 0 <= at.noise <= 0xFFFF
    at.start("AT+CSQ", "+CSQ")
    at.feed(b"\r\nAT+CSQ\r\r\n+CSQ: 21,99\r\n\r\nOK\r\n")
    assert (at.done, at.result, at.lines) == (True, "OK", ["21,99"])
