"""What a device's damaged flash took, from its `up/state` to the journal's account of it."""

import json
from pathlib import Path

import schemas
from gateway.journal import JournalReader, SqliteJournal, StateReport
from gateway.journal.model import Arrival
from tests.intake.test_deciding import decide, reading

TOPIC = "huishou/1/bin-0417/up/"


def state(**fields: object) -> Arrival:
    body = {"v": 1, "online": True, "log": "5eed0042", "first": 1, "head": 9, **fields}
    return decide(TOPIC + "state", json.dumps(body).encode())


def records(*numbers: int, first: int = 1) -> Arrival:
    recs = [reading(n) for n in numbers]
    body = {"v": 1, "log": "5eed0042", "first": first, "sent": 0, "recs": recs}
    return decide(TOPIC + "records", json.dumps(body).encode())


def test_the_example_names_what_is_lost() -> None:
    arrival = decide(TOPIC + "state", schemas.load_example("good/state-lost.json"))
    assert isinstance(arrival, StateReport)
    assert arrival.lost == ((4718, 4720), (4741, 4741))


def test_a_hole_in_the_middle_is_passed_once_all_before_it_is_there(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path)
    journal.append([records(1, 2), records(6, 7)])
    key = ("bin-0417", "5eed0042")
    journal.append([state(lost=[[4, 5]])])
    assert journal.hwm(*key) == 2, "3 may still come"
    journal.append([records(3)])
    done = journal.append([state(lost=[[4, 5]], head=8)])
    assert journal.hwm(*key) == 7
    assert done.acks[key] == 7, "the device may free what it holds"
    journal.close()
    with JournalReader(tmp_path) as reader:
        (loss,) = reader.losses()
        assert (loss.first, loss.last, loss.cause, reader.lost()) == (4, 5, "device", 2)
        assert reader.gaps() == []


def test_a_damaged_list_refuses_the_message_and_loses_nothing(tmp_path: Path) -> None:
    wrong: list[object] = [[[1]], [[1, 2, 3]], [["a", 2]], [[1, 2]] * 17, [[-1, 4]], {}]
    for lost in wrong:
        arrival = state(lost=lost)
        assert not isinstance(arrival, StateReport), lost
    assert isinstance(state(lost=[[9, 2]]), StateReport)  # says nothing
    journal = SqliteJournal(tmp_path)
    journal.append([records(1), state(lost=[[9, 2], [0, 0]])])
    assert journal.hwm("bin-0417", "5eed0042") == 1
    journal.close()
