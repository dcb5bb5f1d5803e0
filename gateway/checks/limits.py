"""The limits that the rules compare with: names with units, defaults, and where each comes from.

They are the section `[checks]` of the configuration; the table in docs/checks.md is made of this file.
"""

from collections.abc import Iterator
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta


class Limits(msgspec.Struct, frozen=True):
    """What the rules of gateway.checks compare with (docs/checks.md says why each is what it is).

    `district`: [south, west, north, east] in WGS 84 degrees, in which all vehicles stay; absent: anywhere.
    """

    district: Annotated[
        tuple[float, float, float, float] | None,
        Meta(description="south, west, north, east in WGS 84 degrees: where this city's vehicles stay"),
    ] = None
    clock_ahead_s: Annotated[
        float, Meta(ge=0, description="clocks kept by a time server agree far better; a drifting RTC may not")
    ] = 300
    clock_future_d: Annotated[
        float, Meta(gt=0, description="further ahead than any time zone mistake (UTC+14 is 0.6 days)")
    ] = 1
    clock_epoch_ms: Annotated[int, Meta(ge=0, description="2020-01-01: no unit of this system is older")] = (
        1_577_836_800_000
    )
    clock_back_s: Annotated[
        float,
        Meta(ge=0, description="an RTC that drifted is set back by seconds when the network tells the time"),
    ] = 60
    clock_jump_d: Annotated[
        float,
        Meta(
            ge=1,
            description="a unit with power makes a record every hour at least; without, it says `boot`",
        ),
    ] = 3
    capacity_slack: Annotated[
        float,
        Meta(
            ge=1, description="capacity_g is the scale's Max; cells bear more, and no lock stops a last bag"
        ),
    ] = 1.1
    mass_drift_g: Annotated[
        int,
        Meta(
            ge=0,
            description="creep and temperature of a 100 kg cell between two looks; a bird, rain on the lid",
        ),
    ] = 500
    mass_negative_g: Annotated[
        int,
        Meta(
            ge=0,
            description="zero drift over a season of a 100 kg cell; more is a lifted platform or a lost zero",
        ),
    ] = 500
    mass_noise_g: Annotated[
        int,
        Meta(
            ge=0,
            description="five scale intervals of 20 g: an undisturbed platform repeats within one or two",
        ),
    ] = 100
    min_intervals: Annotated[
        int, Meta(ge=1, description="Min of a class III scale in intervals e (OIML R 76-1, table 3)")
    ] = 20
    full_pct: Annotated[int, Meta(ge=1, le=101, description="nothing more goes in; 101: never")] = 85
    stuck_mass_g: Annotated[
        int,
        Meta(gt=0, description="as much loose material raises the level by some per cent in any of our bays"),
    ] = 5_000
    temp_min_dc: Annotated[int, Meta(description="industrial parts: from -40.0 °C")] = -400
    temp_max_dc: Annotated[int, Meta(description="industrial parts: to 85.0 °C")] = 850
    temp_step_dc: Annotated[int, Meta(ge=0, description="sun on the case, and the sensor's own noise")] = 100
    temp_rate_dc_min: Annotated[
        float, Meta(ge=0, description="a case of several kilograms follows the air within tens of minutes")
    ] = 10
    bin_battery_min_mv: Annotated[
        int, Meta(ge=0, description="one Li-ion cell, below its guard's cut-off")
    ] = 2_000
    bin_battery_max_mv: Annotated[
        int, Meta(ge=0, description="one Li-ion cell, above its charger's 4.2 V")
    ] = 4_500
    truck_battery_min_mv: Annotated[int, Meta(ge=0, description="a 12 V system while cranking")] = 9_000
    truck_battery_max_mv: Annotated[
        int, Meta(ge=0, description="a 24 V system's load dump after its clamp")
    ] = 36_000
    bin_battery_step_mv: Annotated[
        int, Meta(ge=0, description="radio and lock pull a cold cell down by some 0.3 V")
    ] = 500
    bin_battery_rate_mv_min: Annotated[
        float, Meta(ge=0, description="a 5 W panel on a 10 Ah cell moves it by a few mV a minute")
    ] = 10
    fill_step_pct: Annotated[
        int, Meta(ge=0, description="an uneven heap that slides while nobody is there")
    ] = 40
    speed_max_mps: Annotated[float, Meta(gt=0, description="144 km/h: no collection truck is faster")] = 40
    jump_slack_m: Annotated[
        float, Meta(ge=0, description="two bad fixes in a row, without the vehicle having moved")
    ] = 50
    datum_slack_m: Annotated[
        float, Meta(ge=0, description="noise of two fixes beside a shift of several hundred metres")
    ] = 25
    frozen_speed_mps: Annotated[
        float, Meta(gt=0, description="a receiver's speed noise at rest is below 1 m/s")
    ] = 3
    frozen_s: Annotated[
        float,
        Meta(gt=0, description="at 3 m/s a vehicle has moved 15 m meanwhile: 1,300 steps of 1e-7 degree"),
    ] = 5

    def __post_init__(self) -> None:
        if self.clock_ahead_s > self.clock_future_d * 86_400:
            raise ValueError("`clock_future_d` (days) no shorter than `clock_ahead_s` (seconds)")
        if self.district is not None:
            south, west, north, east = self.district
            if not (-90 <= south < north <= 90 and -180 <= west < east <= 180):
                raise ValueError(
                    "`district` as [south, west, north, east] in degrees, south < north, west < east"
                )


DEFAULTS = Limits()


def described() -> Iterator[tuple[str, Any, str]]:
    """Name, default and reason of each limit."""
    hints = get_type_hints(Limits, include_extras=True)
    for field in msgspec.structs.fields(Limits):
        yield field.name, field.default, hints[field.name].__metadata__[0].description
