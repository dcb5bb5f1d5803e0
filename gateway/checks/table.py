"""The one table of all that can become of a record, and the function that judges by it.

A row's number stays its own for ever: a new rule takes the next free one, a rule that goes leaves its number
unused. How to add a rule: docs/checks.md.
"""

import hashlib
from functools import cache
from importlib import resources

import msgspec

from gateway.checks import clock, identity, mass, position, sensor
from gateway.checks.glance import GLANCES, Sees
from gateway.checks.limits import DEFAULTS, Limits
from gateway.checks.model import Case, Check, Effect, Find, Stage, Verdict
from gateway.checks.past import Past
from gateway.contract_types import (
    KINDS,
    Collect,
    Deposit,
    Fence,
    Position,
    Reading,
    RecordBase,
    Session,
    Weigh,
)
from gateway.devices import Device
from gateway.journal.model import Outcome

FLAG, RETIME, QUARANTINE = Effect.FLAG, Effect.RETIME, Effect.QUARANTINE


def _decode(number: int, code: str, words: str, effect: Effect = Effect.REFUSE) -> Check:
    return Check(number, code, effect, stage=Stage.DECODE, words=words)


def _numbering(number: int, code: str, effect: Effect, words: str) -> Check:
    return Check(number, code, effect, stage=Stage.NUMBERING, words=words)


CHECKS: tuple[Check, ...] = (
    Check(1, "clock-none", RETIME, clock.clock_none),
    Check(2, "clock-future", RETIME, clock.clock_future),
    Check(3, "clock-ahead", FLAG, clock.clock_ahead),
    Check(4, "clock-past", RETIME, clock.clock_past),
    Check(5, "clock-back", FLAG, clock.clock_back),
    Check(6, "other-unit", FLAG, identity.other_unit),
    Check(7, "unknown-bay", FLAG, identity.unknown_bay, (Deposit, Collect, Reading)),
    Check(8, "wrong-category", FLAG, identity.wrong_category, (Deposit, Collect)),
    Check(9, "net-mismatch", QUARANTINE, mass.deposit_net, (Deposit,)),
    Check(10, "net-mismatch", QUARANTINE, mass.weigh_net, (Weigh,)),
    Check(11, "net-not-positive", FLAG, mass.net_not_positive, (Deposit, Collect)),
    Check(12, "over-capacity", FLAG, mass.over_capacity, (Deposit,)),
    Check(13, "position-jump", FLAG, position.position_jump, (Position,)),
    Check(14, "speed-range", FLAG, position.speed_range, (Position,)),
    Check(15, "temp-range", FLAG, sensor.temp_range, (Reading,)),
    Check(16, "battery-range", FLAG, sensor.battery_range, (Reading,)),
    _decode(17, "bad-topic", "The topic is not one of the contract's."),
    _decode(18, "oversize", "The message is longer than 16,384 bytes."),
    _decode(19, "not-utf8", "The message is not UTF-8."),
    _decode(20, "not-json", "The message is not JSON (RFC 7493, at most 32 levels)."),
    _decode(21, "unknown-version", "`v` is not 1."),
    _decode(
        22, "bad-envelope", "The message breaks its schema outside of `recs`, or `recs` is empty or too long."
    ),
    _decode(23, "bad-record", "The record breaks the schema of its kind.", QUARANTINE),
    _decode(24, "unknown-kind", "The kind is not one of the contract's.", QUARANTINE),
    _decode(25, "unknown-device", "The device is not in devices.json.", QUARANTINE),
    _decode(26, "decode-failed", "The gateway itself failed over the message."),
    _numbering(27, "seq-gap", FLAG, "Records between this one and the last one before are missing."),
    _numbering(28, "seq-late", FLAG, "The device had declared this record lost."),
    _numbering(29, "seq-conflict", QUARANTINE, "The number was received before, with different content."),
    Check(30, "clock-jump", FLAG, clock.clock_jump),
    Check(31, "clock-untrusted", FLAG, clock.clock_untrusted),
    Check(32, "session-twice", QUARANTINE, identity.session_twice, (Deposit,)),
    Check(33, "overfull", FLAG, mass.overfull, (Deposit, Collect, Reading)),
    Check(34, "mass-negative", FLAG, mass.mass_negative, (Reading,)),
    Check(35, "mass-negative", FLAG, mass.deposit_negative, (Deposit,)),
    Check(36, "mass-negative", FLAG, mass.weigh_negative, (Weigh,)),
    Check(37, "off-interval", FLAG, mass.off_interval, (Deposit,)),
    Check(38, "min-mismatch", FLAG, mass.below_min, (Deposit,)),
    Check(39, "weigh-unstable", FLAG, mass.unstable, (Weigh,)),
    Check(40, "mass-jump", FLAG, mass.mass_jump, (Reading,)),
    Check(41, "mass-jump", FLAG, mass.before_jump, (Deposit,)),
    Check(42, "more-out-than-in", FLAG, mass.more_out_than_in, (Collect,)),
    Check(43, "mass-noise", FLAG, sensor.mass_noise, (Reading,)),
    Check(44, "mass-stuck", FLAG, sensor.mass_stuck, (Session,)),
    Check(45, "fill-stuck", FLAG, sensor.fill_stuck, (Reading,)),
    Check(46, "fill-jump", FLAG, sensor.fill_jump, (Reading,)),
    Check(47, "temp-jump", FLAG, sensor.temp_jump, (Reading,)),
    Check(48, "battery-jump", FLAG, sensor.battery_jump, (Reading,)),
    Check(49, "device-range", FLAG, sensor.device_range),
    Check(50, "position-zero", QUARANTINE, position.position_zero, (Position, Fence)),
    Check(51, "position-outside", FLAG, position.position_outside, (Position, Fence)),
    Check(52, "position-datum", FLAG, position.position_datum, (Position,)),
    Check(53, "position-frozen", FLAG, position.position_frozen, (Position,)),
    Check(54, "fence-misplaced", FLAG, position.fence_place, (Fence,)),
)


