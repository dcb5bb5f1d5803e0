"""What a bin's pins show: levels, bridge signals, frames, voltages, and what faults make of them."""

from typing import Any

import pytest

from simulators.scene import BridgeSignal, PinLevel, PowerCut, UartBytes
from simulators.world.bin import BinScene
from simulators.world.district import district
from simulators.world.sight import Ranger


@pytest.fixture
def unit(world: Any, scene: BinScene) -> Any:
    """On the bench, reacting to nothing."""
    return world.PlainUnit(scene, world.MONDAY_MS)


def test_every_input_has_a_level_from_the_start(world: Any, unit: Any) -> None:
    for lock in ("lock0", "lock1"):
        assert unit.pins[world.BIN[lock]["bolt"]] == 1
        assert unit.pins[world.BIN[lock]["door"]] == 1
    assert unit.pins[world.BIN["wake"]["pin"]] == 1
    assert unit.pins[world.BIN["service"]["pin"]] == 1


def test_a_bridge_shows_its_load_in_nanovolts(world: Any, scene: BinScene, unit: Any) -> None:
    scale = world.BIN["scale0"]
    unit.drive(scale["power"], 1)
    empty_nv = unit.bridges[scale["data"]].nanovolt
    scene.bays[1].move(10_000, 5_000)
    unit.run(unit.now + 5_000)
    cell = scene.spec.bays[0].cell
    gained = unit.bridges[scale["data"]].nanovolt - empty_nv
    assert gained == pytest.approx(10_000 * cell.nv_per_g, rel=0.001)


def test_a_dropped_load_rings_and_settles(world: Any, scene: BinScene, unit: Any) -> None:
    scale = world.BIN["scale0"]
    unit.drive(scale["power"], 1)
    start = len(unit.log)
    scene.bays[1].move(4_000, 5_000)
    unit.run(unit.now + 3_000)
    seen = [s.nanovolt for _, s in unit.log[start:] if isinstance(s, BridgeSignal) and s.nanovolt]
    assert max(seen) - seen[-1] > 500 * scene.spec.bays[0].cell.nv_per_g  # shoots over by half a kilogram
    assert abs(seen[-2] - seen[-1]) < 100 * scene.spec.bays[0].cell.nv_per_g


def test_the_bolt_takes_its_time_and_waits_for_the_door(world: Any, scene: BinScene, unit: Any) -> None:
    lock = world.BIN["lock0"]
    began = unit.now
    unit.drive(lock["drive"], 1)
    unit.run(began + 149)
    assert unit.pins[lock["bolt"]] == 1
    unit.run(began + 301)
    assert unit.pins[lock["bolt"]] == 0
    scene.parts["lock0"].swing(closed=False)  # type: ignore[attr-defined]
    unit.drive(lock["drive"], 0)
    unit.run(unit.now + 1_000)
    assert (unit.pins[lock["door"]], unit.pins[lock["bolt"]]) == (0, 0)
    scene.parts["lock0"].swing(closed=True)  # type: ignore[attr-defined]
    unit.run(unit.now + 301)
    assert (unit.pins[lock["door"]], unit.pins[lock["bolt"]]) == (1, 1)


def test_the_ranger_sends_ten_frames_a_second_while_powered(world: Any, scene: BinScene, unit: Any) -> None:
    ranger = world.BIN["ranger0"]
    unit.run(unit.now + 10_000)
    assert not any(isinstance(s, UartBytes) for _, s in unit.log)
    unit.drive(ranger["power"], 1)
    unit.run(unit.now + 5_000)
    unit.drive(ranger["power"], 0)
    unit.run(unit.now + 5_000)
    frames = [s.data for _, s in unit.log if isinstance(s, UartBytes)]
    assert len(frames) == 50
    assert all(f[0] == 0xFF and f[3] == sum(f[:3]) & 0xFF for f in frames)
    bay = scene.bays[1]
    expected = bay.spec.empty_mm - bay.fill * (bay.spec.empty_mm - bay.spec.full_mm)
    middle = sorted(f[1] * 256 + f[2] for f in frames)[25]
    assert middle == pytest.approx(expected, abs=90)


def test_frame_of_the_data_sheet() -> None:
    assert Ranger.frame(0x07A1) == bytes((0xFF, 0x07, 0xA1, 0xA7))


