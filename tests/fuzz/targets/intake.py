"""From a message's bytes to the journal, through the real parts, and judged by the journal's own verifier.

An input is some messages, parted by the byte 0x1E; the first byte of each chooses topic and time. After all
are journaled they come a second time, as after a lost acknowledgement; then what was refused is replayed with
other devices. Whatever came: nothing raises, the sums hold, each record is stored once and byte for byte, and
nothing is acknowledged that is not there.
"""

from gateway.checks import DEFAULTS
from gateway.contract import MAX_MESSAGE_BYTES
from gateway.devices import Bay, Device
from gateway.intake.decide import Decider, Incoming
from gateway.journal import JournalReader, SqliteJournal
from gateway.journal.model import Records, Refused
from gateway.journal.verify import verify
from gateway.replay import Wanted, apply, basis, replay
from tests.fuzz.scratch import fresh
from tests.fuzz.target import Target, examples, require, require_code

_PART = b"\x1e"
_T_MS = 1_795_000_000_000
_TOPICS = (
    "huishou/1/bin-001/up/records",
    "huishou/1/truck-001/up/records",
    "huishou/1/stranger/up/records",
    "huishou/1/bin-001/up/state",
    "huishou/1/bin-001/up/replies",
    "huishou/1/stranger/up/state",
    "huishou/1/bin-001/down/ack",
    "huishou/1/bin-001/up/else\udcff",
)
_BAYS = (Bay(bay=0, category="paper", capacity_g=60_000, capacity_l=240), Bay(bay=1, category="glass"))
_KNOWN = {
    "bin-001": Device(id="bin-001", unit="bin", site="nankai", bays=_BAYS),
    "truck-001": Device(id="truck-001", unit="truck"),
}
_LATER = _KNOWN | {"stranger": Device(id="stranger", unit="bin")}


def arrivals(data: bytes) -> None:
    """All of the above."""
    messages = [_incoming(part, place) for place, part in enumerate(data.split(_PART)[:12]) if part]
    if not messages:
        return
    store = fresh("intake")
    journal = SqliteJournal(store)
    with JournalReader(store) as reader:
        decider = Decider(_KNOWN.get, reader.before)
        begun: dict[tuple[str, str], int] = {}  # where each log was when it was first heard of (J6)
        for _ in range(2):
            decided = [decider.decide(message) for message in messages]
            for one in decided:
                if isinstance(one, Refused):
                    require_code(one.code)
                elif isinstance(one, Records):
                    begun.setdefault((one.device, one.log), one.first)
            done = journal.append(decided)
            require(done.received == sum(done.outcomes.values()), "received is not the sum", done)
            _stored_as_sent(reader, messages)
            _acknowledged_is_there(reader, done.acks, begun)
        named = basis(_LATER, DEFAULTS)
        findings = list(replay(reader, _LATER, DEFAULTS, Wanted()))
        lines = [finding.line() for finding in findings]
        require(
            lines == [finding.line() for finding in replay(reader, _LATER, DEFAULTS, Wanted())],
            "two replays of the same journal differ",
        )
        apply(journal, findings, _T_MS + 10**9, named)
        _stored_as_sent(reader, messages)
        counters = reader.counters()
        require(counters.received == sum(counters.outcomes.values()), "the sum after a replay", counters)
    journal.maintain(_T_MS + 10**9)
    path = journal.path
    journal.close()
    report = verify(path)
    require(not report.findings, "the verifier finds fault", report.findings)


def _incoming(part: bytes, place: int) -> Incoming:
    choice, payload = part[0], part[1:]
    name = _TOPICS[choice % len(_TOPICS)]
    return Incoming(name, payload[:MAX_MESSAGE_BYTES], len(payload), _T_MS + place * 1000 + choice)


def _stored_as_sent(reader: JournalReader, messages: list[Incoming]) -> None:
    """J1 and J2: once each, byte for byte a part of a message."""
    seen: set[tuple[str, str, int]] = set()
    for row in reader.read(0, 10_000):
        require(row.sound(), "a row with a wrong check sum", row.id)
        for record in row.records():
            name = (row.device, row.log, record.seq)
            require(name not in seen, "stored twice", name)
            seen.add(name)
            require(any(record.raw in message.payload for message in messages), "not as sent", record.raw)
            for code in record.codes:
                require_code(code)


def _acknowledged_is_there(
    reader: JournalReader, acks: dict[tuple[str, str], int], begun: dict[tuple[str, str], int]
) -> None:
    """J3: an acknowledgement covers what is stored, declared lost, or older than the log's beginning here."""
    for (device, log), seq in acks.items():
        held = {
            number
            for row in reader.read(0, 10_000, device)
            if row.log == log
            for number in range(row.first, row.last + 1)
        }
        lowest = begun[device, log]
        gone = [
            range(loss.first, loss.last + 1)
            for loss in reader.losses()
            if (loss.device, loss.log) == (device, log)
        ]
        for number in range(lowest, min(seq, lowest + 2000) + 1):
            there = number in held or any(number in span for span in gone)
            require(there, "acknowledged and not there", device, log, seq, number)


def _seeds() -> list[bytes]:
    first = [b"\0" + body for body in examples("up/records")]
    run = [
        b'\0{"v":1,"log":"5eed0042","first":%d,"sent":1,"recs":[%b]}'
        % (low, b",".join(_reading(seq) for seq in numbers))
        for low, numbers in ((1, (1, 2, 3)), (1, (6, 7)), (1, (4, 5)), (1, (3, 4)), (9, (9,)), (1, (8, 8)))
    ]
    return [
        *first,
        _PART.join(run),
        _PART.join(reversed(run)),
        _PART.join(b"\2" + one[1:] for one in run),
        b"\3" + b'{"v":1,"online":true,"log":"5eed0042","first":1,"head":9}',
        *(b"\4" + body for body in examples("up/replies")),
        b"\6{}",
        b"\7{}",
    ]


def _reading(seq: int) -> bytes:
    return b'{"seq":%d,"t":1794999999000,"clock":"ntp","kind":"reading","bay":0,"mass_g":%d}' % (
        seq,
        seq * 10,
    )


_WORDS = (
    _PART,
    _PART + b"\0",
    b'"first":',
    b'"recs":[',
    b'{"seq":4,',
    b'"log":"5eed0042"',
    b'"clock":"none"',
)

TARGETS = (Target("intake", arrivals, _seeds, _WORDS, max_bytes=6000, timeout_s=20, weight=4),)
