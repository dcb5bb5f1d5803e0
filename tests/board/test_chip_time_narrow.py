"""The same bin in a 32-bit interpreter: integers of 31 bits, ticks of 30, no room to hide in a wide word.

Whatever the 64-bit one computes otherwise (a time or a number that outgrows a small integer, a comparison by
identity, a tick that wraps) would end in another record.
"""

from pathlib import Path

from simulators.board.image import Image
from simulators.board.interpreter import wide
from simulators.board.narrow import Narrow
from simulators.board.virtual import run
from simulators.world.district import district

START_MS = 1_767_225_600_000  # eight o'clock in the morning there
HOURS = 2


def test_a_morning_in_thirty_two_bits_is_logged_byte_for_byte_as_in_sixty_four(tmp_path: Path) -> None:
    plan = district(1)
    device = plan.bins[0].device
    logs = []
    for name, launch in (("wide", wide), ("narrow", Narrow())):
        image = Image.create(tmp_path / name, device, "bin-s3", plan.settings(device), 1, START_MS)
        scene = plan.scene(device, START_MS)
        result = run(image, scene, START_MS + HOURS * 3_600_000, launch=launch)
        assert result.halted is None, (tmp_path / name / "vm.log").read_text(encoding="utf-8")
        assert result.counters.misuses == 0
        logs.append(list(image.logged()))
    wide_log, narrow_log = logs
    assert narrow_log == wide_log
    text = b"\n".join(data for _log, _seq, data in narrow_log)
    for kind in (b'"kind":"boot"', b'"kind":"reading"', b'"clock":"back"', b'"clock":"ntp"'):
        assert kind in text, "too little happened to tell anything"