def rules_of(kind: type[RecordBase]) -> tuple[Check, ...]:
    """The rules that look at a kind of record."""
    return tuple(rule for rule in CHECKS if rule.find and (not rule.kinds or kind in rule.kinds))


_Group = tuple[Sees | None, tuple[tuple[Find, Check], ...]]
"""A glance and the rules that it spares; None: rules that are always asked."""


def _groups(kind: type[RecordBase]) -> tuple[_Group, ...]:
    rules = rules_of(kind)
    groups: list[_Group] = []
    covered: set[int] = set()
    for glance in GLANCES:
        if kind in glance.kinds:
            covered |= glance.covers
            spared = [(r.find, r) for r in rules if r.find and r.number in glance.covers]
            groups.append((glance.sees, tuple(spared)))
    always = tuple((r.find, r) for r in rules if r.find and r.number not in covered)
    return (*groups, (None, always)) if always else tuple(groups)


_GROUPS = {kind: _groups(kind) for kind in KINDS.values()}
_ACCEPTED = Verdict()


def check(case: Case) -> Verdict:
    """Judge a record by all rules of its kind."""
    return judge(case.record, case.device, case.received_ms, case.past, case.limits)


def judge(record: RecordBase, device: Device, received_ms: int, past: Past, limits: Limits) -> Verdict:
    """`check`, for where every microsecond counts: no case is made for a record that glances see."""
    case: Case | None = None
    hits: list[tuple[Check, str]] | None = None
    for sees, rules in _GROUPS[type(record)]:
        if sees is not None and sees(record, device, received_ms, past, limits):
            continue
        if case is None:
            case = Case(record, device, received_ms, past, limits)
        for find, rule in rules:
            words = find(case)
            if words is not None:
                hits = hits or []
                hits.append((rule, words))
    return _ACCEPTED if case is None or hits is None else _verdict(case, hits)


def _verdict(case: Case, hits: list[tuple[Check, str]]) -> Verdict:
    # The reason that decides comes first: counters and pages go by it.
    hits.sort(key=lambda hit: (hit[0].effect is not QUARANTINE, hit[0].number))
    quarantined = hits[0][0].effect is QUARANTINE
    retimed = any(rule.effect is RETIME for rule, _ in hits)
    return Verdict(
        Outcome.QUARANTINED if quarantined else Outcome.FLAGGED,
        tuple(dict.fromkeys(rule.code for rule, _ in hits)),
        "; ".join(words for _, words in hits),
        case.received_ms if retimed else None,
    )


def rules_version(limits: Limits = DEFAULTS) -> str:
    """Twelve hexadecimal digits that change whenever a judgement could: program text of the rules, limits."""
    digest = hashlib.sha256(_sources())
    digest.update(msgspec.json.encode(limits))
    return digest.hexdigest()[:12]


@cache
def _sources() -> bytes:
    files = (
        file
        for file in resources.files("gateway.checks").iterdir()
        if file.name.endswith(".py") and file.name != "page.py"
    )
    parts = [(file.name.encode(), file.read_bytes()) for file in sorted(files, key=lambda file: file.name)]
    return b"\0".join(name + b"\0" + text for name, text in parts)
