"""Decoding and encoding of the contract's messages (version 1). Pure: bytes in, values out, no I/O.

The hot path decodes a whole `up/records` message into typed structs in one pass. When that fails, for
whatever reason, the slow path reads the message record by record: good records survive, bad ones carry a
reason code from `gateway.codes`, and fields that are newer than this gateway are ignored. Nothing that
arrives raises anything but `ContractError`.

What JSON means here (RFC 7493, I-JSON, and narrower): UTF-8 without a byte order mark; no NaN, no lone
surrogate, no number beyond a double's range; an integer is written without fraction and exponent; of two
equal names in an object the last one counts; nothing is nested deeper than 32 levels.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.contract_types import (
    KINDS,
    Ack,
    Command,
    Desired,
    LogId,
    Record,
    RecordBase,
    Reply,
    Seq,
    State,
    TimeMs,
    Version,
)

MAX_MESSAGE_BYTES = 16_384
MAX_DEPTH = 32
_MAX_TOPIC = 64  # longer than any topic of the contract: what is remembered below stays small
_MAX_DETAIL = 300
CHANNELS = ("up/records", "up/state", "up/replies", "down/ack", "down/commands", "down/desired")

_TOPIC = re.compile(rf"huishou/1/([a-z0-9][a-z0-9-]{{1,31}})/({'|'.join(CHANNELS)})")
_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_M = TypeVar("_M", bound=Struct)


class ContractError(ValueError):
    """A message that cannot be used at all: `code` is a reason code, `detail` says where and what."""

    def __init__(self, code: str, detail: str) -> None:
        self.code = code
        self.detail = detail[:_MAX_DETAIL]
        super().__init__(f"{code}: {self.detail}")


class Topic(NamedTuple):
    """A topic of the contract, taken apart: `channel` is one of CHANNELS."""

    device: str
    channel: str


def parse_topic(topic: str) -> Topic | None:
    """Take a topic apart; None when it is not one of the contract's."""
    return _parse_topic(topic) if len(topic) <= _MAX_TOPIC else None


@lru_cache(maxsize=65_536)
def _parse_topic(topic: str) -> Topic | None:
    match = _TOPIC.fullmatch(topic)
    return Topic(match[1], match[2]) if match else None


def topic(device: str, channel: str) -> str:
    """The topic of a device's channel (one of CHANNELS)."""
    return f"huishou/1/{device}/{channel}"


class _Bodies:
    """The exact JSON texts of a message's records, cut out when first asked for."""

    __slots__ = ("_parts", "_payload")

    def __init__(self, payload: bytes, parts: Sequence[bytes | msgspec.Raw] | None = None) -> None:
        self._payload = payload
        self._parts = parts

    def __getitem__(self, index: int) -> bytes:
        if self._parts is None:
            self._parts = _RAW_RECS.decode(self._payload).recs
        return bytes(self._parts[index])


class Item(Struct, gc=False):
    """One element of `recs`: either `record` is set, or `code` and `detail` say why not.

    `seq`, `t`, `clock` and `kind` are also set on a refused record as far as each could be read by itself.
    """

    seq: int | None
    t: int | None
    clock: str | None
    kind: str | None
    record: RecordBase | None
    bodies: _Bodies
    index: int
    code: str | None = None
    detail: str | None = None

    @property
    def raw(self) -> bytes:
        """The record's JSON text, byte for byte as it was sent."""
        return self.bodies[self.index]


class RecordsMessage(Struct):
    """A decoded `up/records`."""

    log: str
    first: int
    sent: int
    recs: list[Item]


