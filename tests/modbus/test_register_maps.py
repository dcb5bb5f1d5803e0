"""Register maps: words become values, and what cannot be an answer is refused."""

import copy
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.client.mixin import ModbusClientMixin

import hardware
from gateway.modbus.registers import MapError, WordsError, check, read_map
from gateway.modbus.weighings import check_indicator, read_weighing
from simulators.peers.weighbridge import Weighbridge
from tests.modbus.lines import LOG, SERIAL, loaded

DATA = hardware.load_register_map("weighbridge")
MAP = read_map(DATA)


def words_of(bridge: Weighbridge, group: str) -> list[int]:
    layout = MAP.groups[group]
    words = bridge.read(layout.address, layout.size)
    assert isinstance(words, list)
    return list(words)


def test_every_shipped_map_is_usable() -> None:
    assert {name: (group.address, group.size) for name, group in MAP.groups.items()} == {
        "live": (0, 15),
        "request": (100, 2),
        "alibi": (110, 33),
    }


@given(
    st.sampled_from(["uint16", "int16", "uint32", "int32", "uint64", "int64"]),
    st.sampled_from(["big", "little"]),
    st.data(),
)
def test_numbers_are_read_as_pymodbus_writes_them(type_: str, order: Any, data: st.DataObject) -> None:
    bits = int(type_.lstrip("uint"))
    low, high = (0, 2**bits - 1) if type_[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    value = data.draw(st.integers(low, high))
    register = {"name": "x", "address": 7, "type": type_}
    one = read_map({"id": "t", "word_order": order, "groups": {"g": {"registers": [register]}}})
    words = ModbusClientMixin.convert_to_registers(value, ModbusClientMixin.DATATYPE[type_.upper()], order)
    assert one.decode("g", words) == {"x": value}
    assert one.encode("g", {"x": value}) == words


@given(st.integers(-20_000_000, 80_000_000), st.integers(0, 40_000_000), st.booleans())
def test_the_display_is_read_in_grams_from_steps_of_ten_kilograms(load: int, tare: int, moving: bool) -> None:
    bridge = Weighbridge(SERIAL)
    bridge.load_g, bridge.tare_g, bridge.moving = load, tare // 10_000 * 10_000, moving
    values = MAP.decode("live", words_of(bridge, "live"))
    assert isinstance(values["gross_g"], int)
    assert abs(values["gross_g"] - load) <= 5_000
    assert values["gross_g"] % 10_000 == 0
    assert values["net_g"] == values["gross_g"] - bridge.tare_g
    assert (values["status.stable"], values["status.motion"]) == (int(not moving), int(moving))
    assert values["status.zero"] == (abs(load) <= 5_000)
    assert values["status.overload"] == (load > 60_180_000)


@given(st.data())
def test_one_wrong_bit_anywhere_in_the_window_is_noticed(data: st.DataObject) -> None:
    bridge = loaded(5)
    bridge.write(100, [0, 3])
    words = words_of(bridge, "alibi")
    at = data.draw(st.integers(0, len(words) - 1))
    words[at] ^= 1 << data.draw(st.integers(0, 15))
    with pytest.raises(WordsError):
        read_weighing(MAP, words, SERIAL, 3)


@given(st.integers(0, 125))
def test_another_length_is_never_decoded(count: int) -> None:
    for name, group in MAP.groups.items():
        if count != group.size:
            with pytest.raises(WordsError, match="wrong-length"):
                MAP.decode(name, [0] * count)


def test_a_window_on_another_weighing_or_another_indicator_is_refused() -> None:
    bridge = loaded(5)
    bridge.write(100, [0, 2])
    words = words_of(bridge, "alibi")
    assert b'"seq":2' in read_weighing(MAP, words, SERIAL, 2)
    for serial, number in ((SERIAL, 3), (SERIAL + 1, 2)):
        with pytest.raises(WordsError, match=f"wrong-weighing.*2 of {LOG}"):
            read_weighing(MAP, words, serial, number)


def test_a_number_that_the_memory_does_not_hold_is_not_a_weighing() -> None:
    bridge = loaded(5)
    bridge.write(100, [0, 6])
    with pytest.raises(WordsError, match="not-held"):
        read_weighing(MAP, words_of(bridge, "alibi"), SERIAL, 6)


def test_a_text_that_is_not_utf8_is_refused() -> None:
    bridge = loaded(2)
    bridge.write(100, [0, 2])
    words = words_of(bridge, "alibi")
    words[15] = 0xFFFE
    words[31:] = struct.unpack(">2H", struct.pack(">I", check(words[:31])))
    with pytest.raises(WordsError, match="not-text"):
        read_weighing(MAP, words, SERIAL, 2)


def wrong(change: str) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    live = data["groups"]["live"]["registers"]
    match change:
        case "unknown type":
            live[0]["type"] = "uint24"
        case "hole":
            live[3]["address"] += 1
        case "words missing":
            live[0]["type"] = "text"
        case "words without text":
            live[0]["words"] = 2
        case "twice the same name":
            live[1]["name"] = "serial"
        case "no such check":
            data["groups"]["live"]["check"] = "sum"
        case "same lengths":
            data["groups"]["request"]["registers"].append(
                {"name": "rest", "address": 102, "type": "text", "words": 13}
            )
        case "too long":
            live[-1] |= {"type": "text", "words": 120}
        case "misspelt key":
            live[0]["adress"] = 3
        case "no registers":
            data["groups"]["live"]["registers"] = []
    return data


@pytest.mark.parametrize("group", ["live", "request", "alibi"])
def test_a_map_without_what_a_station_needs_is_explained(group: str) -> None:
    needed = {r.name for r in MAP.groups[group].registers} - {"crc"}
    for name in needed:
        data = copy.deepcopy(DATA)
        for register in data["groups"][group]["registers"]:
            if register["name"] == name:
                register["name"] = "other"
        with pytest.raises(MapError, match=rf"'{group}': {name}"):
            check_indicator(read_map(data))
    data = copy.deepcopy(DATA)
    del data["groups"][group]
    with pytest.raises(MapError, match=group):
        check_indicator(read_map(data))


def test_a_text_where_a_number_is_needed_is_explained() -> None:
    data = copy.deepcopy(DATA)
    data["groups"]["live"]["registers"][0] |= {"type": "text", "words": 2}
    with pytest.raises(MapError, match="'live': serial"):
        check_indicator(read_map(data))


@pytest.mark.parametrize(
    "change",
    [
        "unknown type",
        "hole",
        "words missing",
        "words without text",
        "twice the same name",
        "no such check",
        "same lengths",
        "too long",
        "misspelt key",
        "no registers",
    ],
)
def test_a_wrong_map_is_explained(change: str) -> None:
    with pytest.raises(MapError, match="register map 'weighbridge'"):
        read_map(wrong(change))
