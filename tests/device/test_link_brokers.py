"""Which broker is tried when: home first, the one that works next, home again after an hour."""

from typing import Any

import pytest
from edge.errors import EdgeError
from edge.link.brokers import HOME_MS, MOST, Brokers, port
from hypothesis import given
from hypothesis import strategies as st

LIST = [{"host": f"b{n}"} for n in range(3)]


def test_one_broker_alone_is_a_list_of_one() -> None:
    assert Brokers({"host": "b", "port": 1}, {}).order(5) == [0]


@pytest.mark.parametrize("given", [[], [{}], ["x"], [{"host": ""}], LIST * 2])
def test_a_list_that_cannot_be_is_refused_by_name(given: Any) -> None:
    with pytest.raises(EdgeError, match="settings-broker"):
        Brokers(given, {})


def test_the_usual_ports() -> None:
    assert [port({"host": "b"}), port({"host": "b", "tls": True}), port({"port": 9})] == [1883, 8883, 9]


def test_a_unit_stays_with_what_works_and_goes_home_after_an_hour_also_over_a_sleep() -> None:
    note: dict[str, Any] = {}
    brokers = Brokers(LIST, note)
    assert brokers.order(0) == [0, 1, 2]
    brokers.chosen(1, 1_000)
    assert brokers.order(2_000) == [1, 2, 0]
    again = Brokers(LIST, note)  # after a deep sleep
    assert again.order(HOME_MS) == [1, 2, 0]
    assert not again.homesick(HOME_MS)
    assert again.homesick(1_000 + HOME_MS)
    assert again.order(1_000 + HOME_MS) == [0, 1, 2]
    again.chosen(1, 1_000 + HOME_MS)  # home is still away: another hour
    assert not again.homesick(1_000 + HOME_MS)
    again.chosen(0, 2 * HOME_MS)
    assert note == {}


def test_a_broker_that_lets_in_and_serves_nothing_is_left_for_the_next() -> None:
    brokers = Brokers(LIST, {})
    brokers.chosen(0, 0)
    brokers.useless(0, 10)
    assert brokers.order(20) == [1, 2, 0]
    brokers.useless(1, 30)
    brokers.useless(2, 40)
    assert brokers.order(50) == [0, 1, 2]


@given(
    st.integers(1, MOST),
    st.lists(st.tuples(st.sampled_from("cu"), st.integers(0, 3), st.integers(-(10**8), 10**8))),
)
def test_whatever_happens_every_broker_is_in_the_order_once(
    n: int, steps: list[tuple[str, int, int]]
) -> None:
    """Also when the clock is stepped back."""
    brokers = Brokers([{"host": "b"}] * n, {})
    now = 10**12
    for what, place, step in steps:
        now += step
        (brokers.chosen if what == "c" else brokers.useless)(place % n, now)
        assert sorted(brokers.order(now)) == list(range(n))
        assert not (brokers.homesick(now) and brokers.order(now)[0])


def test_a_list_that_became_shorter_does_not_point_beyond_its_end() -> None:
    assert Brokers(LIST[:1], {"broker": 2, "away_ms": 0}).order(0) == [0]
