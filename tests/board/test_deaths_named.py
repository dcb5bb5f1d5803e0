"""Each of the twelve deaths once, in the real firmware. Many of each: `make sweep-deaths`."""

import pytest

from simulators.sweep.deaths.trial import DEATHS, Trial


def test_there_are_twelve() -> None:
    assert len(DEATHS) == 12


@pytest.mark.parametrize("death", DEATHS)
def test_records_and_black_box_name_the_right_cause(death: str) -> None:
    outcome = Trial(seed=1, death=death, number=1).play()
    assert outcome.happened
    assert outcome.right, f"{outcome.cause}; black box: {outcome.box}\n{outcome.words}"


def test_damage_met_by_the_last_write_of_a_wake_is_told() -> None:
    """After the look, and after the upload: the mark of what the gateway has got falls on bad sectors."""
    outcome = Trial(seed=515162, death="flash", number=37).play()
    assert outcome.happened
    assert outcome.cause == "log-damaged"
