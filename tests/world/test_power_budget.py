"""The power budget: made from data, shown as it is, and near what the real firmware takes."""

import pytest

from simulators.bench import winter
from simulators.bench.budget import BEGIN, BOARDS, END, PAGE, budget, table, usage


def test_the_page_shows_the_budget_as_it_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = text.split(BEGIN, 1)[1].split(END, 1)[0].splitlines()
    made = table([budget(name, usage()) for name in BOARDS])
    assert shown == made, "python -m simulators.bench.budget --write"


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_lives_through_a_hazy_december(name: str) -> None:
    made = budget(name, usage())
    assert made.sun_mwh > 1.5 * made.total
    assert made.dark_days > 14


def test_the_budget_is_near_the_real_firmwares_day() -> None:
    found = winter.winter(1, 0, 1, 0, 0.9, 12_000, lambda _ms: None)
    made = budget("bin-s3", usage())
    assert sum(found.spent_mwh.values()) == pytest.approx(made.total, rel=0.1)
    for name in ("chip", "radio", "reader"):
        assert found.spent_mwh[name] == pytest.approx(made.used[name], rel=0.35), name
