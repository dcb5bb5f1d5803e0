"""From a message's bytes to what the journal is told of it.

Pure: no I/O, no clock; the caller hands in the past.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import UNSET

from gateway.checks import Case, Past, check
from gateway.contract import (
    MAX_MESSAGE_BYTES,
    ContractError,
    Item,
    Topic,
    decode_records,
    decode_reply,
    decode_state,
    parse_topic,
)
from gateway.devices import Device
from gateway.journal import Arrival, Judged, Outcome, Records, Refused, Reply, StateReport

MAX_PASTS = 100_000  # logs remembered; forgetting them costs a check on one record each
OTHER_CHANNEL = "other"  # one name for all topics outside the contract: counters must not grow with them


class Incoming(msgspec.Struct, frozen=True):
    """A message as the broker handed it over.

    `payload` may be cut, `size` is what it was. Times in ms since 1970.
    """

    topic: str
    payload: bytes
    size: int
    received_ms: int


class Decider:
    """Judges messages one after the other; remembers of each log what the checks compare with."""

    def __init__(self, device: Callable[[str], Device | None]) -> None:
        self._device = device
        self._pasts: dict[tuple[str, str], Past] = {}

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
                return self._records(message, topic, device)
            if device is None:
                return _refused(
                    message, topic, "unknown-device", f"{topic.device} is not in the devices file"
                )
            if topic.channel == "up/state":
                state = decode_state(message.payload)
                log = None if state.log is UNSET else state.log
                first = None if state.first is UNSET else state.first
                return StateReport(message.received_ms, topic.device, message.payload, log, first)
            decode_reply(message.payload)
            return Reply(message.received_ms, topic.device, message.payload)
        except ContractError as err:
            return _refused(message, topic, err.code, err.detail)

    def _records(self, message: Incoming, topic: Topic, device: Device | None) -> Records:
        body = decode_records(message.payload)
        if len(self._pasts) > MAX_PASTS:
            self._pasts.clear()
        past = self._pasts.setdefault((topic.device, body.log), Past())
        numbers = name_by_place([item.seq for item in body.recs])
        judged = [
            self._judge(item, seq, device, topic.device, past, message.received_ms)
            for item, seq in zip(body.recs, numbers, strict=True)
        ]
        return Records(
            message.received_ms, topic.device, body.log, body.first, body.sent, message.payload, judged
        )

    def _judge(
        self, item: Item, seq: int | None, device: Device | None, name: str, past: Past, received_ms: int
    ) -> Judged:
        if device is None:
            detail = f"{name} is not in the devices file"
            return Judged(seq, Outcome.QUARANTINED, ("unknown-device",), detail)
        if item.record is None:
            return Judged(seq, Outcome.QUARANTINED, (item.code or "bad-record",), item.detail or "")
        verdict = check(Case(item.record, device, received_ms, past))
        past.learn(item.record)
        if verdict.outcome is Outcome.ACCEPTED:
            return Judged(seq)
        return Judged(seq, verdict.outcome, verdict.codes, verdict.detail, verdict.t_ms)


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
