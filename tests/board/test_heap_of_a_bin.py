"""The bin's heap in a 32-bit interpreter with its own garbage collector, run in place from a ROMFS image.

The small form of `make bench-memory`, which tells module by module what makes the numbers.
"""

from simulators.bench.heap import DAY_MS, MODULES, START_MS, fresh
from simulators.bench.memory import DATA_LIMIT, LIVE_LIMIT, sizes

LARGEST_B = 128 * 1024  # of a heap of 512 KiB


def test_after_a_day_of_work_the_heap_is_small_and_its_free_part_in_one_piece() -> None:
    with fresh(seed=1) as bench:
        looks = bench.run(START_MS + DAY_MS)
        assert bench.records() > 100, "too little happened to tell anything"
    assert len(looks) > 40
    assert max(look.live for look in looks) <= LIVE_LIMIT
    assert min(look.largest for look in looks) >= LARGEST_B
    late = [look.live for look in looks[-10:]]
    assert max(late) - max(look.live for look in looks[:10]) < 1024, "it grows with what was recorded"


def test_code_stays_in_flash_and_what_else_is_alive_is_little() -> None:
    until = START_MS + DAY_MS // 96
    with fresh(seed=1) as bench:
        placed = bench.run(until, probe=MODULES)
    with fresh(seed=1) as bench:
        copied = bench.run(until, probe=MODULES, in_place=False)
    in_flash, on_heap = sizes(placed), sizes(copied)
    assert in_flash.keys() == on_heap.keys() >= {"edge.app.bin", "edge.link.uplink", "edge.store.ring"}
    assert sum(in_flash.values()) < 0.6 * sum(on_heap.values())
    assert max(look.data for look in placed) <= DATA_LIMIT
    assert not {"edge.app.truck", "edge.app.safe", "edge.drivers.modem"} & in_flash.keys()
