"""The simulated indicator, judged by a master that is not ours (mbpoll, on libmodbus), and its memory."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.peers.weighbridge import Weighbridge
from tests.modbus.lines import SERIAL, TRANSPORTS, Line, Transport, line, loaded, weigh


def mbpoll(on: Line, transport: Transport, options: str, values: str = "") -> tuple[int, str]:
    """Read, or write `values`; the exit status and what mbpoll said."""
    program = shutil.which("mbpoll")
    assert program, "mbpoll is missing: install the Debian package mbpoll"
    if transport == "tcp":
        host, port = on.address.split(":")
        where = ["-m", "tcp", "-p", port, host]
    else:
        where = ["-m", "rtu", "-b", "115200", "-P", "none", on.address]
    command = [program, "-q", "-1", "-0", "-a1", "-o2", *options.split(), *where, *values.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout + done.stderr


def registers(output: str) -> dict[int, int]:
    return {
        int(a): int(v, 0) for a, v in re.findall(r"^\[(\d+)\]:\s+(0x[0-9A-F]+|-?\d+)", output, re.MULTILINE)
    }


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_foreign_master_reads_what_was_weighed(transport: Transport) -> None:
    bridge = Weighbridge(SERIAL)
    bridge.weigh(18_460_000, 9_220_000, "A12345", 1_795_000_000_000)
    bridge.weigh(20_000_001, 9_000_000, "B67890", 1_795_000_060_000)
    with line(transport, bridge) as on:
        status, output = mbpoll(on, transport, "-r 0 -c 13 -t 4:hex")
        assert status == 0, output
        live = registers(output)
        assert (live[0], live[1]) == (0xA1B2, 0xC3D4)
        assert (live[10], live[12]) == (1, 2)
        for number, gross_g, plate in ((1, 18_460_000, b"A12345"), (2, 20_000_001, b"B67890")):
            assert mbpoll(on, transport, "-r 100 -t 4", f"0 {number}")[0] == 0
            status, output = mbpoll(on, transport, "-r 115 -c 1 -t 4:int -B")
            assert registers(output) == {115: gross_g}, output
            status, output = mbpoll(on, transport, "-r 110 -c 33 -t 4:hex")
            window = registers(output)
            assert (window[112], window[113]) == (0, number)
            assert b"".join(window[a].to_bytes(2, "big") for a in range(125, 128)) == plate


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_foreign_master_is_refused_what_the_map_does_not_have(transport: Transport) -> None:
    with line(transport, loaded(1)) as on:
        for options, values in (
            ("-r 90 -c 3 -t 4", ""),
            ("-r 14 -c 2 -t 4", ""),
            ("-r 0 -t 4", "7"),
            ("-r 110 -t 4", "0 9"),
        ):
            status, output = mbpoll(on, transport, options, values)
            assert status != 0
            assert "Illegal data address" in output
        assert on.bridge.weighings == loaded(1).weighings


def test_the_memory_is_on_disk_before_a_weighing_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "alibi.json"
    bridge = Weighbridge(SERIAL, file=file)
    for i in range(4):
        assert weigh(bridge, i) == i + 1
        again = Weighbridge(SERIAL, file=file)
        assert again.weighings == bridge.weighings
        assert again.read(0, 15)[9:13] == [0, 1, 0, i + 1]  # type: ignore[index]
    bridge.damage(2)
    assert weigh(Weighbridge(SERIAL, file=file), 9) == 5
    assert [w.valid for w in Weighbridge(SERIAL, file=file).weighings] == [True, False, True, True, True]


def test_the_memory_of_another_indicator_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "alibi.json"
    weigh(Weighbridge(SERIAL, file=file), 0)
    with pytest.raises(ValueError, match=r"00000001.*a1b2c3d4|a1b2c3d4.*00000001"):
        Weighbridge(1, file=file)


@given(st.integers(0, 30), st.integers(1, 12))
def test_a_full_memory_forgets_the_oldest_and_never_uses_a_number_again(count: int, capacity: int) -> None:
    bridge = loaded(count, capacity=capacity)
    kept = [w.number for w in bridge.weighings]
    assert kept == list(range(max(1, count - capacity + 1), count + 1))
    assert Weighbridge.load(bridge.save(), capacity=capacity).weighings == bridge.weighings
    assert [r["seq"] for r in bridge.records()] == kept


@pytest.mark.parametrize("ident", ["X" * 33, "津" * 11, "A\0B"])
def test_an_ident_that_does_not_fit_is_refused(ident: str) -> None:
    bridge = Weighbridge(SERIAL)
    with pytest.raises(ValueError, match="32 bytes"):
        bridge.weigh(1, 0, ident, 0)
    assert bridge.weighings == ()