class PlainRecords(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """An `up/records` in which all is well-formed, and nothing is newer than this gateway."""

    v: Version
    log: LogId
    first: Seq
    sent: TimeMs
    recs: Annotated[list[Record], Meta(min_length=1, max_length=512)]


class _RecordsEnvelope(Struct, frozen=True, forbid_unknown_fields=True):
    v: Version
    log: LogId
    first: Seq
    sent: TimeMs
    recs: Annotated[list[Any], Meta(min_length=1, max_length=512)]


class _RawRecords(Struct, frozen=True):
    recs: list[msgspec.Raw]


_RECORDS = msgspec.json.Decoder(PlainRecords)
_RECORD: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_RAW_RECS = msgspec.json.Decoder(_RawRecords)
_STATE = msgspec.json.Decoder(State)
_REPLY = msgspec.json.Decoder(Reply)
_ACK = msgspec.json.Decoder(Ack)
_COMMAND = msgspec.json.Decoder(Command)
_DESIRED = msgspec.json.Decoder(Desired)
_TAGS = {cls: kind for kind, cls in KINDS.items()}
# What the typed decoders raise on bytes from outside: UnicodeDecodeError is not one of msgspec's own errors.
_DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def decode_plain(payload: bytes) -> PlainRecords | None:
    """The hot path: a message in which all is as it should be; None: `decode_records` tells what is not."""
    if len(payload) > MAX_MESSAGE_BYTES:
        return None
    try:
        return _RECORDS.decode(payload)
    except _DECODE_ERRORS:
        return None


def decode_records(payload: bytes) -> RecordsMessage:
    """Decode an `up/records` message. Raises ContractError when no record can be told apart in it."""
    check_size(payload)
    bodies = _Bodies(payload)
    try:
        message = _RECORDS.decode(payload)
    except _DECODE_ERRORS:
        return _decode_records_one_by_one(payload, bodies)
    items = [
        Item(record.seq, record.t, record.clock, _TAGS[type(record)], record, bodies, index)
        for index, record in enumerate(message.recs)
    ]
    return RecordsMessage(message.log, message.first, message.sent, items)


def typed_records(body: bytes) -> Sequence[RecordBase] | None:
    """The records of a stored body, in one pass; None: `decode_records` must look at it record by record."""
    try:
        return _RECORDS.decode(body).recs
    except _DECODE_ERRORS:
        return None


def _decode_records_one_by_one(payload: bytes, bodies: _Bodies) -> RecordsMessage:
    envelope = _convert(_parse(payload), _RecordsEnvelope)
    try:
        bodies[0]  # in this one pass a key that stands twice must be right twice
    except _DECODE_ERRORS as error:
        raise ContractError("bad-envelope", f"a key stands twice: {error}") from None
    items = [_read_item(value, bodies, index) for index, value in enumerate(envelope.recs)]
    return RecordsMessage(envelope.log, envelope.first, envelope.sent, items)


def decode_record(raw: bytes) -> Item:
    """Decode one record from its own JSON text, as kept in a journal. Never raises: a bad one has a code."""
    bodies = _Bodies(raw, [raw])
    try:
        record = _RECORD.decode(raw)
    except _DECODE_ERRORS:
        pass
    else:
        return Item(record.seq, record.t, record.clock, _TAGS[type(record)], record, bodies, 0)
    try:
        value = _parse(raw)
    except ContractError as error:
        return Item(None, None, None, None, None, bodies, 0, error.code, error.detail)
    return _read_item(value, bodies, 0)


def _read_item(value: object, bodies: _Bodies, index: int) -> Item:
    if not isinstance(value, dict):
        detail = f"recs[{index}]: expected an object, got {type(value).__name__}"
        return Item(None, None, None, None, None, bodies, index, "bad-record", detail)
    seq, t = _part(value, "seq", Seq), _part(value, "t", TimeMs)
    clock, kind = value.get("clock"), value.get("kind")
    item = Item(
        seq,
        t,
        clock if isinstance(clock, str) else None,
        kind if isinstance(kind, str) and _WORD.fullmatch(kind) else None,
        None,
        bodies,
        index,
    )
    cls = KINDS.get(item.kind or "", RecordBase)
    try:
        record = msgspec.convert(_known(value, cls), cls)
    except msgspec.ValidationError as error:
        item.code, item.detail = "bad-record", f"recs[{index}]: {error}"[:_MAX_DETAIL]
        return item
    if item.kind is None:
        item.code, item.detail = "bad-record", f"recs[{index}]: `kind` is missing or not a lower-case word"
    elif cls is RecordBase:
        item.code, item.detail = (
            "unknown-kind",
            f"recs[{index}]: kind {item.kind!r} is not one of {', '.join(KINDS)}",
        )
    else:
        item.record = record
    return item


def decode_state(payload: bytes) -> State:
    """Decode an `up/state` message. Raises ContractError."""
    state = _decode(payload, _STATE, State)
    _check_depth(state.used_mwh)
    return state


def decode_reply(payload: bytes) -> Reply:
    """Decode an `up/replies` message. Raises ContractError."""
    reply = _decode(payload, _REPLY, Reply)
    _check_depth(reply.result)
    return reply


def decode_ack(payload: bytes) -> Ack:
    """Decode a `down/ack` message. Raises ContractError."""
    return _decode(payload, _ACK, Ack)


def decode_command(payload: bytes) -> Command:
    """Decode a `down/commands` message; does not verify its mac. Raises ContractError."""
    command = _decode(payload, _COMMAND, Command)
    _check_depth(command.args)
    return command


def decode_desired(payload: bytes) -> Desired:
    """Decode a `down/desired` message; does not verify its mac. Raises ContractError."""
    desired = _decode(payload, _DESIRED, Desired)
    _check_depth(desired.config)
    return desired


def encode_ack(log: str, seq: int) -> bytes:
    """The body of a `down/ack`: all records of `log` up to and including `seq` are durable."""
    return b'{"v":1,"log":"%b","seq":%d}' % (log.encode(), seq)


def check_size(payload: bytes) -> None:
    """Raises ContractError `oversize` for a message beyond MAX_MESSAGE_BYTES."""
    if len(payload) > MAX_MESSAGE_BYTES:
        raise ContractError("oversize", f"{len(payload)} bytes; at most {MAX_MESSAGE_BYTES} are allowed")


def _decode(payload: bytes, decoder: msgspec.json.Decoder[_M], cls: type[_M]) -> _M:
    check_size(payload)
    try:
        return decoder.decode(payload)
    except _DECODE_ERRORS:
        return _convert(_parse(payload), cls)


def _parse(payload: bytes) -> Any:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError("not-utf8", f"{error.reason} at byte {error.start}") from None
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise ContractError("not-json", str(error)) from None
    except RecursionError:
        raise ContractError("not-json", f"nested deeper than {MAX_DEPTH} levels") from None
    _check_depth(value, 0)
    return value


def _check_depth(value: object, depth: int = 1) -> None:
    """A reader of what was accepted must never run out of stack. `depth`: levels around `value`."""
    if isinstance(value, dict | list):
        if depth == MAX_DEPTH:
            raise ContractError("not-json", f"nested deeper than {MAX_DEPTH} levels")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, depth + 1)


def _convert(value: Any, cls: type[_M]) -> _M:
    if isinstance(value, dict):
        version = value.get("v")
        if type(version) is int and version != 1:
            raise ContractError("unknown-version", f"`v` is {version}; this gateway speaks version 1")
    try:
        return msgspec.convert(_known(value, cls) if isinstance(value, dict) else value, cls)
    except msgspec.ValidationError as error:
        raise ContractError("bad-envelope", str(error)) from None


def _known(value: dict[str, Any], cls: type[Struct]) -> dict[str, Any]:
    """The fields of `value` that `cls` has: what is newer than this gateway is ignored."""
    names = cls.__struct_fields__
    return {name: value[name] for name in names if name in value}


def _part(value: dict[str, Any], name: str, type_: Any) -> int | None:
    try:
        return int(msgspec.convert(value.get(name), type_))
    except msgspec.ValidationError:
        return None
