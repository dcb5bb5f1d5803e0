"""Modbus RTU frames: as pymodbus makes and reads them, and nothing else is taken for an answer."""

import json
import subprocess
import sys

import pytest
from edge.drivers import rtu
from edge.errors import EdgeError
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer.rtu import FramerRTU
from pymodbus.pdu import DecodePDU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadHoldingRegistersResponse

from simulators.board.firmware import FIRMWARE
from tests.device.interpreter import micropython

units = st.integers(1, 247)
registers = st.lists(st.integers(0, 65_535), min_size=1, max_size=rtu.MAX_WORDS)


def sealed(frame: bytes) -> bytes:
    """A frame with the check sum that pymodbus computes."""
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


def answer(unit: int, words: list[int]) -> bytes:
    """What a pymodbus server says to a read of holding registers."""
    pdu = ReadHoldingRegistersResponse(registers=words, dev_id=unit)
    return FramerRTU(DecodePDU(False)).buildFrame(pdu)


def refused(unit: int, count: int, frame: bytes) -> str:
    with pytest.raises(EdgeError) as caught:
        rtu.words(unit, rtu.HOLDING, count, frame)
    return str(caught.value.code)


def test_the_check_sum_is_that_of_the_specification() -> None:
    # Modbus over serial line 1.02, 6.2.2: 02 07 is sent with the check sum 41 12.
    assert rtu.crc(b"\x02\x07").to_bytes(2, "little") == b"\x41\x12"
    assert rtu.crc(b"\x02\x07\x41\x12") == 0


@given(st.binary(max_size=300))
def test_check_sums_are_pymodbus(data: bytes) -> None:
    assert rtu.crc(data).to_bytes(2, "little") == FramerRTU.compute_CRC(data).to_bytes(2, "big")


@given(units, st.integers(0, 65_535), st.integers(1, rtu.MAX_WORDS))
def test_a_request_is_what_pymodbus_would_send(unit: int, address: int, count: int) -> None:
    pdu = ReadHoldingRegistersRequest(address=address, count=count, dev_id=unit)
    assert rtu.request(unit, rtu.HOLDING, address, count) == FramerRTU(DecodePDU(True)).buildFrame(pdu)


@given(units, registers)
def test_an_answer_of_pymodbus_is_read(unit: int, words: list[int]) -> None:
    frame = answer(unit, words)
    assert list(rtu.words(unit, rtu.HOLDING, len(words), frame)) == words
    assert all(rtu.length(frame[:n], len(words)) == len(frame) for n in range(len(frame)))


@given(units, registers, st.data())
def test_a_frame_with_up_to_three_wrong_bits_is_refused(
    unit: int, words: list[int], data: st.DataObject
) -> None:
    frame = bytearray(answer(unit, words))
    bits = data.draw(st.sets(st.integers(0, 8 * len(frame) - 1), min_size=1, max_size=3))
    for bit in bits:
        frame[bit // 8] ^= 1 << bit % 8
    assert refused(unit, len(words), bytes(frame)) in ("rtu-crc", "rtu-wrong-answer")


@given(units, registers, st.data())
def test_a_frame_that_is_cut_short_or_goes_on_is_refused(
    unit: int, words: list[int], data: st.DataObject
) -> None:
    frame = answer(unit, words)
    cut = data.draw(st.integers(0, len(frame) - 1))
    assert refused(unit, len(words), frame[:cut]) == "rtu-crc"
    assert refused(unit, len(words), frame + b"\x55") == "rtu-crc"


@given(units, units, registers, st.integers(1, rtu.MAX_WORDS))
def test_an_answer_to_somebody_else_or_to_another_question_is_refused(
    unit: int, other: int, words: list[int], count: int
) -> None:
    frame = answer(unit, words)
    if other != unit:
        assert refused(other, len(words), frame) == "rtu-wrong-answer"
    if count != len(words):
        assert refused(unit, count, frame) == "rtu-wrong-answer"
    with pytest.raises(EdgeError, match="rtu-wrong-answer"):
        rtu.words(unit, rtu.INPUT, len(words), frame)


@given(units, st.integers(1, 255), st.integers(1, rtu.MAX_WORDS))
def test_a_unit_that_says_no_is_understood(unit: int, exception: int, count: int) -> None:
    frame = sealed(bytes([unit, rtu.HOLDING | 128, exception]))
    assert refused(unit, count, frame) == ("rtu-busy" if exception in (5, 6) else "rtu-refused")
    assert rtu.length(frame[:2], count) == len(frame)


@given(units, st.integers(1, rtu.MAX_WORDS), st.binary(max_size=40), st.booleans())
def test_any_bytes_at_all_end_in_a_code_or_in_the_right_number_of_words(
    unit: int, count: int, noise: bytes, seal: bool
) -> None:
    frame = sealed(noise) if seal else noise
    if frame[:3] == bytes([unit, rtu.HOLDING, 2 * count]) and len(frame) == 5 + 2 * count and seal:
        assert len(rtu.words(unit, rtu.HOLDING, count, frame)) == count
    else:
        assert refused(unit, count, frame).startswith("rtu-")


def test_frames_are_the_same_under_micropython() -> None:
    program = """
import json
from edge.drivers import rtu
from edge.errors import EdgeError
out = [rtu.request(n, 3 + n % 2, 256 * n, n).hex() for n in range(1, 126)]
frame = bytes([7, 3, 4, 0xFF, 0xFE, 0x80, 0x00])
frame += rtu.crc(frame).to_bytes(2, "little")
out.append(list(rtu.words(7, 3, 2, frame)))
for unit, count, data in ((8, 2, frame), (7, 3, frame), (7, 2, frame[:-1]), (7, 2, frame[:-1] + b"x")):
    try:
        rtu.words(unit, 3, count, data)
    except EdgeError as error:
        out.append([error.code, error.detail])
print(json.dumps(out))
"""
    here = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=True, env={"PYTHONPATH": str(FIRMWARE)},
    ).stdout  # fmt: skip
    assert json.loads(micropython(program)) == json.loads(here)
