"""What is missing in the middle of a log is asked for: not at once, again and again, ever more seldom."""

from itertools import pairwise

from gateway.intake.gaps import FIRST_S, LONGEST_S, Requests
from gateway.journal import Gap


def gap(first: int, device: str = "bin-001") -> Gap:
    return Gap(device, "0000abcd", first, first + 2, 0)


def test_a_gap_is_asked_for_after_a_while_and_ever_more_seldom() -> None:
    requests = Requests()
    asked = [second for second in range(4000) if requests.due([gap(5)], float(second))]
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert asked[0] == FIRST_S
    assert waits[:6] == [2 * FIRST_S * 2**n for n in range(6)]
    assert max(waits) == LONGEST_S
    assert requests.asked == len(asked)


def test_the_request_is_the_mark_below_the_first_gap_of_the_log() -> None:
    requests = Requests()
    gaps = [gap(5), gap(20), gap(1, "bin-002"), gap(0, "bin-003")]
    assert requests.due(gaps, 0.0) == {}
    assert requests.due(gaps, FIRST_S) == {("bin-001", "0000abcd"): 4, ("bin-002", "0000abcd"): 0}


def test_a_gap_that_closed_is_forgotten_and_the_next_one_has_its_own_time() -> None:
    requests = Requests()
    requests.due([gap(5)], 0.0)
    assert requests.due([gap(9)], FIRST_S) == {}
    assert requests.due([], FIRST_S + 1) == {}
    assert requests.due([gap(9)], FIRST_S + 2) == {}
    assert requests.due([gap(9)], 2 * FIRST_S + 2) == {("bin-001", "0000abcd"): 8}
