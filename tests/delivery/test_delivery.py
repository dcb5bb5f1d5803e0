"""What is done about each answer of the server, without a server."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.writer.delivery import Answer, Convict, Delivery, Kind, judge


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


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"code":"invalid","message":"no such field"}', "no such field"),
        ("<html><h1>502 Bad\n Gateway</h1></html>", "502 Bad Gateway"),
        ("[1]", "[1]"),
        ("\ud800", "\ud800"),
        ("", ""),
        ("x" * 10_000, "x" * 500),
    ],
)
def test_the_servers_words_are_what_a_person_wants_to_read(body: str, words: str) -> None:
    assert judge(502, body).words == words


class Influx:
    """Refuses lines as InfluxDB does: 400 for what it cannot read, and nothing is written; 422 for what it
    drops, and the rest of the body is written or not, as it pleases. `tells`: with the words of the real one.
    """

    def __init__(
        self,
        bad: set[str] | None = None,
        dropped: set[str] | None = None,
        limit: int = 2**40,
        tells: bool = True,
    ) -> None:
        self.bad, self.dropped, self.limit, self.tells = bad or set(), dropped or set(), limit, tells
        self.taken: Counter[str] = Counter()
        self.requests = 0
        self.bytes = 0

    def write(self, body: bytes) -> Answer:
        self.requests += 1
        self.bytes += len(body)
        if len(body) > self.limit:
            return judge(413, "too large")
        lines = body.decode().split("\n")
        if bad := [line for line in lines if line in self.bad]:
            words = "\n".join(f"unable to parse '{line}': invalid number" for line in bad)
            return judge(400, json.dumps({"message": words if self.tells else "bad line"}))
        if dropped := [line for line in lines if line in self.dropped]:
            words = (
                'partial write: field type conflict: input field "temp_dc" on'
                f' measurement "reading" is type integer, already exists as type float dropped={len(dropped)}'
            )
            return judge(422, json.dumps({"message": words if self.tells else "some dropped"}))
        self.taken.update(lines)
        return judge(204, "")


def lines(count: int, with_temp: Sequence[int] = ()) -> list[str]:
    return [
        f"reading,device=d{n} seq={n}i{',temp_dc=1i' if n in with_temp else ''} {n}" for n in range(count)
    ]


def deliver(
    batch: Sequence[str], write: Callable[[bytes], Answer], proof: str | None = None
) -> Delivery | Answer:
    delivery = Delivery(batch, proof)
    return delivery.run(write) or delivery


@given(
    count=st.integers(1, 60),
    bad=st.sets(st.integers(0, 59), max_size=8),
    dropped=st.sets(st.integers(0, 59), max_size=8),
    limit=st.integers(40, 2000),
    tells=st.booleans(),
)
def test_only_the_guilty_lines_are_convicted_and_all_others_taken(
    count: int, bad: set[int], dropped: set[int], limit: int, tells: bool
) -> None:
    batch = lines(count, sorted(dropped))
    server = Influx(
        {batch[n] for n in bad if n < count}, {batch[n] for n in dropped if n < count}, limit, tells
    )
    guilty = server.bad | server.dropped
    result = deliver(batch, server.write, proof="proof 0")
    assert isinstance(result, Delivery)
    assert result.done
    assert {line for line in server.taken if line != "proof 0"} == set(batch) - guilty
    assert {batch[convict.place] for convict in result.convicts} == guilty
    assert len(result.convicts) == len(guilty)
    for convict in result.convicts:
        assert convict.status == (400 if batch[convict.place] in server.bad else 422)


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("share", [1, 100])
def test_five_thousand_lines_cost_few_requests_however_many_are_guilty(share: int, tells: bool) -> None:
    """1 % and 100 %; a server that says nothing useful costs no more than parting must."""
    count = 5000
    guilty = range(0, count, 100 // share)
    batch = lines(count, guilty)
    server = Influx(dropped={batch[n] for n in guilty}, tells=tells)
    result = deliver(batch, server.write)
    assert isinstance(result, Delivery)
    assert [convict.place for convict in sorted(result.convicts, key=lambda one: one.place)] == list(guilty)
    if tells:
        assert server.requests <= 3
    else:
        k = len(guilty)
        assert server.requests <= 2 * k * (ceil(log2(count / k)) + 1)
        assert server.bytes <= len("\n".join(batch)) * (ceil(log2(count)) + 1)


def test_points_outside_the_retention_are_found_by_their_age() -> None:
    batch = lines(5000)
    old = set(batch[:700])

    def write(body: bytes) -> Answer:
        requests.append(body)
        found = [line for line in body.decode().split("\n") if line in old]
        if not found:
            return judge(204, "")
        return judge(
            422,
            f"partial write: dropped {len(found)} points outside retention policy of duration 1h0m0s"
            f" dropped={len(found)} for database: 1f for retention policy: autogen",
        )

    requests: list[bytes] = []
    result = deliver(batch[::-1], write)
    assert isinstance(result, Delivery)
    assert {4999 - convict.place for convict in result.convicts} == set(range(700))
    assert len(requests) <= 3


def test_a_guess_that_is_wrong_convicts_nobody() -> None:
    """The field is in conflict in one of the batch's shards alone, so most lines that carry it are good."""
    batch = lines(1000, range(1000))
    server = Influx(dropped=set(batch[400:410]))
    result = deliver(batch, server.write)
    assert isinstance(result, Delivery)
    assert [convict.place for convict in result.convicts] == list(range(400, 410))
    assert set(server.taken) == set(batch) - server.dropped
    assert server.requests < 40


