"""Judges what is in the quarantine anew, by today's rules, limits, devices and decoder.

What comes out follows from the journal's content, the rules and the devices alone: records of a log are taken
in the order of their numbers, each with the time at which it arrived, and compared with what the log says
before it as judged by now. So the same journal gives the same findings, byte for byte, wherever and whenever
it is replayed; `basis` names the rules and devices. A record that keeps its number keeps what the numbering
said of it (`seq-gap`, `seq-late`); a second copy with other content (`seq-conflict`) is never released.
"""

import copy
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from gateway.checks import CHECKS, HORIZON, Case, Limits, Past, Stage, check, rules_version
from gateway.contract import Item, decode_record, topic
from gateway.contract_types import Deposit
from gateway.devices import Device
from gateway.intake.decide import Decider, Incoming, past_of
from gateway.journal import JournalReader, SqliteJournal
from gateway.journal.bodies import compose
from gateway.journal.model import Arrival, Judged, Outcome, Records, Refused, Reissued, Rejudged
from gateway.journal.stored import Refusal, Stored

NUMBERING = frozenset(rule.code for rule in CHECKS if rule.stage is Stage.NUMBERING)
PAGE = 1_000  # entries of the quarantine, or numbers of a log, read at a time
BATCH = 500  # changes put in force in one transaction: intake waits for some milliseconds at most

Devices = Mapping[str, Device]


class Wanted(Struct, frozen=True):
    """Which entries of the quarantine: all that is given must hold. `since_ms`: received then or later."""

    codes: frozenset[str] = frozenset()
    device: str | None = None
    since_ms: int = 0


class Finding(Struct, frozen=True):
    """What today's rules say of one entry.

    `outcome` and `codes`: of a record, as it would stand; of a refused message that decodes now `withdrawn`,
    with what becomes of its records in `records`. `change`: what would put it in force; None: it stays as it
    is. `why`: why an entry cannot be judged anew.
    """

    entry: int
    received_ms: int
    device: str
    channel: str
    log: str | None
    seq: int | None
    was: str
    outcome: str
    codes: tuple[str, ...] = ()
    detail: str = ""
    t_ms: int | None = None
    records: dict[str, int] = {}
    why: str = ""
    change: Rejudged | Reissued | None = None

    def line(self) -> bytes:
        """One line of canonical JSON: keys sorted, no spaces."""
        facts = {name: getattr(self, name) for name in self.__struct_fields__ if name != "change"}
        return msgspec.json.encode({**facts, "changes": self.change is not None}, order="sorted") + b"\n"


class Tally(Struct):
    """What a replay came to. `changes`: how many entries, from which code to what."""

    basis: str
    looked_at: int = 0
    unchanged: int = 0
    changes: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)

    def count(self, finding: Finding) -> None:
        """Take a finding in."""
        self.looked_at += 1
        if finding.change is None:
            self.unchanged += 1
            return
        to = finding.outcome if finding.outcome != Outcome.QUARANTINED else finding.codes[0]
        by = self.changes.setdefault(finding.was, {})
        by[to] = by.get(to, 0) + 1

    def line(self) -> bytes:
        """The last line of the output: canonical JSON."""
        return msgspec.json.encode(self, order="sorted") + b"\n"


def basis(devices: Devices, limits: Limits) -> str:
    """Names what judgements follow from, beside the journal: digests of the rules and of the devices."""
    listed = msgspec.json.encode([devices[name] for name in sorted(devices)], order="sorted")
    return f"rules {rules_version(limits)}, devices {hashlib.sha256(listed).hexdigest()[:12]}"


def entries(reader: JournalReader, wanted: Wanted, released: bool = False) -> Iterator[Refusal]:
    """What is in the quarantine, newest first. `released`: with what is no longer refused."""
    before: int | None = None
    code = next(iter(wanted.codes)) if len(wanted.codes) == 1 else None
    while page := reader.quarantine(before, PAGE, code, wanted.device):
        before = page[-1].id
        for entry in page:
            if wanted.codes and entry.code not in wanted.codes:
                continue
            if entry.received_ms >= wanted.since_ms and (released or entry.released_ms is None):
                yield entry


