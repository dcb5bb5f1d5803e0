"""The firmware's own RTU master and a solar controller: its registers become what the ledger counts with."""

import ast
import json
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardware import load_board, load_register_map
from simulators.board.chip import Chip
from simulators.board.image import Image
from simulators.board.virtual import Fidelity, run
from simulators.world.bin import BinScene
from simulators.world.district import district
from simulators.world.transmitter import TransmitterLine
from tests.board.bench import START_MS, Bench, edge_modules

BOARD = "bin-s3-mppt"
PARTS = load_board(BOARD)["parts"]
EDGE = edge_modules("drivers/bus.py", "drivers/mppt.py", "drivers/rtu.py", "drivers/serial.py")
PLAN = district(5)
NOON_MS = 1_790_050_000_000 // 86_400_000 * 86_400_000 + 4 * 3_600_000  # 12:00 in Tianjin, in September
PROGRAM = """
import asyncio
from edge.drivers.bus import Bus
from edge.drivers.mppt import Mppt
from edge.drivers.serial import Serial
from edge.errors import EdgeError
mppt = Mppt(Bus(Serial(2, 47, 48, 115200), 115200), 1, {registers!r})

async def look():
    try:
        seen = await mppt.read()
        return (seen.battery_mv, seen.battery_ma, seen.charge_mw)
    except EdgeError as error:
        return error.code

async def main():
{body}
asyncio.run(main())
"""


def bin_scene(start_ms: int, **solar: Any) -> BinScene:
    spec = PLAN.bins[0]
    bays = tuple(replace(bay, ranger=None) for bay in spec.bays)
    solar = {"cell_mwh": 76_800, "panel_w": 20.0, "shade": 1.0, **solar}
    spec = replace(spec, board=BOARD, bays=bays, solar=replace(spec.solar, **solar))
    return BinScene(spec, 5, start_ms, lambda _after: None, None, 0.001)


def settings() -> dict[str, Any]:
    board = load_board(BOARD)
    known = PLAN.settings(PLAN.bins[0].device)
    bays = [
        {k: v for k, v in bay.items() if k not in ("ranger", "empty_mm", "full_mm")} for bay in known["bays"]
    ]
    return {**known, "bays": bays, "board": {k: board[k] for k in ("id", "parts", "energy")}}


def asked(tmp_path: Path, scene: BinScene, body: str) -> list[Any]:
    bench = Bench(tmp_path, scene, BOARD)  # type: ignore[arg-type]
    program = PROGRAM.format(registers=PARTS["mppt"]["registers"], body=textwrap.indent(body, "    "))
    return [ast.literal_eval(line) for line in bench.run(program, 60, extra=EDGE)]


def test_what_it_measures_is_what_is_so(tmp_path: Path) -> None:
    scene = bin_scene(START_MS)
    scene.supply.sky = lambda _t_ms: 500.0
    scene.supply.charge_mwh = 0.5 * scene.supply.capacity_mwh
    body = "print(repr(await look()))\nprint(await mppt.temperature_dc())\nprint(await mppt.charge_pct())"
    (mv, ma, charge_mw), dc, pct = asked(tmp_path, scene, body)
    assert 13_000 < mv < 13_400
    true_mw = scene.supply.charging_mw(scene.now)
    assert abs(charge_mw - true_mw) <= 10
    load_mw = 300 + 15 + 10 + 100
    assert abs(ma - (true_mw - load_mw) / mv * 1000) <= 20, "into the battery, less what the load takes"
    assert abs(dc - 10 * scene.climate.inside_c()) <= 2
    assert pct == 50


@pytest.mark.parametrize(
    ("fault", "on", "code"),
    [("silent", "rs485", "rtu-silent"), ("garbled", "rs485", "rtu-crc"), ("absurd", "mppt", "mppt-absurd"),
     ("asleep", "mppt", "rtu-refused")],
)  # fmt: skip
def test_a_bad_answer_is_no_measurement(tmp_path: Path, fault: str, on: str, code: str) -> None:
    scene = bin_scene(START_MS)
    scene.set_fault(on, fault)
    if fault == "garbled":
        scene.parts[on].FAULTS = {"garbled": TransmitterLine.FAULTS["cut-short"]}  # type: ignore[misc]
    found = asked(tmp_path, scene, "for _ in range(12):\n    print(repr(await look()))")
    if fault == "garbled":
        assert all(isinstance(one, tuple) or one.startswith("rtu-") for one in found)
        assert all(one[0] > 12_000 for one in found if isinstance(one, tuple))
    else:
        assert set(found) == {code}


def test_a_frost_is_told_with_its_sign(tmp_path: Path) -> None:
    scene = bin_scene(START_MS)
    scene.climate.inside_c = lambda: -12.3  # type: ignore[method-assign]
    assert asked(tmp_path, scene, "print(await mppt.temperature_dc())") == [-123]


def test_no_two_groups_have_a_length_in_common() -> None:
    groups = load_register_map("epever")["groups"].values()
    lengths = [length for group in groups for length in group["lengths"]]
    assert len(lengths) == len(set(lengths))
    for group in groups:
        last = group["registers"][-1]
        needed = (
            last["address"] + (2 if last["type"].endswith("32") else 1) - group["registers"][0]["address"]
        )
        assert max(group["lengths"]) == needed


@pytest.mark.parametrize(("share", "level"), [(0.8, "normal"), (0.1, "survival")])
def test_a_bin_counts_with_its_controller(tmp_path: Path, share: float, level: str) -> None:
    scene = bin_scene(NOON_MS)
    scene.supply.charge_mwh = share * scene.supply.capacity_mwh
    scene.supply.sky = lambda t_ms: 700.0 if t_ms < NOON_MS + 2 * 3_600_000 else 0.0
    kept: dict[str, Any] = {}

    def read(chip: Chip) -> None:
        if chip.memory:
            kept.update(json.loads(chip.memory[4:]))

    image = Image.create(tmp_path / "unit", scene.spec.device, BOARD, settings(), 5, NOON_MS)
    result = run(image, scene, NOON_MS + 5 * 3_600_000, fidelity=Fidelity.FAST, on_boot=read)
    assert result.halted is None
    assert "Traceback" not in (tmp_path / "unit" / "vm.log").read_text(encoding="utf-8")
    true_pct = 100 * scene.supply.charge_mwh / scene.supply.capacity_mwh
    believed = kept["power"][1] / 100
    assert abs(believed - true_pct) <= (25 if share > 0.5 else 8), "the middle of LiFePO4's curve is flat"
    assert kept["power"][0] in (level, "normal" if believed > 50 else level, "saver")
    records = [json.loads(data) for _log, _seq, data in image.logged()]
    assert [r for r in records if r["kind"] == "reading"]


def test_a_controller_that_falls_silent_is_told_and_the_bin_works_on(tmp_path: Path) -> None:
    scene = bin_scene(NOON_MS)
    scene.set_fault("rs485", "silent")
    image = Image.create(tmp_path / "unit", scene.spec.device, BOARD, settings(), 5, NOON_MS)
    result = run(image, scene, NOON_MS + 2 * 3_600_000, fidelity=Fidelity.FAST)
    assert result.halted is None
    records = [json.loads(data) for _log, _seq, data in image.logged()]
    faults = [(r["part"], r["code"], r["state"]) for r in records if r["kind"] == "fault"]
    assert ("mppt", "mppt-silent", "raised") in faults
    assert len([r for r in records if r["kind"] == "reading"]) >= 6
