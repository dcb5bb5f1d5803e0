"""Line protocol: one fixed type per field, names that decide the time, text that survives."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from gateway.contract_types import Deposit, Fault, Fence, Reading, RecordBase, Weigh
from gateway.devices import Device
from gateway.writer.line import Dialect, Encoder, LineError

BIN = Device("bin-001", "bin", site="nankai 3")


def encode(
    device: str,
    known: Device | None,
    log: str,
    record: RecordBase,
    t_ms: int | None = None,
    dialect: Dialect = "influxdb",
) -> str:
    encoder = Encoder(dialect, lambda _: known)
    return encoder.line(encoder.head(device), log, record, record.t if t_ms is None else t_ms)


def test_a_deposit_becomes_the_line_that_the_mapping_says() -> None:
    record = Deposit(
        4711, 1_763_715_600_123, "ntp", "s-1", 2, "paper", 480, 1000, 1480, 5, "c7", False, 9000, "u=1"
    )
    assert encode("bin-001", BIN, "0000abcd", record) == (
        r"deposit,bay=2,category=paper,clock=ntp,device=bin-001,log=0000abcd,site=nankai\ 3,unit=bin"
        r' seq=4711i,session="s-1",net_g=480i,before_g=1000i,after_g=1480i,e_g=5i,'
        r'cal="c7",below_min=false,open_ms=9000i,user="u=1" 1763715600123004711'
    )


def test_what_is_not_known_is_absent_and_a_device_that_is_not_known_has_no_unit() -> None:
    record = Reading(0, 1, "none", temp_dc=-5)
    assert encode("x-1", None, "0000abcd", record) == (
        "reading,clock=none,device=x-1,log=0000abcd seq=0i,temp_dc=-5i 1000000"
    )


def test_the_time_of_arrival_replaces_that_of_the_record_but_not_its_number() -> None:
    record = Reading(2_000_003, 5, "none")
    assert encode("x-1", None, "0000abcd", record, t_ms=1_763_715_600_000).endswith(" 1763715600000000003")


def test_the_code_of_a_fault_is_a_tag_and_its_detail_a_field() -> None:
    record = Fault(1, 1, "ntp", "scale0", "no-signal", "raised", 'stuck at "-1"')
    assert encode("x-1", None, "0000abcd", record) == (
        r"fault,clock=ntp,code=no-signal,device=x-1,log=0000abcd,part=scale0,state=raised seq=1i,"
        r'detail="stuck at \"-1\"" 1000001'
    )


@pytest.mark.parametrize("name", ["a\\", "a\\ b", "a\\,b", "a\\=b"])
def test_a_tag_that_line_protocol_cannot_spell_is_refused_not_altered(name: str) -> None:
    with pytest.raises(LineError):
        encode("x-1", None, "0000abcd", Fence(1, 1, "gnss", name, "enter", 0, 0))


text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12) | st.text(
    '\\", =a', min_size=1, max_size=6
)
integers = st.integers(-(2**31), 2**31)


@given(fence=text, seq=st.integers(0, 2**32 - 1), t=st.integers(0, 9_223_372_036_853), lat=integers)
def test_a_fence_reads_back_as_it_was(fence: str, seq: int, t: int, lat: int) -> None:
    try:
        line = encode("truck-1", None, "0000abcd", Fence(seq, t, "gnss", fence, "exit", lat, 7))
    except LineError:
        assert "\\" in fence
        return
    tags, fields, time = parse(line)
    common = {"device": "truck-1", "log": "0000abcd", "clock": "gnss"}
    assert tags == {**common, "event": "exit", "fence": fence}
    assert list(tags) == sorted(tags)
    assert fields == {"seq": seq, "lat_e7": lat, "lon_e7": 7}
    assert time == t * 1_000_000 + seq % 1_000_000 < 2**63


@given(ident=text, stable=st.booleans(), gross=integers)
def test_a_weighing_reads_back_as_it_was(ident: str, stable: bool, gross: int) -> None:
    record = Weigh(1, 1, "ntp", "bridge", gross, 0, gross, stable, ident, UNSET)
    tags, fields, _ = parse(encode("station-1", None, "0000abcd", record))
    assert tags == {"device": "station-1", "log": "0000abcd", "clock": "ntp", "scale": "bridge"}
    assert fields["ident"] == ident
    assert fields["stable"] is stable
    assert fields["gross_g"] == gross
    assert "lot" not in fields


def test_victoriametrics_gets_numbers_alone_at_times_that_are_a_records_own() -> None:
    record = Deposit(
        4711, 1_763_715_600_123, "ntp", "s-1", 2, "paper", 480, 1000, 1480, 5, "c7", False, 9000, "u=1"
    )
    assert encode("bin-001", BIN, "0000abcd", record, dialect="victoriametrics") == (
        r"deposit,bay=2,category=paper,device=bin-001,site=nankai\ 3,unit=bin"
        r" seq=4711i,net_g=480i,before_g=1000i,after_g=1480i,e_g=5i,below_min=false,open_ms=9000i"
        r" 1763715600711000000"
    )


@given(t=st.integers(0, 9_223_372_036_853), first=st.integers(0, 2**32 - 1001))
def test_a_thousand_records_of_one_instant_have_times_of_their_own_in_victoriametrics(
    t: int, first: int
) -> None:
    times = set()
    for seq in (first, first + 1, first + 499, first + 999):
        line = encode("x-1", None, "0000abcd", Reading(seq, t, "ntp"), dialect="victoriametrics")
        ns = int(line.rpartition(" ")[2])
        assert ns % 1_000_000 == 0
        assert abs(ns // 1_000_000 - t) < 1000
        times.add(ns)
    assert len(times) == 4


def parse(line: str) -> tuple[dict[str, str], dict[str, object], int]:
    """Line protocol read back by its published grammar, independently of the encoder."""
    head, rest = re.fullmatch(r"((?:\\.|[^ \\]|\\)+?)(?<!\\) (.*)", line, re.DOTALL).groups()  # type: ignore[union-attr]
    parts = re.split(r"(?<!\\),", head)
    tags = {}
    for part in parts[1:]:
        key, value = re.split(r"(?<!\\)=", part)
        tags[key] = re.sub(r"\\([,= ])", r"\1", value)
    fields: dict[str, object] = {}
    while True:
        match = re.match(r'([a-z0-9_]+)=("(?:\\.|[^"\\])*"|true|false|-?\d+i)(,| )', rest, re.DOTALL)
        assert match, rest
        name, value, end = match.groups()
        rest = rest[match.end() :]
        if value.startswith('"'):
            fields[name] = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        else:
            fields[name] = {"true": True, "false": False}.get(value) if value[0] in "tf" else int(value[:-1])
        if end == " ":
            return tags, fields, int(rest)