def replay(reader: JournalReader, devices: Devices, limits: Limits, wanted: Wanted) -> Iterator[Finding]:
    """Judge anew: numbered records, log by log in order; then what has no number, as it came."""
    logs: dict[tuple[str, str], dict[int, Refusal]] = defaultdict(dict)
    rest: list[int] = []
    for entry in entries(reader, wanted):
        if entry.row is None or entry.log is None or entry.seq is None or entry.code in NUMBERING:
            rest.append(entry.id)
        else:
            logs[entry.device, entry.log][entry.seq] = msgspec.structs.replace(entry, body=b"")
    # Before anything is put in force: what a caller does with the first findings must not change the last.
    messages = list(_messages(reader, devices, limits, sorted(rest)))
    for device, log in sorted(logs):
        walk = _Walk(reader, devices.get(device), limits)
        yield from walk.findings(device, log, logs[device, log])
    yield from messages


def apply(journal: SqliteJournal, findings: Iterable[Finding], now_ms: int, basis: str) -> int:
    """Put findings in force, some at a time; how many changed something.

    May be repeated: what is in force stays. Raises JournalError.
    """
    changed = 0
    changes = (finding.change for finding in findings if finding.change is not None)
    while batch := list(islice(changes, BATCH)):
        changed += journal.revise(now_ms, batch, basis).changed
    return changed


class _Walk:
    """Along one log, from number to number, with what the rules compare with."""

    def __init__(self, reader: JournalReader, device: Device | None, limits: Limits) -> None:
        self._reader = reader
        self._device = device
        self._limits = limits

    def findings(self, device: str, log: str, refused: Mapping[int, Refusal]) -> Iterator[Finding]:
        """What becomes of `refused`, by number."""
        past, place = Past(), -1
        todo = sorted(refused, reverse=True)
        while todo:
            if todo[-1] - HORIZON > place:  # what lies between is compared with by nobody
                past, place = Past(), max(0, todo[-1] - HORIZON)
            end = place + PAGE
            found = self._reader.before(device, log, end + HORIZON, PAGE + HORIZON)
            for index, stored in enumerate(found):
                if stored.seq >= end:
                    break
                while todo and todo[-1] < stored.seq:
                    yield _gone(refused[todo.pop()])
                item, outcome, codes = decode_record(stored.raw), stored.outcome, stored.codes
                if todo and todo[-1] == stored.seq:
                    finding = self._judge(refused[todo.pop()], item, stored, past, found[index + 1 :])
                    yield finding
                    outcome, codes = Outcome(finding.outcome), finding.codes
                if item.record is not None:
                    past.learn(item.record, codes, outcome is not Outcome.QUARANTINED)
            while todo and todo[-1] < end:
                yield _gone(refused[todo.pop()])
            place = end

    def _judge(
        self, entry: Refusal, item: Item, present: Stored, past: Past, later: Sequence[Stored]
    ) -> Finding:
        seq = entry.seq
        if self._device is None:
            detail = f"{entry.device} is not in the devices file"
            judged = Judged(seq, Outcome.QUARANTINED, ("unknown-device",), detail)
        elif item.record is None:
            judged = Judged(seq, Outcome.QUARANTINED, (item.code or "bad-record",), item.detail or "")
        else:
            before = past.at(item.record.seq)
            if isinstance(item.record, Deposit):
                before = _with_paid_later(before, later, item.record.seq)
            verdict = check(Case(item.record, self._device, entry.received_ms, before, self._limits))
            judged = Judged(seq, verdict.outcome, verdict.codes, verdict.detail, verdict.t_ms)
        numbering = tuple(code for code in present.codes if code in NUMBERING)
        outcome = judged.outcome
        if numbering and outcome is Outcome.ACCEPTED:
            outcome = Outcome.FLAGGED
        judged = msgspec.structs.replace(judged, outcome=outcome, codes=(*judged.codes, *numbering))
        same = (judged.outcome, judged.codes, judged.t_ms) == (present.outcome, present.codes, present.t_ms)
        change = None if same or entry.log is None else Rejudged(entry.device, entry.log, judged)
        return _finding(
            entry,
            outcome=outcome.value,
            codes=judged.codes,
            detail=judged.detail,
            t_ms=judged.t_ms,
            change=change,
        )


