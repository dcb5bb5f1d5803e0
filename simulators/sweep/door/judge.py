"""What the firmware recorded against what really happened. Pure.

| finding | what it means |
|---|---|
| `paid-for-nothing` | a deposit record, and nobody of that token put so much into that bay |
| `paid-twice` | a second deposit record of one visitor's one deposit |
| `missing` | somebody put something in, and no record of theirs says so, or why it was not weighed |
| `thanked-unrecorded` | the display said thank you, and there is no deposit record |
| `session-twice` | two records end the same session |
| `no-end` `two-ends` | a door was opened in a visit, and not exactly one record ended that session |
| `wrong-state` | at the end a door's last recorded state is not how it stands |
| `crash` | the firmware halted, printed a traceback, or a task died |
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

Lines = list[dict[str, Any]]

TOLERANCE_E = 3
"""A net weight may be off by so many intervals e (two roundings, and what the weather does in an outage)."""

_NOTHING_G = 40  # 2 e: rounded twice it may show as e, which is what no change may look like

_EXCUSES = ("unstable", "fault", "refused")


@dataclass(slots=True)
class Verdict:
    """`findings`: (kind, detail), none in a good round. `counts`: what happened, for the table."""

    findings: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def found(self, kind: str, detail: object) -> None:
        self.findings.append((kind, str(detail)))


def judge(truth: Lines, records: Lines, doors: dict[str, tuple[bool, bool]], bays: dict[str, int]) -> Verdict:
    """`doors`: (bolted, shut) of each lock at the end; `bays`: number of each lock's bay."""
    verdict = Verdict()
    _count(verdict, truth, records)
    _paid(verdict, truth, records)
    _sessions(verdict, records)
    _ends(verdict, records, bays)
    _states(verdict, records, doors)
    for record in records:
        if record["kind"] == "fault" and record["code"] == "task-died":
            verdict.found("crash", record)
    return verdict


def _count(verdict: Verdict, truth: Lines, records: Lines) -> None:
    counts = verdict.counts
    for line in truth:
        if line["what"] in ("cut", "crowbar"):
            counts[line["what"]] += 1
        elif line["what"] == "fault" and line["fault"] is not None:
            counts["faults"] += 1
        elif line["what"] == "battery":
            counts["battery " + line["state"]] += 1
    for record in records:
        if record["kind"] in ("deposit", "session", "collect"):
            counts["sessions"] += 1
            counts[record["kind"] if record["kind"] != "session" else record["outcome"]] += 1
            if record.get("code") == "power-lost":
                counts["power-lost"] += 1
        elif record["kind"] == "door":
            counts["door " + record["state"]] += 1


def _paid(verdict: Verdict, truth: Lines, records: Lines) -> None:
    put: dict[tuple[str, int], Lines] = defaultdict(list)
    for line in truth:
        if line["what"] == "deposit":
            put[line["token"], line["bay"]].append(line)
    paid: dict[tuple[str, int], Lines] = defaultdict(list)
    told: dict[str, Lines] = defaultdict(list)
    for record in records:
        if record["kind"] == "deposit":
            paid[record["user"], record["bay"]].append(record)
        elif record["kind"] == "session" and "user" in record:
            told[record["user"]].append(record)
    for key, found in paid.items():
        happened = list(put.get(key, ()))
        for record in found:
            allowed_g = TOLERANCE_E * record["e_g"]
            near = [line for line in happened if abs(line["mass_g"] - record["net_g"]) <= allowed_g]
            if near:
                happened.remove(near[0])
            else:
                verdict.found("paid-twice" if key in put and len(found) > 1 else "paid-for-nothing", record)
    for key, happened in put.items():
        records_of = paid.get(key, [])
        for line in happened[len(records_of) :]:
            excuses = [one for one in told[key[0]] if one["bay"] == key[1] and one["outcome"] in _EXCUSES]
            if line["thanked"]:
                verdict.found("thanked-unrecorded", line)
            elif line["mass_g"] <= _NOTHING_G:
                verdict.counts["nothing to a scale"] += 1
            elif excuses:
                verdict.counts["refused with a reason"] += 1
                verdict.counts["why " + str(excuses[-1].get("code", excuses[-1]["outcome"]))] += 1
            else:
                verdict.found("missing", (line, told[key[0]]))


def _sessions(verdict: Verdict, records: Lines) -> None:
    seen = Counter(r["session"] for r in records if r["kind"] in ("deposit", "session"))
    for session, count in seen.items():
        if count > 1:
            verdict.found("session-twice", session)


def _ends(verdict: Verdict, records: Lines, bays: dict[str, int]) -> None:
    """Between two unlockings of a door there is one session, if it was opened then."""
    opened: dict[int, dict[str, Any]] = {}
    ends: Counter[int] = Counter()

    def close(bay: int) -> None:
        if bay in opened and ends[bay] != 1:
            verdict.found("no-end" if not ends[bay] else "two-ends", opened[bay])
        opened.pop(bay, None)
        ends[bay] = 0

    for record in records:
        if record["kind"] == "door":
            bay = bays[record["door"]]
            if record["state"] == "unlocked":
                close(bay)
            elif record["state"] == "open" and record.get("cause") in ("user", "crew"):
                opened.setdefault(bay, record)
        elif record["kind"] in ("deposit", "collect", "session") and record["bay"] in opened:
            ends[record["bay"]] += record["kind"] == "collect" or "open_ms" in record
    for bay in list(opened):
        close(bay)


def _states(verdict: Verdict, records: Lines, doors: dict[str, tuple[bool, bool]]) -> None:
    last = dict.fromkeys(doors, "locked")
    last.update((r["door"], r["state"]) for r in records if r["kind"] == "door")
    for door, (bolted, shut) in doors.items():
        so = ("locked",) if shut and bolted else ("jammed",) if shut else ("open", "forced")
        if last[door] not in so:
            verdict.found("wrong-state", f"{door}: recorded {last[door]}, bolted {bolted}, shut {shut}")
