"""Flash behaves as NOR: bits only clear, blocks erase to ones, a power cut tears what it hits."""

import textwrap

import pytest

from simulators.board.image import Image
from tests.board.bench import Bench

OPEN = """
    from esp32 import Partition
    p = Partition.find(Partition.TYPE_DATA, label="log")[0]
    def read(block, offset, n):
        buf = bytearray(n)
        p.readblocks(block, buf, offset)
        return bytes(buf)
"""


def program(body: str) -> str:
    return textwrap.dedent(OPEN) + textwrap.dedent(body)


def test_geometry_is_the_boards(bench: Bench) -> None:
    lines = bench.run(program("print(p.ioctl(4, 0), p.ioctl(5, 0), p.info()[3:5], read(3, 100, 4))\n"))
    assert lines == ["256 4096 (1048576, 'log') b'\\xff\\xff\\xff\\xff'"]


def test_programming_clears_bits_only_and_the_mistake_is_counted(bench: Bench) -> None:
    lines = bench.run(
        program(
            """
            p.writeblocks(1, b"\\xf0\\x0f", 10)
            p.writeblocks(1, b"\\xcc\\xff", 10)
            print(read(1, 9, 4))
            p.ioctl(6, 1)
            print(read(1, 9, 4), read(0, 4090, 6))
            """
        )
    )
    assert lines == ["b'\\xff\\xc0\\x0f\\xff'", "b'\\xff\\xff\\xff\\xff' b'\\xff\\xff\\xff\\xff\\xff\\xff'"]
    assert bench.result is not None
    assert bench.result.counters.misuses == 1
    assert bench.result.counters.erases == 1


def test_writing_without_offset_erases_first(bench: Bench) -> None:
    lines = bench.run(
        program(
            "p.writeblocks(2, b'\\0' * 4096)\np.writeblocks(2, b'\\xaa' * 4096)\nprint(read(2, 4095, 1))\n"
        )
    )
    assert lines == ["b'\\xaa'"]


def test_outside_the_partition_is_an_error(bench: Bench) -> None:
    lines = bench.run(program("try:\n    read(256, 0, 1)\nexcept OSError as e:\n    print(e.errno)\n"))
    assert lines == ["22"]


def test_flash_outlives_power_and_programs(bench: Bench) -> None:
    bench.run(program("p.writeblocks(5, b'kept', 0)\n"))
    assert bench.run(program("print(read(5, 0, 4))\n")) == ["b'kept'"]
    assert (bench.image.path / "log.bin").read_bytes()[5 * 4096 :][:4] == b"kept"


def test_a_planned_cut_tears_exactly_that_operation_and_power_comes_back(bench: Bench) -> None:
    body = """
        import machine
        print(machine.reset_cause(), read(0, 0, 8))
        if read(0, 0, 1) == b"\\xff":
            p.writeblocks(0, bytes(8), 0)      # operation 1
            p.writeblocks(0, bytes(8), 100)    # operation 2
            print("never" if machine.reset_cause() == 1 and read(0, 100, 8) == bytes(8) else "torn")
        """
    assert bench.run(program(body), cut_at_flash_op=1)[0] == "1 b'\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff'"
    torn = (bench.image.path / "log.bin").read_bytes()[:8]
    assert torn[:4] == bytes(4)
    assert torn[5:] == b"\xff\xff\xff"
    assert bench.result is not None
    assert bench.result.counters.boots == 2


def test_what_a_sector_held_is_read_by_the_host_before_it_is_erased(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def look(image: Image, label: str, block: int) -> None:
        seen.append((label, block, (image.path / f"{label}.bin").read_bytes()[block * 4096 :][:3]))

    monkeypatch.setattr(Image, "before_erase", look)
    bench.run(program("p.writeblocks(7, b'old', 0)\np.ioctl(6, 7)\n"))
    assert seen == [("log", 7, b"old")]
