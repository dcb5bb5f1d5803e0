"""The sky over the district: never brighter than clear, dark at night, the same for everyone who asks."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.world.tables import table
from simulators.world.weather import HOUR_MS, Weather, local_hour

YEAR_MS = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp() * 1000) - 8 * HOUR_MS
instants = st.integers(YEAR_MS, YEAR_MS + 365 * 24 * HOUR_MS)


@given(instants)
def test_the_sun_shines_by_day_only(t_ms: int) -> None:
    light = Weather(1).ghi_w_m2(t_ms)
    assert 0 <= light <= 950
    if not 4 < local_hour(t_ms) < 20:
        assert light == 0


@given(instants)
def test_everyone_sees_the_same_sky(t_ms: int) -> None:
    here, there = Weather(7), Weather(7)
    there.ghi_w_m2(t_ms - 50 * HOUR_MS)
    assert (here.ghi_w_m2(t_ms), here.air_c(t_ms)) == (there.ghi_w_m2(t_ms), there.air_c(t_ms))


@given(instants)
def test_nothing_jumps(t_ms: int) -> None:
    sky = Weather(1)
    assert abs(sky.air_c(t_ms) - sky.air_c(t_ms + 60_000)) < 0.4
    assert abs(sky.ghi_w_m2(t_ms) - sky.ghi_w_m2(t_ms + 60_000)) < 30


@pytest.mark.parametrize("month", range(1, 13))
def test_a_month_has_less_light_than_a_clear_one(month: int) -> None:
    sky = Weather(3)
    start = int(datetime(2025, month, 1, tzinfo=UTC).timestamp() * 1000) - 8 * HOUR_MS
    got = sum(sky.ghi_w_m2(start + k * HOUR_MS // 2) for k in range(28 * 48)) / 2 / 28
    clear = sum(table("tianjin")["ghi_clear_w_m2"][month - 1])
    assert 0.4 * clear < got < 0.95 * clear


def test_winter_is_cold_and_summer_hot() -> None:
    sky = Weather(3)
    means = [
        sum(sky.air_c(int(datetime(2025, m, d, tzinfo=UTC).timestamp() * 1000)) for d in range(1, 29)) / 28
        for m in (1, 7)
    ]
    assert means[0] < 3
    assert means[1] > 22
