"""Who may use which bay now: each reason by itself, their order, and that nothing is refused without one."""

from typing import Any

import pytest
from edge.app import text
from edge.app.admission import Admission, BayState, decide
from edge.app.token import Ticket
from edge.measure.hours import Hours
from hypothesis import given
from hypothesis import strategies as st

NOON_MS = 1_790_049_600_000  # 2026-09-22T12:00+08:00, a Tuesday
HOUR_MS = 3_600_000
HOURS = Hours({"utc_min": 480, "week": {"mon-sun": ["06:30-09:00", "18:00-21:00"]}})
RESIDENT, CREW = Ticket("123456789012"), Ticket("C0DE1", crew=True)
SCALE_FAULTS = ["scale-silent", "scale-at-rail", "scale-garbled", "scale-stuck", "scale-no-excitation"]


def bay(number: int, **state: Any) -> BayState:
    return BayState(number, (f"scale{number - 1}", f"lock{number - 1}", f"ranger{number - 1}"), **state)


def ask(ticket: Ticket = RESIDENT, now_ms: int | None = NOON_MS, **more: Any) -> Admission:
    given = {"trusted": True, "hours": None, "bays": [bay(1), bay(2)], "battery": True, "faults": [], **more}
    return decide(
        now_ms, given["trusted"], given["hours"], given["bays"], given["battery"], given["faults"], ticket
    )


def test_a_healthy_bin_serves_all_bays() -> None:
    found = ask()
    assert (found.bays, found.unweighed, found.code, found.next_ms, found.held) == (
        [1, 2],
        [],
        None,
        None,
        False,
    )


@pytest.mark.parametrize(
    ("more", "resident", "crew"),
    [
        ({"faults": ["temperature overheated"]}, "overheated", "overheated"),
        ({"faults": ["thermostat overheated"]}, "overheated", "overheated"),
        ({"battery": False}, "battery-low", "battery-low"),
        ({"faults": ["log log-full"]}, "log-full", "log-full"),
        ({"hours": HOURS}, "closed", None),
        ({"bays": [bay(1, closed=False), bay(2, closed=False)]}, "door-open", "door-open"),
        ({"bays": [bay(1, fill_pct=95)]}, "bay-full", None),
        ({"bays": [bay(1, fill_pct=80, full_pct=80)]}, "bay-full", None),
        ({"bays": [bay(1)], "faults": ["scale0 scale-overload"]}, "bay-full", None),
        *(({"bays": [bay(1)], "faults": [f"scale0 {code}"]}, "under-repair", None) for code in SCALE_FAULTS),
        ({"bays": [bay(1, fill_pct=94)]}, None, None),
        (
            {
                "bays": [bay(1)],
                "faults": ["scale1 scale-silent", "lock0 lock-jammed", "ranger0 ranger-silent"],
            },
            None,
            None,
        ),
    ],
)
def test_each_reason(more: dict[str, Any], resident: str | None, crew: str | None) -> None:
    for ticket, code in ((RESIDENT, resident), (CREW, crew)):
        found = ask(ticket, **more)
        assert found.code == code
        assert bool(found.bays) == (code is None)


def test_a_refused_token_is_refused_whatever_else_holds_but_fire() -> None:
    bad = Ticket(None, "token-forged")
    assert ask(bad, hours=HOURS, battery=False).code == "token-forged"
    assert ask(bad, faults=["temperature overheated"]).code == "overheated"


def test_closed_says_when_it_opens() -> None:
    found = ask(hours=HOURS)
    assert found.next_ms == NOON_MS + 6 * HOUR_MS
    assert found.next_ms is not None
    assert text.refusal("closed", text.when(found.next_ms, NOON_MS, 480)) == (
        "现在不开放", "今天18:00开放", "Closed now", "Opens 18:00 today",
    )  # fmt: skip


def test_without_a_trusted_clock_the_last_trusted_rule_holds_and_is_said_to() -> None:
    closed = ask(hours=HOURS, trusted=False)
    assert (closed.code, closed.next_ms, closed.held) == ("closed", None, True)
    opened = ask(now_ms=NOON_MS + 6 * HOUR_MS, hours=HOURS, trusted=False)
    assert (opened.bays, opened.held) == ([1, 2], True)
    never = ask(now_ms=None, hours=HOURS, trusted=False)
    assert (never.bays, never.held) == ([1, 2], True)
    assert not ask(trusted=False).held, "no hours, nothing to hold"


def test_the_other_bay_serves_on() -> None:
    found = ask(bays=[bay(1, fill_pct=100), bay(2)])
    assert (found.bays, found.code) == ([2], None)
    found = ask(bays=[bay(1), bay(2)], faults=["scale1 scale-at-rail"])
    assert (found.bays, found.code) == ([1], None)


def test_of_several_reasons_the_one_that_people_can_do_something_about() -> None:
    bays = [bay(1), bay(2, fill_pct=99), bay(3, closed=False)]
    assert ask(bays=bays, faults=["scale0 scale-silent"]).code == "door-open"
    assert ask(bays=bays[:2], faults=["scale0 scale-silent"]).code == "bay-full"


@pytest.mark.parametrize("code", ["scale-contact", "scale-jumps", "scale-noisy", "uncalibrated"])
def test_a_scale_that_cannot_be_believed_sells_no_weight_but_the_bin_works(code: str) -> None:
    found = ask(faults=[f"scale0 {code}"])
    assert (found.bays, found.unweighed) == ([1, 2], [1])
    assert ask(bays=[bay(1, calibrated=False)]).unweighed == [1]
    assert ask(CREW, faults=["scale1 scale-silent"]).unweighed == [2]


PARTS = ["scale0", "scale1", "lock0", "lock1", "ranger0", "log", "battery", "temperature", "reader"]
CODES = [
    *SCALE_FAULTS,
    "scale-overload",
    "scale-contact",
    "lock-jammed",
    "log-full",
    "overheated",
    "battery-low",
]
FAULTS = st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from(CODES)).map(" ".join), max_size=5)
BAYS = st.lists(
    st.builds(
        bay,
        st.integers(1, 2),
        closed=st.booleans(),
        fill_pct=st.none() | st.integers(0, 100),
        calibrated=st.booleans(),
    ),
    max_size=4,
)
TICKETS = st.sampled_from([RESIDENT, CREW, Ticket(None, "token-unread"), Ticket("x", "token-used")])


@given(
    TICKETS,
    st.none() | st.integers(0, 2**41),
    st.booleans(),
    st.sampled_from([None, HOURS]),
    BAYS,
    st.booleans(),
    FAULTS,
)
def test_either_a_bay_or_a_reason_that_can_be_read(
    ticket: Ticket,
    now_ms: int | None,
    trusted: bool,
    hours: Any,
    bays: list[BayState],
    battery: bool,
    faults: list[str],
) -> None:
    if now_ms is None:
        trusted = False
    found = decide(now_ms, trusted, hours, bays, battery, faults, ticket)
    assert bool(found.bays) != bool(found.code)
    assert set(found.unweighed) <= set(found.bays) <= {one.number for one in bays if one.closed}
    if found.code:
        assert f"\n{found.code}\n" in text.REFUSALS
    if found.bays:
        assert battery
        assert ticket.code is None
        assert "temperature overheated" not in faults
    assert found.next_ms is None or (found.code == "closed" and trusted and found.next_ms > (now_ms or 0))
