"""What a modem's answers mean, and how far the cures go."""

import pytest
from edge.link import cell
from hypothesis import given
from hypothesis import strategies as st

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
SAID = st.lists(TEXT, max_size=4)


@pytest.mark.parametrize(
    ("lines", "error", "state"),
    [
        (["READY"], "", "ready"),
        (["SIM PIN"], "", "sim-pin"),
        (["SIM PUK"], "", "sim-puk"),
        (["NOT INSERTED"], "", "sim-missing"),
        ([], "+CME ERROR: 10", "sim-missing"),
        ([], "+CME ERROR: 13", "sim-failure"),
        ([], "+CME ERROR: 14", ""),  # busy: not yet
        ([], "ERROR", ""),
        ([], "", ""),
    ],
)
def test_the_state_of_the_card(lines: list[str], error: str, state: str) -> None:
    assert cell.sim_state(lines, error) == state


@pytest.mark.parametrize(
    ("said", "state"), [("0,1", 1), ("0,5", 5), ("2,3", 3), ('2,1,"5A1B","0C3F2A01",7', 1), ("1", 0), ("", 0)]
)
def test_registration(said: str, state: int) -> None:
    assert cell.registration([said]) == state


@pytest.mark.parametrize(("said", "dbm"), [("0,99", -113), ("31,99", -51), ("21,99", -71), ("99,99", None)])
def test_signal(said: str, dbm: int | None) -> None:
    assert cell.signal_dbm([said]) == dbm


@pytest.mark.parametrize(("said", "tries"), [("SIM PIN,3,3", 3), ("SIM PIN,1,3", 1), ("SIM PIN", 0), ("", 0)])
def test_tries_that_a_card_allows(said: str, tries: int) -> None:
    assert cell.pin_tries([said]) == tries


@given(SAID, TEXT)
def test_nonsense_is_never_good_news(lines: list[str], error: str) -> None:
    if lines[:1] != ["READY"] or error:
        assert cell.sim_state(lines, error) != "ready"
    assert cell.registration(lines) >= 0
    dbm = cell.signal_dbm(lines)
    assert dbm is None or -113 <= dbm <= -51
    assert cell.pin_tries(lines) >= 0


def test_cures_climb_and_then_become_ever_more_seldom() -> None:
    rungs = [cell.rung(fails) for fails in range(2000)]
    assert rungs[:5] == [cell.KEEP_TRYING, cell.RADIO, cell.KEY, cell.KEEP_TRYING, cell.SUPPLY]
    assert [fails for fails, rung in enumerate(rungs) if rung == cell.SUPPLY] == [2**k for k in range(2, 11)]
    assert cell.rung(-1) == cell.KEEP_TRYING
