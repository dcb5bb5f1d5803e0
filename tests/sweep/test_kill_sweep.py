"""The kill sweep in small, as CI runs it; and proof that its count finds what a kill could do."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from simulators.demo.ledgers import Journaled
from simulators.demo.points import Name, Point, Unit, decode, expected_point
from simulators.fleet import Entry
from simulators.sweep.kill.count import Made, ledgers, made
from simulators.sweep.kill.plan import ALL, What, draw
from simulators.sweep.kill.watch import Tail

UNITS = {"bin-001": Unit("bin", "nankai")}


@pytest.mark.city
def test_a_dozen_kills_and_two_restores_lose_nothing() -> None:
    command = [sys.executable, "-m", "simulators.sweep.kill", "--broker", "mosquitto", "--seed", "4"]
    done = subprocess.run(
        [*command, "--kills", "24", "--rounds", "2", "--only", "1"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["kills"] == 12
    assert (facts["lost"], facts["doubled"], facts["altered"], facts["unexpected"]) == (0, 0, 0, 0)
    assert facts["records"]["influxdb"] > 1000
    assert facts["records"]["forgotten_by_rollback"] > 0, "the rollback must have cost something to be a test"


def test_a_plan_is_a_function_of_its_seed_and_has_every_kind() -> None:
    assert draw("7/0", 20, ()) == draw("7/0", 20, ())
    assert draw("7/0", 20, ()) != draw("7/1", 20, ())
    plan = draw("7/0", 300, (What.RESTORE, What.ROLLBACK))
    assert sum(one.is_kill for one in plan) == 300
    assert {one.what for one in plan} == set(What)
    assert {one.victims for one in plan} >= {ALL, ("intake",), ("writer",), ("broker",), ("influxdb",)}


@dataclass
class Ledgers:
    """Three equal ledgers of ten records, to be spoiled."""

    fleet: Made
    journal: list[Journaled]
    points: list[Point]
    forgotten: set[Name] = field(default_factory=set)

    def differences(self) -> list[tuple[str, str]]:
        result = ledgers(self.fleet, self.journal, self.points, UNITS, self.forgotten)
        return [(one.what, one.where) for one in result.differences]


def name(seq: int) -> Name:
    return Name("bin-001", "0000abcd", seq)


def text(seq: int) -> bytes:
    return b'{"seq":%d,"t":1763715600000,"clock":"ntp","kind":"reading","fill_pct":%d}' % (seq, seq)


@pytest.fixture
def three() -> Ledgers:
    fleet = made(Entry("R", "bin-001", "0000abcd", seq, text(seq)) for seq in range(10))
    return Ledgers(
        fleet,
        [Journaled(name(seq), text(seq)) for seq in range(10)],
        [expected_point(name(seq), decode(text(seq)), None, UNITS["bin-001"]) for seq in range(10)],
    )


def test_equal_ledgers_are_equal(three: Ledgers) -> None:
    assert three.differences() == []


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda t: t.journal.pop(), [("missing", "journal"), ("unexpected", "influxdb")]),
        (lambda t: t.journal.append(t.journal[3]), [("doubled", "journal")]),
        (lambda t: t.points.pop(), [("missing", "influxdb")]),
        (lambda t: t.points.append(t.points[3]._replace(time_ns=1)), [("doubled", "influxdb")]),
        (
            lambda t: t.points.__setitem__(3, t.points[3]._replace(time_ns=1)),
            [("altered", "influxdb")],
        ),
        (
            lambda t: t.journal.__setitem__(3, t.journal[3]._replace(raw=text(3).replace(b":3}", b":4}"))),
            [("altered", "journal"), ("altered", "influxdb")],
        ),
        (
            lambda t: t.journal.__setitem__(3, t.journal[3]._replace(refused="bad-record")),
            [("unexpected", "influxdb")],
        ),
        (lambda t: t.fleet.good.pop(name(3)), [("unexpected", "journal")]),
        (lambda t: t.fleet.bad.add(name(10)), [("missing", "journal")]),
    ],
)
def test_every_single_spoiling_is_found(
    spoil: Callable[[Ledgers], object], found: list[tuple[str, str]], three: Ledgers
) -> None:
    spoil(three)
    assert sorted(set(three.differences())) == sorted(set(found))


def test_what_a_device_lost_may_be_missing_and_nothing_else(three: Ledgers) -> None:
    three.fleet.lost.update({name(8), name(9)})
    del three.journal[9], three.points[9]
    assert three.differences() == []
    del three.journal[7], three.points[7]
    assert three.differences() == [("missing", "journal")]


def test_what_was_freed_before_a_restore_may_stand_in_influxdb_once(three: Ledgers) -> None:
    three.forgotten = {name(9)}
    three.journal.pop()
    assert three.differences() == []
    three.points.append(three.points[9]._replace(time_ns=1))
    assert three.differences() == [("doubled", "influxdb")]


def test_a_record_made_after_the_mark_and_freed_is_an_answer(tmp_path: Path) -> None:
    ledger = tmp_path / "fleet.tsv"
    tail = Tail(ledger)
    with ledger.open("ab", buffering=0) as out:
        out.write(b"R\tbin-001\tabcd\t1\t{}\n")
        tail.mark()
        out.write(b"F\tbin-001\tabcd\t1\t\n")
        assert not tail.read(), "freed now, but made before"
        out.write(b"R\tbin-001\tabcd\t2\t{}\nF\tbin-001\tab")
        assert not tail.read()
        out.write(b"cd\t2\t\n")
        assert tail.read()
    assert tail.freed_up_to("bin-001", "abcd") == 2