def test_a_400_for_every_line_convicts_none_without_a_line_that_is_taken() -> None:
    result = deliver(["a 1", "b 2", "c 3"], lambda _: judge(400, "no such precision"), proof="p 0")
    assert isinstance(result, Answer)
    assert result.kind is Kind.STOP
    assert "no such precision" in result.words
    alone = deliver(["a 1"], lambda _: judge(400, "no such precision"))
    assert isinstance(alone, Answer)


@pytest.mark.parametrize("aged", [False, True])
def test_a_400_for_every_line_convicts_all_beside_a_proof_that_the_server_takes(aged: bool) -> None:
    batch = lines(3)

    def write(body: bytes) -> Answer:
        if body == b"proof 0":
            return judge(422, "outside retention dropped=1") if aged else judge(204, "")
        return judge(400, "bad line")

    result = deliver(batch, write, proof="proof 0")
    assert isinstance(result, Delivery)
    assert result.convicts == [Convict(place, 400, "bad line") for place in range(3)]


def test_after_a_stop_for_want_of_proof_the_same_lines_can_be_tried_again() -> None:
    delivery = Delivery(["a 1", "b 2"])
    answers = [judge(400, "proxy")] * 3 + [judge(204, "")] * 2
    outcomes = [(delivery.run(lambda _: answers.pop(0)), delivery.done) for _ in range(2)]
    assert [(answer is None, done) for answer, done in outcomes] == [(False, False), (True, True)]
    assert delivery.convicts == []


def test_a_line_that_is_too_large_alone_is_convicted() -> None:
    result = deliver(["x" * 50, "ok"], Influx(limit=10).write)
    assert isinstance(result, Delivery)
    assert [(c.place, c.status) for c in result.convicts] == [(0, 413)]


@pytest.mark.parametrize("status", [401, 503])
def test_an_answer_that_is_not_about_lines_pauses_and_the_same_bytes_follow(status: int) -> None:
    answers = iter([judge(413, ""), judge(204, ""), judge(status, "why"), judge(204, "")])
    bodies: list[bytes] = []

    def write(body: bytes) -> Answer:
        bodies.append(body)
        return next(answers)

    delivery = Delivery(["a", "b"])
    paused = delivery.run(write)
    assert paused is not None
    assert (paused.status, paused.words) == (status, "why")
    assert delivery.run(write) is None
    assert bodies == [b"a\nb", b"a", b"b", b"b"]


def test_parting_goes_on_where_it_stopped_so_that_others_get_their_turn() -> None:
    batch = lines(64)
    server = Influx(dropped={batch[n] for n in range(0, 64, 3)}, tells=False)
    delivery = Delivery(batch)
    turns = 0
    while not delivery.done:
        before = server.requests
        assert delivery.run(server.write, most=5) is None
        assert server.requests - before <= 5
        turns += 1
    assert turns > 5
    assert {batch[convict.place] for convict in delivery.convicts} == server.dropped


def test_nothing_to_write_asks_nobody() -> None:
    def never(_: bytes) -> Answer:
        raise AssertionError

    delivery = Delivery([])
    assert delivery.run(never) is None
    assert delivery.done
