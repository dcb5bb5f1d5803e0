"""Whether the battery can finish a visit: never yes where a pull would brown the chip out."""

from edge.measure.door import FLOOR_MV
from edge.measure.supply import AWAKE_MJ, Supply
from hypothesis import given
from hypothesis import strategies as st

MV = st.integers(2500, 4300)
DC = st.one_of(st.none(), st.integers(-400, 700))


@given(MV, DC, st.integers(1, 4), st.integers(50, 2000), st.integers(100, 2000))
def test_yes_means_that_the_voltage_holds_under_the_bolt(
    rest_mv: int, temp_dc: int | None, bays: int, mohm: int, bolt_ma: int
) -> None:
    supply = Supply({"mohm": mohm, "bolt_ma": bolt_ma})
    if supply.can_serve(rest_mv, temp_dc, bays):
        assert supply.loaded_mv(rest_mv, temp_dc) > FLOOR_MV
        assert rest_mv - bolt_ma * mohm // 1000 > FLOOR_MV
        assert supply.left_mj(rest_mv) > AWAKE_MJ


@given(MV, MV, DC, st.integers(1, 4))
def test_more_voltage_never_serves_less(low: int, high: int, temp_dc: int | None, bays: int) -> None:
    supply = Supply({})
    low, high = sorted((low, high))
    assert supply.left_mj(low) <= supply.left_mj(high)
    assert supply.can_serve(low, temp_dc, bays) <= supply.can_serve(high, temp_dc, bays)


@given(st.integers(-400, 700), st.integers(-400, 700))
def test_the_cold_costs_voltage(a: int, b: int) -> None:
    supply = Supply({})
    cold, warm = sorted((a, b))
    assert supply.loaded_mv(3800, cold) <= supply.loaded_mv(3800, warm)


def test_the_usual_bin() -> None:
    supply = Supply({})
    assert supply.can_serve(3700, 200, 2)
    assert not supply.can_serve(3300, 200, 2), "3.12 V under the bolt"
    assert not supply.can_serve(3500, -200, 2), "the cold cell has thrice the resistance"
    assert supply.can_serve(3700, -200, 4)
    assert supply.can_serve(None, None, 4), "no divider fitted: mains"
    assert not Supply({"mwh": 100}).can_serve(3300 + 80, 200, 4), "too little energy is left"
    assert Supply({}).left_mj(4190) == 12_000 * 3600
