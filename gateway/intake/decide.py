"""From a message's bytes to what the journal is told of it.

No I/O of its own: the caller hands in the devices, and a way to read what a log said before (`before`), which
is asked once for each log that is heard for the first time since the start.
"""

import logging
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import UNSET

from gateway.checks import DEFAULTS, HORIZON, Limits, Past, judge
from gateway.contract import (
    MAX_MESSAGE_BYTES,
    ContractError,
    Item,
    Topic,
    decode_plain,
    decode_record,
    decode_records,
    decode_reply,
    decode_state,
    parse_topic,
)
from gateway.devices import Device
from gateway.journal.errors import JournalError
from gateway.journal.model import Arrival, Judged, Outcome, Plain, Records, Refused, Reply, StateReport
from gateway.journal.stored import Stored

_log = logging.getLogger(__name__)

MAX_PASTS = 20_000  # logs remembered, some 3 kB each; one that was forgotten is read again
OTHER_CHANNEL = "other"  # one name for all topics outside the contract: counters must not grow with them
ACCEPTED, QUARANTINED = Outcome.ACCEPTED, Outcome.QUARANTINED

Before = Callable[[str, str, int, int], Iterable[Stored]]
"""(device, log, seq, count): the records under the `count` numbers before `seq`: `JournalReader.before`."""


class Incoming(msgspec.Struct, frozen=True):
    """A message as the broker handed it over.

    `payload` may be cut, `size` is what it was. Times in ms since 1970.
    """

    topic: str
    payload: bytes
    size: int
    received_ms: int


def past_of(records: Iterable[Stored]) -> Past:
    """What checks compare with, from what the journal holds of a log."""
    past = Past()
    for stored in records:
        record = decode_record(stored.raw).record
        if record is not None:
            past.learn(record, stored.codes, stored.outcome is not Outcome.QUARANTINED)
    return past