def _with_paid_later(past: Past, later: Sequence[Stored], seq: int) -> Past:
    """What a deposit is compared with: it may have been paid under a later number that came first."""
    paid = []
    for stored in later:
        if stored.seq > seq + HORIZON:
            break
        if b'"deposit"' in stored.raw and stored.outcome is not Outcome.QUARANTINED:
            record = decode_record(stored.raw).record
            if isinstance(record, Deposit):
                paid.append((record.seq, record.session))
    if not paid:
        return past
    past = copy.copy(past)
    past.sessions = (*reversed(paid), *past.sessions)
    return past


def _messages(
    reader: JournalReader, devices: Devices, limits: Limits, ids: Sequence[int]
) -> Iterator[Finding]:
    """Refused messages, and records without a number, in the order of their arrival."""
    decider = Decider(devices.get, reader.before, limits)
    for id_ in ids:
        entry = reader.quarantined(id_)
        if entry is None:
            continue
        if why := _not_judgeable(reader, entry):
            yield _finding(entry, outcome="quarantined", codes=(entry.code,), detail=entry.detail, why=why)
            continue
        arrival = _arrival(decider, reader, devices, limits, entry)
        if isinstance(arrival, Refused):
            # Refused for another reason, perhaps: but that would only hide since when it is known.
            yield _finding(entry, outcome="quarantined", codes=(arrival.code,), detail=arrival.detail)
            continue
        counts = Counter[str]()
        if isinstance(arrival, Records):
            counts.update(one.outcome.value for one in arrival.records)
            if entry.log is not None and arrival.records[0].outcome is Outcome.QUARANTINED:
                one = arrival.records[0]
                yield _finding(entry, outcome="quarantined", codes=one.codes, detail=one.detail)
                continue
        yield _finding(
            entry, outcome="withdrawn", records=dict(sorted(counts.items())), change=Reissued(id_, arrival)
        )


def _not_judgeable(reader: JournalReader, entry: Refusal) -> str:
    if entry.overflow:
        return "only counted: its bytes were not kept"
    if entry.code in NUMBERING:
        return "the first copy of this number stands, whatever the rules"
    if len(entry.body) < entry.size:
        return f"only {len(entry.body)} of its {entry.size} bytes were kept"
    if not entry.device:
        return "its topic names no device"
    if entry.channel == "up/state" and any(
        state.received_ms >= entry.received_ms for state in reader.states(entry.device)
    ):
        return "a later state of the device is known"
    return ""


def _arrival(
    decider: Decider, reader: JournalReader, devices: Devices, limits: Limits, entry: Refusal
) -> Arrival:
    if entry.log is None:
        message = Incoming(topic(entry.device, entry.channel), entry.body, entry.size, entry.received_ms)
        return decider.decide(message)
    item, device = decode_record(entry.body), devices.get(entry.device)
    judged = Judged(item.seq, Outcome.QUARANTINED, (item.code or "bad-record",), item.detail or "")
    if device is None:
        judged = Judged(item.seq, Outcome.QUARANTINED, ("unknown-device",), entry.detail)
    elif item.record is not None:
        seq = item.record.seq
        past = past_of(reader.before(entry.device, entry.log, seq, HORIZON))
        verdict = check(Case(item.record, device, entry.received_ms, past.at(seq), limits))
        judged = Judged(seq, verdict.outcome, verdict.codes, verdict.detail, verdict.t_ms)
    body = compose(entry.log, 0, entry.received_ms, [entry.body])
    return Records(entry.received_ms, entry.device, entry.log, 0, entry.received_ms, body, [judged])


def _gone(entry: Refusal) -> Finding:
    why = "its row of the journal is damaged, or was dropped by retention"
    return _finding(entry, outcome="quarantined", codes=(entry.code,), detail=entry.detail, why=why)


def _finding(entry: Refusal, **facts: Any) -> Finding:
    return Finding(
        entry=entry.id,
        received_ms=entry.received_ms,
        device=entry.device,
        channel=entry.channel,
        log=entry.log,
        seq=entry.seq,
        was=entry.code,
        **facts,
    )
