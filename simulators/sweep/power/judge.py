"""Flash, truth and journal held against each other. Pure.

| finding | what it means |
|---|---|
| `lost` | a record was complete on flash; the journal lacks it long after all was well, or calls it lost |
| `altered` | the journal has another text under a record's number, or a text on flash changed |
| `doubled` | the journal has a number twice, or a record that was never on flash |
| `journal` | what the journal's own verification finds, and records that came under two numbers |
| others | of `simulators.sweep.door.judge`, asked of what the journal says: paid twice, thanked in vain |
"""

import json
from collections.abc import Iterable
from typing import Any

from simulators.sweep.door.judge import Lines, Verdict
from simulators.sweep.door.judge import judge as judge_doors

Name = tuple[str, int]
"""Log id and number."""


class Ledger:
    """Every record that was ever seen complete on flash, by its name; and how texts changed there."""

    def __init__(self) -> None:
        self.texts: dict[Name, bytes] = {}
        self.changed: list[str] = []

    def see(self, found: Iterable[tuple[str, int, bytes]]) -> None:
        """What is on flash now. A time may be filled in, once; nothing else may change."""
        for log, seq, text in found:
            known = self.texts.get((log, seq))
            if known is not None and known != text and not _filled_in(known, text):
                self.changed.append(f"on flash {log}/{seq} was {known!r}, became {text!r}")
            self.texts[log, seq] = text


def _filled_in(before: bytes, after: bytes) -> bool:
    """Whether the only difference is a time that was filled in."""
    old, new = json.loads(before), json.loads(after)
    if old.pop("clock") != "none" or new.pop("clock") != "back":
        return False
    old.pop("t")
    new.pop("t")
    return bool(old == new)


def judge(
    ledger: Ledger,
    owed: set[Name],
    stored: list[tuple[str, int, bytes]],
    declared: Iterable[tuple[str, int, int]],
    wrong: Iterable[str],
    visits: tuple[Lines, dict[str, tuple[bool, bool]], dict[str, int]] | None,
) -> Verdict:
    """`owed`: what the journal must have by now; `stored`: its records; `declared`: spans that the device
    declared lost; `wrong`: what the journal finds amiss in itself; `visits`: what `judge_doors` is told of a
    bin (truth, doors, bays), None for a truck.
    """
    records: list[dict[str, Any]] = [json.loads(text) for _log, _seq, text in sorted(stored)]
    verdict = Verdict()
    if visits is not None:
        truth, doors, bays = visits
        verdict = judge_doors(truth, records, doors, bays)
        verdict.counts["thanked"] += sum(line["what"] == "deposit" and line["thanked"] for line in truth)
    elif died := [one for one in records if one["kind"] == "fault" and one["code"] == "task-died"]:
        verdict.found("crash", died)
    held: dict[Name, bytes] = {}
    for log, seq, text in stored:
        if (log, seq) in held:
            verdict.found("doubled", f"{log}/{seq} stands twice in the journal")
        held[log, seq] = text
        known = ledger.texts.get((log, seq))
        if known is None:
            verdict.found("doubled", f"{log}/{seq} is in the journal and never was on flash: {text!r}")
        elif known != text:
            verdict.found("altered", f"{log}/{seq}: flash {known!r}, journal {text!r}")
    for log, seq in sorted(owed - held.keys()):
        verdict.found("lost", f"{log}/{seq}: {ledger.texts[log, seq]!r}")
    for log, first, last in declared:
        verdict.counts["numbers passed over"] += last - first + 1
        for seq in range(first, last + 1):
            if (log, seq) in ledger.texts:
                verdict.found("lost", f"{log}/{seq} was declared lost: {ledger.texts[log, seq]!r}")
    for words in ledger.changed:
        verdict.found("altered", words)
    for words in wrong:
        verdict.found("journal", words)
    verdict.counts["records"] += len(held)
    return verdict
