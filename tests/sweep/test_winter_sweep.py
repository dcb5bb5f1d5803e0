"""`make sweep-winter` in a small form: two days of December, and that it can find what it looks for."""

from typing import Any

import pytest

from simulators.bench import winter


@pytest.fixture(scope="module")
def found() -> winter.Winter:
    """A hazy day and a dark one."""
    return winter.winter(2, 1, 1, 0, 0.5, 12_000, lambda _ms: None)


def test_nothing_is_lost_doors_open_and_the_ledger_is_right(found: winter.Winter) -> None:
    assert found.lost() == []
    assert found.opened(1) > 0
    assert not found.cuts
    # The bench ends in the middle of a sleep that nobody has booked: an hour of 31 days, but of two.
    assert abs(found.ledger_error_pct) < winter.LIMIT_PCT
    assert found.gained_mwh > 500


def test_a_weighing_that_is_missing_or_doubled_would_be_found(found: winter.Winter) -> None:
    deposits = [r for r in found.records if r["kind"] == "deposit"]

    def with_records(records: list[dict[str, Any]]) -> winter.Winter:
        return winter.Winter(2, 1, found.start_ms, truth=found.truth, records=records)

    assert len(with_records(deposits[1:]).lost()) == 1
    assert len(with_records([*deposits, deposits[-1]]).lost()) == 1
    wrong = {**deposits[0], "net_g": deposits[0]["net_g"] + 500}
    assert len(with_records([wrong, *deposits[1:]]).lost()) == 1


def test_the_table_names_each_day_and_each_consumer(found: winter.Winter) -> None:
    days = winter.table(found, 12_000)
    assert len(days) == 3
    assert "*" in days[2]
    assert {line.split()[0] for line in winter.ledger(found)} >= {
        "reader",
        "chip",
        "radio",
        "lock0",
        "scale0",
        "all",
    }
