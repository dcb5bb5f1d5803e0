"""All rules over what real firmware records in a simulated city: silent while nothing is wrong, only then.

Faults are put into the world where it has them (a stuck scale), else into the records of a healthy unit.
"""

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.checks import Case, Past, check
from gateway.contract import decode_record
from gateway.contract_types import Deposit, Position, Reading, RecordBase
from gateway.devices import Device, parse_devices
from gateway.journal import Outcome
from simulators.board import virtual
from simulators.board.image import Image
from simulators.world.district import district
from tests.checks.examples import EAST_E7, NORTH_E7

SEED = 5
HOUR_MS = 3_600_000
MONDAY_MS = 1_774_800_000_000  # 2026-03-30, 00:00 in the district (UTC+8)
PLAN = district(SEED)
DEVICES = parse_devices(json.dumps(PLAN.devices()).encode())
RUNS = {"bin-001": (72, 1.0), "bin-006": (48, 4.0), "truck-02": (2.5, 1.0)}

Records = list[RecordBase]


def simulate(folder: Path, device: str, *parts: tuple[float, str | None], pace: float = 1.0) -> Records:
    """What the unit logs in so many hours, then with its `scale0` broken so for so many more."""
    scene = PLAN.scene(device, MONDAY_MS, pace=pace)
    image = Image.create(folder, device, PLAN.unit(device).board, PLAN.settings(device), SEED, MONDAY_MS)
    until = MONDAY_MS
    for hours, fault in parts:
        if fault is not None:
            scene.set_fault("scale0", fault)
        until += int(hours * HOUR_MS)
        virtual.run(image, scene, until, fidelity=virtual.Fidelity.FAST)
    found = [decode_record(text).record for _, _, text in image.logged()]
    return [record for record in found if record is not None]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Records]:
    return {
        device: simulate(tmp_path_factory.mktemp("units") / device, device, (hours, None), pace=pace)
        for device, (hours, pace) in RUNS.items()
    }


def judge(device: Device, records: Records) -> list[tuple[str, ...]]:
    past, found = Past(), []
    for record in records:
        verdict = check(Case(record, device, record.t + 2_000, past.at(record.seq)))
        past.learn(record, verdict.codes, verdict.outcome is not Outcome.QUARANTINED)
        found.append(verdict.codes)
    return found


def test_an_undisturbed_city_is_accepted(city: dict[str, Records]) -> None:
    codes = [found for device, records in city.items() for found in judge(DEVICES[device], records)]
    assert len(codes) > 1_900
    accepted = sum(not found for found in codes)
    assert accepted / len(codes) >= 0.999, Counter(codes)
    kinds = Counter(type(record).__name__ for records in city.values() for record in records)
    assert kinds["Deposit"] > 50
    assert kinds["Collect"] > 0
    assert kinds["Position"] > 100
    assert kinds["Weigh"] > 10


def test_a_scale_that_sits_fast_is_found(tmp_path: Path) -> None:
    records = simulate(tmp_path / "bin", "bin-006", (12, None), (12, "wedged"), pace=4.0)
    found = judge(DEVICES["bin-006"], records)
    since = MONDAY_MS + 12 * HOUR_MS
    assert not any(
        "mass-stuck" in codes for codes, record in zip(found, records, strict=True) if record.t < since
    )
    assert any("mass-stuck" in codes for codes in found)


def _some(
    records: Records, kind: type[RecordBase], change: Callable[[RecordBase, int], RecordBase]
) -> Records:
    """From the middle on, five records of a kind changed; positions of a truck under way."""
    changed, done, last_ms = [], 0, 0
    for place, record in enumerate(records):
        hit = isinstance(record, kind) and place > len(records) // 2 and done < 5
        if kind is Position and not done:
            hit = hit and record.t - last_ms <= 10_000
        changed.append(change(record, done) if hit else record)
        done += hit
        last_ms = record.t if isinstance(record, kind) else last_ms
    assert done == 5
    return changed


def _noisy(record: RecordBase, place: int) -> RecordBase:
    assert isinstance(record, Reading)
    mass_g = record.mass_g
    return (
        replace(record, mass_g=mass_g + (300 if place % 2 else -300)) if isinstance(mass_g, int) else record
    )


def _night(records: Records, bay: int) -> Records:
    """One bay's readings in the longest time without a visit."""
    visits = [n for n, record in enumerate(records) if not isinstance(record, Reading)]
    start = max((b - a, a) for a, b in pairwise(visits))[1] + 1
    quiet = [r for r in records[start:] if isinstance(r, Reading) and r.bay == bay and r.mass_g is not None]
    return [*quiet[:12]]


def test_a_scale_that_is_noisy_at_night_is_found(city: dict[str, Records]) -> None:
    bay = DEVICES["bin-001"].bays[0].bay
    quiet = _night(city["bin-001"], bay)
    assert len(quiet) == 12
    assert not any(judge(DEVICES["bin-001"], quiet))
    noisy = [_noisy(record, place) if place > 5 else record for place, record in enumerate(quiet)]
    assert any("mass-noise" in codes for codes in judge(DEVICES["bin-001"], noisy))


@pytest.mark.parametrize(
    ("device", "kind", "change", "code"),
    [
        ("bin-001", Reading, lambda r, n: replace(r, temp_dc=-400 + n), "temp-jump"),
        ("bin-001", Reading, lambda r, n: replace(r, battery_mv=2100 + n), "battery-jump"),
        ("bin-001", Reading, lambda r, n: replace(r, bay=1, mass_g=55_000 - 9_000 * n), "mass-jump"),
        ("bin-006", Deposit, lambda r, _: replace(r, session="again"), "session-twice"),
        ("bin-006", Deposit, lambda r, _: replace(r, net_g=r.net_g + 100), "net-mismatch"),
        ("truck-02", Position, lambda r, _: replace(r, lat_e7=0, lon_e7=0), "position-zero"),
        (
            "truck-02",
            Position,
            lambda r, _: replace(r, lat_e7=r.lat_e7 + NORTH_E7, lon_e7=r.lon_e7 + EAST_E7),
            "position-datum",
        ),
        (
            "truck-02",
            Position,
            lambda r, n: replace(r, lat_e7=391_000_000, lon_e7=1_171_000_000 + n),
            "position-jump",
        ),
        ("bin-001", Reading, lambda r, n: replace(r, t=r.t + (4 + 4 * n) * 24 * HOUR_MS), "clock-jump"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_put_into_a_healthy_units_records_is_found_and_little_else(
    city: dict[str, Records],
    device: str,
    kind: type[RecordBase],
    change: Callable[[RecordBase, int], RecordBase],
    code: str,
) -> None:
    healthy = city[device]
    before, after = judge(DEVICES[device], healthy), judge(DEVICES[device], _some(healthy, kind, change))
    assert sum(code in codes for codes in after) > sum(code in codes for codes in before)
    found_more = sum(bool(codes) for codes in after) - sum(bool(codes) for codes in before)
    assert found_more <= 2 * 5, "a handful of bad records must not throw doubt on the good ones"
