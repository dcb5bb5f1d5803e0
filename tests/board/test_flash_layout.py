"""The partition table that is flashed, held against the board files and the image that goes into it."""

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

import hardware
from simulators.board.firmware import FIRMWARE, romfs

TABLE = FIRMWARE / "boards" / "HUISHOU_S3" / "partitions.csv"
BOARDS = sorted(path.stem for path in (Path(hardware.__file__).parent / "boards").glob("*.toml"))
FLASH_B = 8 * 1024 * 1024
SECTOR_B, APP_B = 0x1000, 0x10000  # what data and an application are aligned to


class Part(NamedTuple):
    name: str
    kind: str
    subtype: str
    offset: int
    size: int


def table(path: Path = TABLE) -> list[Part]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    return [Part(row[0], row[1], row[2], int(row[3], 16), int(row[4], 16)) for row in rows]


def test_nothing_overlaps_and_everything_is_aligned() -> None:
    end = 0x9000  # boot loader and the table itself
    for part in table():
        assert part.offset >= end, part
        assert part.offset % (APP_B if part.kind == "app" else SECTOR_B) == 0, part
        assert part.size % SECTOR_B == 0, part
        end = part.offset + part.size
    assert end <= FLASH_B


@pytest.mark.parametrize("board", BOARDS)
def test_it_has_what_the_firmware_of_each_board_writes(board: str) -> None:
    sizes = {part.name: part.size for part in table() if part.kind == "data"}
    wanted = hardware.load_board(board)["partitions"]
    assert {label: sizes.get(label) for label in wanted} == wanted


def test_the_firmware_fits_into_its_partition_with_room_to_grow() -> None:
    (place,) = [part for part in table() if part.name == "romfs"]
    assert (place.kind, place.subtype) == ("data", "0x8f")  # as the ESP32 port looks for it
    image = romfs(FIRMWARE).read_bytes()
    assert image.startswith(b"\xd2\xcd\x31")  # a ROMFS
    assert len(image) <= place.size * 3 // 4
