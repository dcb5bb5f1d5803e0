"""The devices file: what it must be, and that it may be changed while the gateway runs."""

import os
from pathlib import Path

import pytest

from gateway.devices import Bay, Devices, DevicesError, parse_devices

GOOD = b"""{"devices": [
 {"id": "bin-001", "unit": "bin", "site": "nankai-3",
  "name_en": "Gate", "name_zh": "\xe9\x97\xa8",
  "lat": 39.12, "lon": 117,
  "bays": [{"bay": 0, "category": "paper", "capacity_g": 60000, "capacity_l": 240}], "later": 1},
 {"id": "truck-07", "unit": "truck"}]}"""


def test_a_device_has_what_the_file_says() -> None:
    devices = parse_devices(GOOD)
    assert devices.keys() == {"bin-001", "truck-07"}
    assert devices["bin-001"].bay(0) == Bay(0, "paper", 60_000, 240)
    assert devices["bin-001"].bay(1) is None
    assert devices["truck-07"].lat is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "expected"),
        (b"[]", "object"),
        (b'{"devices": [{"id": "bin-001"}]}', "unit"),
        (b'{"devices": [{"id": "Bin", "unit": "bin"}]}', r"devices\[0\].id"),
        (b'{"devices": [{"id": "bin-001", "unit": "boat"}]}', "boat"),
        (b'{"devices": [{"id": "bin-001", "unit": "bin", "lat": 91}]}', "lat"),
        (b'{"devices": [{"id": "bin-001", "unit": "bin", "site": "a\\\\"}]}', "site"),
        (b'{"devices": [{"id": "a-1", "unit": "bin"}, {"id": "a-1", "unit": "bin"}]}', "more than once: a-1"),
        (b"\xff", "expected"),
    ],
)
def test_a_bad_file_is_explained(text: bytes, words: str) -> None:
    with pytest.raises(DevicesError, match=words):
        parse_devices(text)


def replace(file: Path, text: bytes) -> None:
    """Write a file anew, as editors do: the name then points to another inode."""
    part = file.with_suffix(".part")
    part.write_bytes(text)
    os.replace(part, file)  # noqa: PTH105


def test_a_changed_file_is_taken_and_a_broken_or_vanished_one_leaves_the_former_in_force(
    tmp_path: Path,
) -> None:
    file = tmp_path / "devices.json"
    file.write_bytes(GOOD)
    devices = Devices(file)
    assert not devices.refresh()
    replace(file, b'{"devices": [{"id": "bin-002", "unit": "bin"}]}')
    assert devices.refresh()
    assert [device.id for device in devices] == ["bin-002"]
    replace(file, b"{")
    assert not devices.refresh()
    file.unlink()
    assert not devices.refresh()
    assert devices.get("bin-002") is not None
    file.write_bytes(GOOD)
    assert devices.refresh()
    assert len(devices) == 2
