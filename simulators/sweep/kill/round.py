"""One round: an empty stand, mishaps under load, everything drains, the ledgers are compared."""

import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulators.demo.ledgers import Comparison
from simulators.demo.points import Name
from simulators.demo.points_read import influxdb
from simulators.fleet import Faults, Options, read_ledger
from simulators.servers.broker import Kind
from simulators.servers.errors import ServerError
from simulators.servers.process import Children
from simulators.sweep.kill import backups, count
from simulators.sweep.kill.plan import ALL, GATEWAY, INFLUXDB, WRITER, Mishap, What, draw
from simulators.sweep.kill.stand import Stand, StandError, wait_for_count
from simulators.sweep.kill.watch import Tail, wait_answered, wait_written

READY_S = 60.0  # a part that is not back by then is not waited for: a failure
START_S = 30.0
DRAIN_S = 120.0
FAULTS = Faults(duplicate=0.01, reorder=0.01, resend=0.002, bad=0.003, garbage=0.003)
FORGETFUL = Faults(**(vars(FAULTS) | {"lose": 0.002, "new_log": 0.001}))

Say = Callable[[str], None]


@dataclass(frozen=True)
class Round:
    """What makes a round: the same again gives the same mishaps at the same instants."""

    seed: int
    number: int
    broker: Kind
    kills: int
    restores: tuple[What, ...] = ()
    devices: int = 60
    rate: float = 60.0  # messages a second
    records: int = 5

    def plan(self) -> list[Mishap]:
        return draw(f"{self.seed}/{self.number}/{self.broker}", self.kills, self.restores)

    def options(self) -> Options:
        # When a backup is restored, what may be missing is told exactly; devices that lose records besides
        # would blur it.
        faults = FAULTS if self.restores else FORGETFUL
        return Options(
            seed=self.seed * 1000 + self.number,
            devices=self.devices,
            per_connection=self.devices // 3 + 1,
            records=self.records,
            rate=self.rate,
            faults=faults,
            stall_s=5.0,
            drain_s=DRAIN_S,
        )


@dataclass
class Result:
    """What came of a round. `problems` empty: nothing was lost, doubled or altered, and all worked again."""

    round: Round
    kills: int = 0
    ready_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    written_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    problems: list[str] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    fleet: dict[str, Any] = field(default_factory=dict)
    comparison: Comparison = field(default_factory=Comparison)
    took_s: float = 0.0


def run(round_: Round, directory: Path, say: Say, happened: Callable[[], None]) -> Result:
    """Play a round in a directory. Raises StandError and ServerError when the parts do not even start."""
    began = time.monotonic()
    result = Result(round_)
    with Children() as children:
        stand = Stand(directory, children, round_.broker, round_.options())
        try:
            forgotten = _hurt(stand, round_, result, say, happened)
            _count(stand, result, forgotten)
        except (StandError, ServerError) as error:
            result.problems.append(f"[{error.code}] {error}")
        finally:
            stand.close()
    result.took_s = time.monotonic() - began
    return result


def _hurt(stand: Stand, round_: Round, result: Result, say: Say, happened: Callable[[], None]) -> set[Name]:
    """All mishaps of the plan; returns what a restore from an old backup made be forgotten."""
    tail = Tail(stand.ledger)
    tail.mark()
    if wait_answered(tail, START_S) is None:
        raise StandError(f"no record was acknowledged within {START_S:g} s:\n{stand.fleet.last_words()}")
    forgotten: set[Name] = set()
    for mishap in round_.plan():
        time.sleep(mishap.gap_s)
        say(f"{mishap.name}")
        began = time.monotonic()
        match mishap.what:
            case What.KILL:
                stand.kill(mishap.victims)
                tail.mark()
                stand.revive()
            case What.FORGET:
                stand.kill(mishap.victims)
                stand.forget()
                tail.mark()
                stand.revive()
            case What.PAUSE:
                (victim,) = mishap.victims
                stand.pause(victim)
                try:
                    time.sleep(mishap.for_s)
                finally:
                    stand.resume(victim)
                tail.mark()
                began = time.monotonic()
            case What.RESTORE:
                backups.restore(stand)
                tail.mark()
                began = time.monotonic()
            case What.ROLLBACK:
                forgotten |= backups.roll_back(stand, tail, mishap.for_s)
                tail.mark()
                began = time.monotonic()
        result.kills += mishap.is_kill
        happened()
        if mishap.wait:
            _time(stand, tail, mishap, began, result)
        if not stand.fleet.running:
            raise StandError(f"the fleet has ended:\n{stand.fleet.last_words()}")
    return forgotten


def _time(stand: Stand, tail: Tail, mishap: Mishap, began: float, result: Result) -> None:
    """How long until intake acknowledges again, and where it was hit, the writer writes again."""
    if wait_answered(tail, READY_S) is None:
        result.problems.append(f"{mishap.name}: intake did not work again within {READY_S:g} s")
        return
    result.ready_s[mishap.name].append(time.monotonic() - began)
    if mishap.victims == ALL or {WRITER, INFLUXDB, GATEWAY} & set(mishap.victims):
        if wait_written(stand.points, _points(stand), READY_S) is None:
            result.problems.append(f"{mishap.name}: the writer did not work again within {READY_S:g} s")
        else:
            result.written_s[mishap.name].append(time.monotonic() - began)


def _points(stand: Stand) -> int:
    try:
        return stand.points()
    except OSError:
        return 0


def _count(stand: Stand, result: Result, forgotten: set[Name]) -> None:
    """Let everything drain, stop, compare."""
    result.fleet = dict(stand.stop_fleet(DRAIN_S + 30))
    if not result.fleet["drained"]:
        result.problems.append(f"{result.fleet['held']} records were not acknowledged in {DRAIN_S:g} s")
    if result.fleet["false_acks"]:
        result.problems.append(f"{result.fleet['false_acks']} acknowledgements of what was never sent")
    wanted = sum(entry.refused is None for entry in backups.exported(stand))
    found = wait_for_count(stand, wanted, DRAIN_S)
    if found < wanted:
        result.problems.append(f"InfluxDB holds {found} points of {wanted} after {DRAIN_S:g} s")
    facts = json.loads(stand.run("gateway", "status", "--json").stdout)["records"]
    if facts["received"] != sum(facts["outcomes"].values()):
        result.problems.append(f"received {facts['received']} is not the sum of {facts['outcomes']}")
    if not stand.stop_gateway():
        result.problems.append("the gateway did not stop cleanly in time")
    verified = stand.run("journal", "verify")
    if verified.returncode:
        result.problems.append(f"journal verify: exit {verified.returncode}: {verified.stdout[-500:]}")
    fleet = count.made(read_ledger(stand.ledger))
    journaled = list(backups.exported(stand))
    result.comparison = count.ledgers(fleet, journaled, influxdb(stand.access), stand.units, forgotten)
    declared = backups.declared_lost(stand)
    missing = len(forgotten - {entry.name for entry in journaled})
    if result.round.restores and declared != missing:
        result.problems.append(f"declared lost: {declared}; freed and not in the backup: {missing}")
    result.problems += [str(one) for one in result.comparison.differences[:20]]
    result.records = {
        "fleet": len(fleet.good) + len(fleet.bad),
        "journal": result.comparison.total("journal") + len(fleet.bad),
        "influxdb": result.comparison.total("influxdb"),
        "lost_on_devices": len(fleet.lost),
        "forgotten_by_rollback": len(forgotten),
        "received": facts["received"],
        "duplicates": facts["outcomes"].get("duplicate", 0),
    }
