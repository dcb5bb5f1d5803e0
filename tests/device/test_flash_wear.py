"""The limits that the flash log keeps, counted in the real interpreter; littlefs on the same trace."""

import pytest
from rich.progress import Progress

from simulators.bench.wear import AMPLIFICATION_LIMIT, ERASES_LIMIT, YEARS_LIMIT, Case, measure


def test_the_log_keeps_its_limits_over_a_lap_at_the_batches_of_a_truck() -> None:
    with Progress(disable=True) as progress:
        wear = measure(Case("ring", 16_000, 3, 1), progress)
    assert 1 / 54 <= wear.per_record <= ERASES_LIMIT, "no more than 53 records fit a sector"
    assert 1.19 <= wear.amplification <= AMPLIFICATION_LIMIT
    assert wear.years >= YEARS_LIMIT
    assert wear.most_worn == 2, "every sector in turn"
    assert wear.sound


@pytest.mark.parametrize(("each", "least"), [(1, 1.0), (16, 1 / 16)])
def test_littlefs_erases_for_each_flush(each: int, least: float) -> None:
    with Progress(disable=True) as progress:
        wear = measure(Case(each, 400, 20, 1), progress)
    assert wear.per_record >= least
    assert wear.amplification > 2 * AMPLIFICATION_LIMIT
