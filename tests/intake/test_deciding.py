"""Every message becomes something to journal, with the code it earns; nothing from outside raises."""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas
from gateway.codes import CODES
from gateway.contract import MAX_MESSAGE_BYTES
from gateway.devices import Device
from gateway.intake.decide import Decider, Incoming, failed, name_by_place
from gateway.journal import (
    Arrival,
    JournalReader,
    Outcome,
    Records,
    Refused,
    Reply,
    SqliteJournal,
    StateReport,
)

NOW = 1_763_715_600_000
UNITS = {"bin": "bin", "truck": "truck"}


def anyone(device: str) -> Device | None:
    """A devices file in which every device is, as what its name says."""
    unit = UNITS.get(device.split("-")[0], "station")
    return Device(device, unit)  # type: ignore[arg-type]


def incoming(topic: str, payload: bytes) -> Incoming:
    return Incoming(topic, payload[:MAX_MESSAGE_BYTES], len(payload), NOW)


def decide(topic: str, payload: bytes) -> Arrival:
    return Decider(anyone).decide(incoming(topic, payload))


def found_codes(arrival: Arrival) -> list[str]:
    match arrival:
        case Refused():
            return [arrival.code]
        case Records():
            return [one.codes[0] for one in arrival.records if one.outcome is Outcome.QUARANTINED]
    return []


def body(*records: dict[str, object] | str, first: int = 1) -> bytes:
    texts = (record if isinstance(record, str) else json.dumps(record) for record in records)
    return b'{"v":1,"log":"0000abcd","first":%d,"sent":1,"recs":[%b]}' % (first, ",".join(texts).encode())


def reading(seq: int, **more: object) -> dict[str, object]:
    return {"seq": seq, "t": NOW, "clock": "ntp", "kind": "reading", **more}


INDEX = schemas.example_index()


@pytest.mark.parametrize(
    "example", [e for e in INDEX["bad"] if "/down/" not in e["topic"]], ids=lambda e: e["file"]
)
def test_each_bad_example_is_kept_with_the_code_it_must_earn(example: dict[str, str], tmp_path: Path) -> None:
    payload = schemas.load_example(example["file"])
    arrival = decide(example["topic"], payload)
    assert found_codes(arrival) == [example["code"]]
    journal = SqliteJournal(tmp_path)
    journal.append([arrival])
    journal.close()
    with JournalReader(tmp_path) as reader:
        (kept,) = reader.quarantine()
        counters = reader.counters()
    assert kept.code == example["code"]
    assert kept.code in CODES
    assert kept.body in payload
    assert len(kept.body) <= MAX_MESSAGE_BYTES
    assert counters.received == sum(counters.outcomes.values())


@pytest.mark.parametrize(
    "example", [e for e in INDEX["good"] if "/up/" in e["topic"]], ids=lambda e: e["file"]
)
def test_nothing_of_a_good_example_is_refused_but_for_kinds_that_are_newer(example: dict[str, str]) -> None:
    arrival = decide(example["topic"], schemas.load_example(example["file"]))
    assert set(found_codes(arrival)) <= {"unknown-kind"}
    expected = {"records": Records, "state": StateReport, "replies": Reply}[
        example["topic"].rsplit("/", 1)[1]
    ]
    assert isinstance(arrival, expected)


def test_a_record_of_an_unknown_device_is_quarantined_one_by_one_and_so_can_be_acknowledged() -> None:
    arrival = Decider(lambda _: None).decide(
        incoming("huishou/1/bin-9/up/records", body(reading(1), reading(2)))
    )
    assert isinstance(arrival, Records)
    assert [(one.seq, one.codes) for one in arrival.records] == [
        (1, ("unknown-device",)),
        (2, ("unknown-device",)),
    ]


def test_a_state_of_an_unknown_device_is_refused_whole() -> None:
    arrival = Decider(lambda _: None).decide(incoming("huishou/1/bin-9/up/state", b'{"v":1,"online":true}'))
    assert found_codes(arrival) == ["unknown-device"]


def test_a_damaged_record_does_not_cost_its_neighbours() -> None:
    arrival = decide("huishou/1/bin-9/up/records", body(reading(1), reading(2, fill_pct=101), reading(3)))
    assert isinstance(arrival, Records)
    assert [one.outcome for one in arrival.records] == [
        Outcome.ACCEPTED,
        Outcome.QUARANTINED,
        Outcome.ACCEPTED,
    ]


def test_a_record_whose_number_cannot_be_read_takes_it_from_its_place() -> None:
    arrival = decide("huishou/1/bin-9/up/records", body(reading(4), '{"seq":"?"}', "7", reading(7)))
    assert isinstance(arrival, Records)
    assert [one.seq for one in arrival.records] == [4, 5, 6, 7]


@given(st.lists(st.none() | st.integers(0, 30), max_size=12))
def test_a_place_only_tells_a_number_that_its_neighbours_leave_room_for(numbers: list[int | None]) -> None:
    named = name_by_place(numbers)
    assert len(named) == len(numbers)
    for place, (before, after) in enumerate(zip(numbers, named, strict=True)):
        if before is not None:
            assert after == before
        elif after is not None:
            left = max(p for p in range(place) if numbers[p] is not None)
            right = min(p for p in range(place, len(numbers)) if numbers[p] is not None)
            assert numbers[right] - numbers[left] == right - left  # type: ignore[operator]
            assert after == numbers[left] + place - left  # type: ignore[operator]


def test_a_topic_that_comes_by_accident_cannot_multiply_counters() -> None:
    channels = Counter(
        arrival.channel
        for n in range(50)
        if isinstance(arrival := decide(f"huishou/1/bin-9/up/{n}/x", b"{}"), Refused)
    )
    assert channels == {"other": 50}


@given(
    topic=st.sampled_from(
        ("huishou/1/bin-1/up/records", "huishou/1/bin-1/up/state", "huishou/1/bin-1/up/replies", "a", "")
    ),
    payload=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    ).map(lambda value: json.dumps(value).encode())
    | st.lists(
        st.fixed_dictionaries(
            {"seq": st.integers(-1, 9) | st.none(), "kind": st.sampled_from(("reading", "weigh", "x", 1))}
        ),
        max_size=5,
    ).map(lambda records: body(*records)),
)
def test_whatever_arrives_is_decided(topic: str, payload: bytes) -> None:
    arrival = decide(topic, payload)
    assert set(found_codes(arrival)) <= CODES.keys()


def test_a_fault_of_the_program_keeps_the_message() -> None:
    message = incoming("huishou/1/bin-9/up/records", b"{}")
    refused = failed(message, ZeroDivisionError("x"))
    assert (refused.device, refused.channel, refused.code) == ("bin-9", "up/records", "decode-failed")
    assert refused.body == b"{}"
