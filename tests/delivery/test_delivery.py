"""What is done about each answer of the server, without a server."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.writer.delivery import Answer, Delivered, Kind, deliver, judge


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Kind.TAKEN),
        (204, Kind.TAKEN),
        (301, Kind.STOP),
        (400, Kind.GUILTY),
        (401, Kind.STOP),
        (403, Kind.STOP),
        (404, Kind.STOP),
        (405, Kind.STOP),
        (413, Kind.SPLIT),
        (422, Kind.GUILTY),
        (429, Kind.LATER),
        (500, Kind.LATER),
        (503, Kind.LATER),
    ],
)
def test_each_status_asks_for_what_the_table_says(status: int, kind: Kind) -> None:
    assert judge(status, "words").kind is kind


@pytest.mark.parametrize(
    ("header", "after_s"),
    [
        ("7", 7.0),
        ("100000", 300.0),
        ("Fri, 21 Nov 2025 09:00:30 GMT", 30.0),
        ("Fri, 21 Nov 2025 08:00:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(header: str | None, after_s: float | None) -> None:
    assert judge(503, "", header, now_s=1_763_715_600.0).after_s == after_s


def server(
    limit: int, bad: set[bytes], taken: Counter[bytes], status: int = 422
) -> Callable[[bytes], Answer]:
    """A server that takes at most `limit` bytes and refuses bodies with a bad line whole."""

    def write(body: bytes) -> Answer:
        if len(body) > limit:
            return judge(413, "too large")
        lines = body.split(b"\n")
        guilty = [line for line in lines if line in bad]
        if guilty:
            return judge(status, f"cannot take {guilty[0].decode()}")
        taken.update(lines)
        return judge(204, "")

    return write


@given(
    count=st.integers(1, 60),
    bad=st.sets(st.integers(0, 59), max_size=12),
    limit=st.integers(4, 400),
    status=st.sampled_from((400, 422)),
)
def test_only_the_guilty_lines_are_convicted_and_all_others_taken_once(
    count: int, bad: set[int], limit: int, status: int
) -> None:
    lines = [b"l%03d" % n for n in range(count)]
    guilty = {lines[n] for n in bad if n < count}
    taken: Counter[bytes] = Counter()
    result = deliver(lines, server(limit, guilty, taken, status))
    assert taken == Counter(line for line in lines if line not in guilty)
    if status == 400 and len(guilty) == count > 1:
        assert isinstance(result, Answer)
        assert result.kind is Kind.STOP
    else:
        assert isinstance(result, Delivered)
        assert [lines[c.place] for c in result.convicts] == sorted(guilty)
        assert all(c.words == f"cannot take {lines[c.place].decode()}" for c in result.convicts)


def test_a_server_that_refuses_everything_convicts_nobody() -> None:
    result = deliver([b"a", b"b", b"c"], lambda _: judge(400, "no such precision"))
    assert isinstance(result, Answer)
    assert result.kind is Kind.STOP
    assert "no such precision" in result.words


def test_a_line_that_is_too_large_alone_is_convicted() -> None:
    result = deliver([b"x" * 50, b"ok"], server(10, set(), Counter()))
    assert isinstance(result, Delivered)
    assert [(c.place, c.status) for c in result.convicts] == [(0, 413)]


@pytest.mark.parametrize("status", [401, 503])
def test_an_answer_that_is_not_about_lines_ends_the_attempt(status: int) -> None:
    answers = iter([judge(413, ""), judge(204, ""), judge(status, "why")])
    result = deliver([b"a", b"b"], lambda _: next(answers))
    assert isinstance(result, Answer)
    assert (result.status, result.words) == (status, "why")


def test_nothing_to_write_asks_nobody() -> None:
    def never(_: bytes) -> Answer:
        raise AssertionError

    assert deliver([], never) == Delivered([])
