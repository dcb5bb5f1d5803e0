"""What a time server may say, and what several of them say together. Without a network."""

import random
import struct

import pytest
from edge.errors import EdgeError
from edge.link.ntp import KissError, agree, decode, request
from hypothesis import given
from hypothesis import strategies as st

from simulators.peers.ntp import reply

NONCE = b"12345678"
NOW_US = 1_790_000_000_000_000


def answer(now_us: int = NOW_US) -> bytes:
    found = reply(request(NONCE), now_us)
    assert found is not None
    return found


def patched(at: int, data: bytes) -> bytes:
    whole = answer()
    return whole[:at] + data + whole[at + len(data) :]


def test_the_time_is_the_servers_plus_half_the_way() -> None:
    assert decode(answer(), NONCE, 80) == (1_790_000_000_040, 40 + 1 + 1)


def test_the_servers_own_distance_counts() -> None:
    far = patched(4, struct.pack(">II", 32768, 6554))  # 0.5 s root delay, 0.1 s dispersion
    assert decode(far, NONCE, 0)[1] == 250 + 100 + 2


@pytest.mark.parametrize("era", [2_085_978_495_000_000, 2_085_978_496_500_000, 2_524_608_000_000_000])
def test_times_after_2036_are_read(era: int) -> None:
    assert decode(answer(era), NONCE, 0)[0] == era // 1000


@pytest.mark.parametrize(
    ("what", "bad"),
    [
        ("short", answer()[:47]),
        ("mode 3", patched(0, b"\x23")),
        ("leap 3", patched(0, b"\xe4")),
        ("stratum 16", patched(1, b"\x10")),
        ("other nonce", patched(24, b"87654321")),
        ("sent at zero", patched(40, bytes(8))),
        ("root delay 4 s", patched(4, struct.pack(">I", 4 << 16))),
        ("root dispersion 2 s", patched(8, struct.pack(">I", 2 << 16))),
        ("sent before received", patched(32, struct.pack(">I", 0xFFFFFF00))),
        ("received long before sent", patched(32, bytes(8))),
    ],
)
def test_what_is_no_good_answer_is_refused(what: str, bad: bytes) -> None:
    with pytest.raises(EdgeError) as error:
        decode(bad, NONCE, 80)
    assert error.value.code == "ntp-bad-answer", what


def test_a_round_trip_that_says_too_little_is_refused() -> None:
    with pytest.raises(EdgeError, match="round trip"):
        decode(answer(), NONCE, 2500)


@pytest.mark.parametrize("word", ["RATE", "DENY", "RSTR"])
def test_a_kiss_of_death_is_told_by_its_word(word: str) -> None:
    with pytest.raises(KissError) as error:
        decode(patched(1, b"\0")[:12] + word.encode() + answer()[16:], NONCE, 10)
    assert (error.value.code, error.value.word) == ("ntp-kiss", word)


@given(st.binary(max_size=80))
def test_no_bytes_do_more_than_a_refusal(data: bytes) -> None:
    for whole in (data, answer()[:24] + NONCE + data):
        try:
            utc_ms, error_ms = decode(whole, NONCE, 100)
        except EdgeError:
            continue  # any other exception fails the test
        assert utc_ms > 1_735_000_000_000
        assert error_ms > 0


ERROR = st.integers(0, 2000)
TRUE = st.tuples(st.integers(-100, 100), ERROR).map(lambda pair: (pair[0] * pair[1] // 100, pair[1]))
FALSE = st.tuples(st.integers(10_000, 10**6), ERROR)  # further from the truth than any error reaches


@given(st.lists(TRUE, min_size=2, max_size=4), st.lists(FALSE, max_size=1), st.randoms())
def test_a_majority_of_true_servers_brackets_the_truth(
    true: list[tuple[int, int]], false: list[tuple[int, int]], order: random.Random
) -> None:
    samples = true + false
    order.shuffle(samples)
    offset, error, witnesses = agree(samples)
    assert witnesses == len(true)
    assert abs(offset) <= error + 1, "the truth is 0"


@given(st.integers(0, 10**7), ERROR, ERROR)
def test_a_clock_that_knows_better_than_its_server_is_a_witness(at: int, error: int, own: int) -> None:
    assert agree([(at, error)], (at, own)) == (at, error, 2)


def test_two_servers_that_disagree_have_one_witness_and_the_own_clock_decides() -> None:
    samples = [(0, 50), (3_600_000, 50)]
    assert agree(samples)[2] == 1
    offset, error, witnesses = agree(samples, (3_599_000, 2000))
    assert (offset, error, witnesses) == (3_600_000, 50, 2), "and its own bound adds nothing to the result"


def test_answers_that_overlap_are_worth_more_than_each() -> None:
    assert agree([(0, 100), (150, 100)]) == (75, 25, 2)
    assert agree([(7, 9)]) == (7, 9, 1)
