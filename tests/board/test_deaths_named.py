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
