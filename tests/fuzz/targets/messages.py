"""Decoders of the contract's messages, each held against a second way to read the same bytes."""

import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from gateway import contract
from gateway.contract import ContractError, parse_topic
from gateway.devices import Device
from gateway.writer.line import TAGS, Encoder, LineError
from simulators.demo.points import Name, Unit, decode, expected_point
from tests.contract import reference
from tests.fuzz.lines import parse_line
from tests.fuzz.target import Target, examples, require, require_code

_SAMPLE = 8  # the independent judge is slow: one input in so many is shown to it
_WORDS = (
    *(b'"seq":', b'"t":', b'"kind":', b'"recs":[', b'"clock":"none"', b'"log":"5eed0042"', b'"first":'),
    *(b'"reading"', b'"deposit"', b'"position"', b"4294967295", b"4294967296", b"1e3", b"-0", b"1.0"),
    *(b"\\\\ud800", b"\\\\u0000", b"null", b"true", b"\xef\xbb\xbf", b"NaN", b'{"a":' * 40, b"9" * 400),
)


def records(data: bytes) -> None:
    """`decode_records` against one record at a time, the hot path, and the schemas."""
    plain = contract.decode_plain(data)
    try:
        message = contract.decode_records(data)
    except ContractError as error:
        require_code(error.code)
        require(plain is None, "the hot path took what decode_records refuses", error.code)
        return
    if plain is not None:
        require([item.record for item in message.recs] == plain.recs, "hot path and slow path differ")
        require(
            (plain.log, plain.first, plain.sent) == (message.log, message.first, message.sent), "envelope"
        )
    judged = zlib.crc32(data) % _SAMPLE == 0
    for item in message.recs:
        require((item.record is None) != (item.code is None), "either a record or a code", item)
        alone = contract.decode_record(item.raw)
        for name in ("seq", "t", "clock", "kind", "record", "code"):
            same = getattr(alone, name) == getattr(item, name)
            require(same, f"{name} differs when the record is read alone", item.raw)
        if item.code is not None:
            require_code(item.code)
        if judged:
            valid = reference.verdict("record", reference.parse(item.raw))
            require(valid == (item.record is not None), "the schema says otherwise", item.raw, item.code)


def _message(decode_message: Callable[[bytes], Any], schema: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        try:
            decode_message(data)
        except ContractError as error:
            require_code(error.code)
            taken = False
        else:
            taken = True
        if zlib.crc32(data) % _SAMPLE == 0 and len(data) <= contract.MAX_MESSAGE_BYTES:
            try:
                valid = reference.verdict(schema, reference.parse(data))
            except ValueError:
                valid = False
            require(valid == taken, "the schema says otherwise", data)

    return run


def topic(data: bytes) -> None:
    """`parse_topic` against splitting by hand."""
    text = data.decode("utf-8", "surrogateescape")
    found = parse_topic(text)
    parts = text.split("/")
    first, rest = parts[2][:1] if len(parts) > 2 else "", parts[2] if len(parts) > 2 else ""
    good = (
        len(parts) == 5
        and parts[:2] == ["huishou", "1"]
        and "/".join(parts[3:]) in contract.CHANNELS
        and first not in ("", "-")
        and 2 <= len(rest) <= 32
        and not set(rest) - set("abcdefghijklmnopqrstuvwxyz0123456789-")
    )
    require((found is not None) == good, "topic", text)
    if found is not None:
        require(contract.topic(found.device, found.channel) == text, "a topic comes back as another", text)


_SITES = {"plain": "nankai-3", "odd": "a b,c=d \\e é 南开", "none": ""}
_DEVICES = {name: Device(id=name, unit="bin", site=site) for name, site in _SITES.items()}
_ENCODER = Encoder("influxdb", _DEVICES.get)


def line(data: bytes) -> None:
    """Line protocol read back is the point that the schemas demand, derived without the encoder."""
    try:
        message = contract.decode_records(data)
    except ContractError:
        return
    for item in message.recs:
        if item.record is None:
            continue
        for name, known in _DEVICES.items():
            try:
                text = _ENCODER.line(_ENCODER.head(name), message.log, item.record, item.record.t)
            except LineError:
                _require_unspeakable(item.record)
                continue
            require("\n" not in text, "a line with a line end", text)
            wanted = expected_point(
                Name(name, message.log, item.record.seq), decode(item.raw), None, Unit("bin", known.site)
            )
            require(parse_line(text) == wanted, "the line says something else", text, wanted)


def _require_unspeakable(record: msgspec.Struct) -> None:
    """A record may be refused as a line only for a tag that line protocol has no spelling for."""
    tags = [getattr(record, name) for name in TAGS if hasattr(record, name)]
    odd = [tag for tag in tags if isinstance(tag, str) and ("\\" in tag or not tag.isprintable())]
    require(odd, "refused as a line without a reason", record)


def _topics() -> list[bytes]:
    return [contract.topic("bin-001", channel).encode() for channel in contract.CHANNELS] + [
        b"huishou/2/bin-001/up/records",
        b"huishou/1/-in/up/state",
        b"huishou/1/bin-001/up/records\n",
        "huishou/1/bín/up/records".encode(),
    ]


TARGETS = (
    Target("records", records, lambda: examples("up/records"), _WORDS, json=True, max_bytes=17_000, weight=3),
    Target("line", line, lambda: examples("up/records"), _WORDS, json=True, weight=2),
    *(
        Target(
            channel.replace("/", "-"),
            _message(decode_message, channel.replace("/", "-")),
            lambda channel=channel: examples(channel),  # type: ignore[misc]
            _WORDS,
            json=True,
        )
        for channel, decode_message in (
            ("up/state", contract.decode_state),
            ("up/replies", contract.decode_reply),
            ("down/ack", contract.decode_ack),
            ("down/commands", contract.decode_command),
            ("down/desired", contract.decode_desired),
        )
    ),
    Target("topic", topic, _topics, (b"huishou/1/", b"/up/records", b"/down/desired"), max_bytes=100),
)
