"""The tables are what their script makes of the data sets, and the simulated city looks like them."""

import itertools
import statistics

import pytest

from simulators.world.data.derive import edinburgh, jersey, quantiles, tianjin, wyndham
from simulators.world.district import district
from simulators.world.geometry import distance_m
from simulators.world.kernel import Stream
from simulators.world.rounds import Stop, phase_ms, slot_of
from simulators.world.tables import from_quantiles, interpolate, lookup, table


def _fill(day: int, level: int, reason: str = "NOT_READY") -> dict[str, str]:
    return {"date": f"2020-03-{day:02d}", "serial": "1", "fullness_0_10": str(level), "reason": reason}


def test_wyndham_counts_rises_between_quiet_days_only() -> None:
    quiet = [_fill(1 + day, day % 8) for day in range(15)]  # seven rises of 1, a fall, six of 1
    assert wyndham(quiet)["fill_pct_per_day"] == [10.0]
    assert wyndham(quiet)["weekday_factor"] == [1.0] * 7
    noisy = [*quiet, _fill(16, 9, "ALERT"), _fill(17, 9), _fill(19, 10)]  # an alert on either side; a gap
    assert wyndham(noisy)["fill_pct_per_day"] == [10.0]


def test_edinburgh_shares_hours() -> None:
    rows = [
        {"time_europe_london": f"2016-06-03T{hour:02d}:10:00", "fill_before_pct": "80", "volume_l": "100"}
        for hour in (1, 1, 1, 8)
    ]
    derived = edinburgh(rows)
    assert derived["emptying_hour_permille"][1] == 750
    assert derived["emptying_hour_permille"][8] == 250
    assert set(derived["fill_at_emptying_pct_quantiles"]) == {80.0}


def test_jersey_leaves_bad_fixes_out() -> None:
    places = [40.70, 40.70, 40.705, 40.95, 40.705, 40.705, 40.71]
    rows = [
        {"truck": "1", "time_local": f"2015-12-10T07:{k:02d}:00", "lat": str(lat), "lon": "-74.1"}
        for k, lat in enumerate(places)
    ]
    rows += [dict(row, truck="2") for row in rows]
    assert max(jersey(rows)["minute_speed_kmh_quantiles"]) < 100


def test_tianjin_is_the_mean_of_each_hour() -> None:
    rows = [
        {"hour_start": f"2025-{m:02d}-{d:02d}T12:00+08:00", "ghi_clear_w_m2": str(400 + 100 * (d - 1))}
        for m in range(1, 13)
        for d in (1, 2)
    ]
    rows += [
        {"hour_start": f"2025-{m:02d}-01T{h:02d}:00+08:00", "ghi_clear_w_m2": "0"}
        for m in range(1, 13)
        for h in range(24)
        if h != 12
    ]
    assert tianjin(rows)["ghi_clear_w_m2"][0][12] == 450


def test_quantiles_come_back_as_drawn() -> None:
    drawn = [
        from_quantiles(Stream(k), table("edinburgh")["fill_at_emptying_pct_quantiles"]) for k in range(4000)
    ]
    told = table("edinburgh")["fill_at_emptying_pct_quantiles"]
    assert quantiles(drawn)[10] == pytest.approx(told[10], abs=3)
    assert min(drawn) >= told[0]
    assert max(drawn) <= told[-1]


def test_interpolation_is_clamped() -> None:
    assert interpolate([1.0, 3.0], -1) == 1.0
    assert interpolate([1.0, 3.0], 0.5) == 2.0
    assert interpolate([1.0, 3.0], 9) == 3.0
    points = [(0.0, 0.0), (1.0, 10.0)]
    assert [lookup(points, x) for x in (-1.0, 0.25, 2.0)] == [0.0, 2.5, 10.0]


def test_crews_come_at_edinburghs_hours_and_fills() -> None:
    plan = district(5)
    start = 1_774_800_000_000
    hours: list[int] = []
    fills: list[float] = []
    for device in ("bin-001", "bin-012", "bin-023", "bin-034", "bin-045", "bin-056"):
        index = plan.site_index(device)
        speed = max(bay.fill_pct_per_day for bay in plan.bins[index].bays)
        after, before = start, None
        for _ in range(12):
            due = plan.collection(index, after)
            assert due is not None
            if before is not None:
                fills.append((due.t - before) / 86_400_000 * speed)
            hours.append(slot_of(due.t, phase_ms(plan.town, plan.town.sites[index].zone)) % 12)
            after = before = due.t
    told = table("edinburgh")["emptying_hour_permille"]
    busy = {slot for slot in range(12) if told[2 * slot] + told[2 * slot + 1] > 80}
    assert sum(hour in busy for hour in hours) > len(hours) * 0.6
    assert 55 < statistics.median(fills) < 100


def test_trucks_stop_and_go_like_jerseys() -> None:
    plan = district(5)
    speeds: list[float] = []
    for truck in range(0, 12, 2):
        planned = plan.rounds.round(truck, 246_000)
        end = next(i.t0 for i in planned.items if isinstance(i, Stop) and i.kind == "gross")
        minutes = range(planned.start + 600_000, end, 60_000)
        points = [planned.at(t, plan.town).point for t in minutes]
        metres = [distance_m(a, b) for a, b in itertools.pairwise(points)]
        speeds += [m * 0.06 for m in metres if m >= 20]
    ours, told = quantiles(speeds), table("jersey")["minute_speed_kmh_quantiles"]
    for k in (5, 10, 15, 19):
        assert 0.4 * told[k] < ours[k] < 1.6 * told[k]
