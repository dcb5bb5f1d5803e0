"""The journal by the commands of `huishou journal`: exported; backed up and restored in mid-round."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from simulators.demo.ledgers import Journaled
from simulators.demo.points import Name
from simulators.fleet import read_ledger
from simulators.servers.process import wait_until
from simulators.sweep.kill.plan import GATEWAY, INTAKE, WEB, WRITER
from simulators.sweep.kill.stand import Stand, StandError
from simulators.sweep.kill.watch import Tail

QUIET_S = 1.0  # nothing new for so long: what was on its way has arrived
DEADLINE_S = 30.0


def exported(stand: Stand) -> Iterator[Journaled]:
    """Every numbered record of the journal, as `huishou journal export` gives it. Raises StandError."""
    file = stand.fresh_file("export.jsonl")
    stand.huishou("journal", "export", "--to", file)
    with file.open("rb") as lines:
        for line in lines:
            facts = json.loads(line)
            if "damaged" in facts:
                raise StandError(f"the journal exports a damaged row: {facts}")
            if "seq" in facts:
                refused = ",".join(facts["codes"]) if facts["outcome"] == "quarantined" else None
                name = Name(facts["device"], facts["log"], facts["seq"])
                yield Journaled(name, facts["text"].encode(), facts["t_ms"], refused)
    file.unlink()


def declared_lost(stand: Stand) -> int:
    """Records that the journal has written down as lost by their devices."""
    return int(json.loads(stand.huishou("journal", "stat", "--json"))["lost"])


def restore(stand: Stand) -> None:
    """Backed up while running, restored at once; the devices stand still, so none frees a record."""
    stand.pause_fleet()
    try:
        _wait_until_quiet(stand)
        copy = _backup(stand)
        if not stand.stop_gateway():
            raise StandError("the gateway did not stop cleanly before a restore")
        stand.huishou("journal", "restore", copy, "--yes")
        stand.revive()
    finally:
        stand.resume_fleet()


def roll_back(stand: Stand, tail: Tail, age_s: float) -> set[Name]:
    """The store dies, and a backup that is `age_s` old is all there is.

    Returns what the devices had freed by then and the backup does not have.
    """
    copy = _backup(stand)
    time.sleep(age_s)
    stand.kill((GATEWAY, INTAKE, WRITER, WEB))
    tail.wait_quiet(QUIET_S, DEADLINE_S)  # acknowledgements that were on their way
    stand.huishou("journal", "restore", copy, "--yes")
    held = {entry.name for entry in exported(stand)}
    forgotten = {
        name
        for entry in read_ledger(stand.ledger)
        if entry.what in "RB" and entry.seq <= tail.freed_up_to(entry.device, entry.log)
        for name in [Name(entry.device, entry.log, entry.seq)]
        if name not in held
    }
    stand.revive()
    return forgotten


def _backup(stand: Stand) -> Path:
    copy = stand.fresh_file("backup.db")
    stand.huishou("journal", "backup", copy)
    return copy


def _wait_until_quiet(stand: Stand) -> None:
    """Return when the journal has taken in all that was on its way."""
    last = ""

    def quiet() -> bool:
        nonlocal last
        before, last = last, str(json.loads(stand.huishou("journal", "stat", "--json"))["received"])
        return before == last

    if not wait_until(quiet, DEADLINE_S, step_s=QUIET_S):
        raise StandError(f"records arrive though no device sends, for {DEADLINE_S:g} s")