def test_the_battery_follows_the_sun(world: Any, scene: BinScene, unit: Any) -> None:
    battery, volts, amps = (world.BIN[n]["pin"] for n in ("battery", "solar_voltage", "solar_current"))
    midnight = {pin: scene.adc_mv(unit.now, pin) for pin in (battery, volts, amps)}
    scene.power(unit.now, "sleep")
    unit.run(unit.now + world.DAY_MS // 2)
    noon = {pin: scene.adc_mv(unit.now, pin) for pin in (battery, volts, amps)}
    assert midnight[volts] < 10 < 1_000 < noon[volts] < 2_000
    assert midnight[amps] < 10 < noon[amps] < 3_000
    assert 1_500 < midnight[battery] <= noon[battery] < 2_150


def test_an_empty_battery_cuts_the_supply_until_the_sun_comes(world: Any, scene: BinScene, unit: Any) -> None:
    scene.supply.charge_mwh = 500.0
    scene.power(unit.now, "radio")
    while not any(isinstance(s, PowerCut) for _, s in unit.log):
        unit.run(unit.now + 600_000)
        scene.adc_mv(unit.now, world.BIN["battery"]["pin"])
        assert unit.now < world.MONDAY_MS + world.DAY_MS
    unit.run(world.MONDAY_MS + world.DAY_MS // 2)
    assert not scene.supply.down
    cuts = [at for at, s in unit.log if isinstance(s, PowerCut)]
    assert cuts[-1] < world.MONDAY_MS + world.DAY_MS // 2


def test_temperature_is_within_the_climate(world: Any, scene: BinScene, unit: Any) -> None:
    for hour in range(0, 24 * 30, 7):
        unit.run(world.MONDAY_MS + hour * 3_600_000)
        celsius = (scene.adc_mv(unit.now, world.BIN["temperature"]["pin"]) - 500) / 10
        assert -10 < celsius < 50


def test_a_pin_without_an_analogue_part_is_an_error(scene: BinScene, world: Any) -> None:
    with pytest.raises(ValueError, match="pin 99"):
        scene.adc_mv(world.MONDAY_MS, 99)


def test_faults(world: Any, scene: BinScene, unit: Any) -> None:
    data = world.BIN["scale0"]["data"]
    scene.set_fault("scale0", "disconnected")
    unit.drive(world.BIN["scale0"]["power"], 1)
    unit.run(unit.now + 100)
    assert unit.bridges[data].nanovolt is None
    scene.set_fault("scale0", "stuck")
    unit.run(unit.now + 100)
    stuck = unit.bridges[data].nanovolt
    scene.bays[1].move(5_000, 1_000)
    unit.run(unit.now + 2_000)
    assert unit.bridges[data].nanovolt == stuck
    scene.set_fault("scale0", None)
    unit.run(unit.now + 2_000)
    assert unit.bridges[data].nanovolt > stuck

    scene.set_fault("ranger0", "silent")
    start = len(unit.log)
    unit.drive(world.BIN["ranger0"]["power"], 1)
    unit.run(unit.now + 1_000)
    assert not any(isinstance(s, UartBytes) for _, s in unit.log[start:])

    scene.set_fault("lock0", "jammed")
    unit.drive(world.BIN["lock0"]["drive"], 1)
    unit.run(unit.now + 1_000)
    assert unit.pins[world.BIN["lock0"]["bolt"]] == 1

    assert scene.network_up(unit.now)
    scene.set_fault("network", "down")
    assert not scene.network_up(unit.now)


@pytest.mark.parametrize(("part", "fault"), [("scale7", "stuck"), ("scale0", "bent"), ("wake", "stuck")])
def test_unknown_faults_say_what_is_known(scene: BinScene, part: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"{part}={fault}.*(knows|expected)"):
        scene.set_fault(part, fault)


def test_the_wake_line_is_pulled_before_each_token(world: Any) -> None:
    truth: list[dict[str, Any]] = []
    scene = district(5).scene("bin-002", world.MONDAY_MS, truth=truth.append, pace=5)
    unit = world.PlainBin(scene, world.MONDAY_MS)
    unit.run(world.MONDAY_MS + world.DAY_MS)
    pressed = [at for at, s in unit.log if s == PinLevel(world.BIN["wake"]["pin"], 0)]
    tokens = [at for at, s in unit.log if isinstance(s, UartBytes) and s.uart == world.BIN["reader"]["uart"]]
    assert len(tokens) > 20
    for at in tokens:
        assert any(500 < at - press < 3_000 for press in pressed)