class Decider:
    """Judges messages one after the other; remembers of each log what the checks compare with."""

    def __init__(
        self,
        device: Callable[[str], Device | None],
        before: Before | None = None,
        limits: Limits = DEFAULTS,
    ) -> None:
        self.limits = limits  # may be replaced at any time between two messages
        self._device = device
        self._before = before
        self._pasts: dict[tuple[str, str], Past] = {}

    def forget(self) -> None:
        """Read again what logs said: something was judged anew meanwhile. From any thread."""
        self._pasts = {}

    def decide(self, message: Incoming) -> Arrival:
        """What to journal. Never raises for what came from outside."""
        topic = parse_topic(message.topic)
        if topic is None or not topic.channel.startswith("up/"):
            return _refused(message, Topic("", OTHER_CHANNEL), "bad-topic", f"topic {message.topic[:200]!r}")
        if message.size > MAX_MESSAGE_BYTES:
            detail = f"{message.size} bytes; at most {MAX_MESSAGE_BYTES} are allowed"
            return _refused(message, topic, "oversize", detail)
        device = self._device(topic.device)
        try:
            if topic.channel == "up/records":
                return self._records(message, topic.device, device)
            if device is None:
                return _refused(
                    message, topic, "unknown-device", f"{topic.device} is not in the devices file"
                )
            if topic.channel == "up/state":
                state = decode_state(message.payload)
                log = None if state.log is UNSET else state.log
                first = None if state.first is UNSET else state.first
                lost = () if state.lost is UNSET else tuple(state.lost)
                return StateReport(message.received_ms, topic.device, message.payload, log, first, lost)
            decode_reply(message.payload)
            return Reply(message.received_ms, topic.device, message.payload)
        except ContractError as err:
            return _refused(message, topic, err.code, err.detail)

    def _records(self, message: Incoming, name: str, device: Device | None) -> Records:
        plain = decode_plain(message.payload) if device is not None else None
        if plain is None or device is None:
            return self._slowly(message, name, device)
        records, received_ms, limits = plain.recs, message.received_ms, self.limits
        first_seq = records[0].seq
        past = self._pasts.get((name, plain.log)) or self._recall(name, plain.log, first_seq)
        odd: list[Judged] | None = None  # from the first record on that is not simply the next, accepted
        for place, record in enumerate(records):
            seq = record.seq
            verdict = judge(record, device, received_ms, past.at(seq), limits)
            past.learn(record, verdict.codes, verdict.outcome is not QUARANTINED)
            if odd is None:
                if verdict.outcome is ACCEPTED and seq == first_seq + place:
                    continue
                odd = [Judged(first_seq + earlier) for earlier in range(place)]
            odd.append(Judged(seq, verdict.outcome, verdict.codes, verdict.detail, verdict.t_ms))
        judged: Sequence[Judged] = Plain(first_seq, len(records)) if odd is None else odd
        return Records(received_ms, name, plain.log, plain.first, plain.sent, message.payload, judged)

    def _slowly(self, message: Incoming, name: str, device: Device | None) -> Records:
        """Record by record: something in the message cannot be used, or the device is not known."""
        body = decode_records(message.payload)
        numbers = name_by_place([item.seq for item in body.recs])
        if device is None:
            detail = f"{name} is not in the devices file"
            judged = [Judged(seq, Outcome.QUARANTINED, ("unknown-device",), detail) for seq in numbers]
        else:
            known = [seq for seq in numbers if seq is not None]
            past = self._pasts.get((name, body.log)) or self._recall(name, body.log, min(known, default=0))
            judged = [
                self._judge(item, seq, device, past, message.received_ms)
                for item, seq in zip(body.recs, numbers, strict=True)
            ]
        return Records(message.received_ms, name, body.log, body.first, body.sent, message.payload, judged)

    def _judge(self, item: Item, seq: int | None, device: Device, past: Past, received_ms: int) -> Judged:
        if item.record is None or seq is None:
            return Judged(seq, Outcome.QUARANTINED, (item.code or "bad-record",), item.detail or "")
        verdict = judge(item.record, device, received_ms, past.at(seq), self.limits)
        past.learn(item.record, verdict.codes, verdict.outcome is not QUARANTINED)
        return Judged(seq, verdict.outcome, verdict.codes, verdict.detail, verdict.t_ms)

    def _recall(self, device: str, log: str, seq: int) -> Past:
        """A log that is heard for the first time since the start, or since it was forgotten."""
        past = Past()
        if self._before is not None:
            try:
                past = past_of(self._before(device, log, seq, HORIZON))
            except JournalError:  # the message must not wait for it; a rule or two will find nothing
                _log.exception("what %s said before cannot be read", device)
        pasts = self._pasts
        while len(pasts) >= MAX_PASTS:
            del pasts[next(iter(pasts))]
        pasts[device, log] = past
        return past


def name_by_place(numbers: Sequence[int | None]) -> list[int | None]:
    """Give records whose number cannot be read the one that their place tells.

    Only where neighbours on both sides leave exactly that room: 4, ?, 6 is 4, 5, 6. Otherwise a device
    would have to send a damaged record for ever, since nothing after it could be acknowledged.
    """
    named = list(numbers)
    before: int | None = None  # place of the last number that was read
    for place, number in enumerate(numbers):
        if number is None:
            continue
        if before is not None and number - (numbers[before] or 0) == place - before:
            for between in range(before + 1, place):
                named[between] = number - (place - between)
        before = place
    return named


def failed(message: Incoming, err: Exception) -> Refused:
    """What to journal when deciding itself failed: a fault of this program must not cost a message."""
    topic = parse_topic(message.topic) or Topic("", OTHER_CHANNEL)
    return _refused(message, topic, "decode-failed", f"{type(err).__name__}: {err}"[:500])


def _refused(message: Incoming, topic: Topic, code: str, detail: str) -> Refused:
    kept = message.payload[:MAX_MESSAGE_BYTES]
    return Refused(message.received_ms, topic.device, topic.channel, code, detail, kept, message.size)
