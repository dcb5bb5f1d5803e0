"""What comes in over a device's wires: the broker's bytes, time servers, receiver, RS-485, modem.

The firmware's own files, under CPython. Only EdgeErrors may come out, and only where they are documented;
memory is bounded; how the bytes were cut into pieces makes no difference.
"""

from collections.abc import Iterator

from edge.drivers import nmea, rtu
from edge.drivers.at import MAX_LINE, MAX_LINES, MAX_NEWS, At
from edge.errors import EdgeError
from edge.link import ntp
from edge.link.mqtt import MAX_PACKET, Session

from tests.fuzz.target import Target, require

_NONCE = b"\x01\x02\x03\x04\x05\x06\x07\x08"


def _pieces(data: bytes) -> Iterator[bytes]:
    """What follows the first byte, in pieces of so many bytes."""
    step = 1 + data[0]
    return (data[at : at + step] for at in range(1, len(data), step))


def session(data: bytes) -> None:
    """MQTT from the broker: events, or an error of the protocol; then the next connection works."""
    if not data:
        return
    one, many = Session("bin-001"), Session("bin-001")
    whole, parts = _events(one, [data[1:]]), _events(many, list(_pieces(data)))
    require(whole[1] == parts[1], "pieces and whole end differently", whole, parts)
    if not whole[1]:
        require(whole[0] == parts[0], "pieces and whole differ", whole, parts)
    one.connect("bin-001", "secret", 60, ("huishou/1/bin-001/up/state", b"{}"))
    require(_events(one, [b"\x20\x02\x00\x00"]) == ([("connack", False)], ""), "wedged after", whole)
    number, packet = one.publish("huishou/1/bin-001/up/records", b"{}")
    require(0 < number <= 0xFFFF and packet[0] == 0x32, "cannot publish after", whole)


def _events(session: Session, pieces: list[bytes]) -> tuple[list[tuple[object, ...]], str]:
    events: list[tuple[object, ...]] = []
    for piece in pieces:
        try:
            events += session.feed(piece)
        except EdgeError as error:
            require(error.code in ("mqtt-protocol", "mqtt-oversize", "mqtt-refused"), "code", error.code)
            return [], error.code
        require(len(session._buf) <= MAX_PACKET + 5, "unbounded", len(session._buf))
    for event in events:
        if event[0] == "message":
            require(isinstance(event[1], str) and isinstance(event[2], bytes), "message", event)
    return events, ""


def time_server(data: bytes) -> None:
    """An answer of a time server, and what several of them make together."""
    elapsed_ms = data[0] * 10 if data else 0
    samples = []
    for at in range(1, len(data), 48):
        try:
            now_ms, error_ms = ntp.decode(data[at : at + 48], _NONCE, elapsed_ms)
        except EdgeError as error:
            require(error.code in ("ntp-bad-answer", "ntp-kiss"), "code", error.code)
            continue
        require(now_ms >= 1_735_689_600_000, "a time before the firmware's own", now_ms)
        require(0 < error_ms <= ntp.MAX_DISTANCE_MS + ntp.MAX_DELAY_MS, "bound of the error", error_ms)
        samples.append((now_ms, error_ms))
    if samples:
        offset, bound, count = ntp.agree(samples[:4])
        require(1 <= count <= 4 and bound >= 0, "agreement", offset, bound, count)


def receiver(data: bytes) -> None:
    """NMEA: fixes that can be, whatever the pieces."""
    if not data:
        return
    whole, parts = nmea.Receiver(), nmea.Receiver()
    one = whole.feed(data[1:]) + whole.idle()
    many = [fix for piece in _pieces(data) for fix in parts.feed(piece)] + parts.idle()
    require([vars(fix) for fix in one] == [vars(fix) for fix in many], "pieces and whole differ", one, many)
    require(len(parts._buf) <= nmea.MAX_LINE, "unbounded", len(parts._buf))
    for fix in one:
        require(abs(fix.lat_e7) <= 900_000_000 and abs(fix.lon_e7) <= 1_800_000_000, "no place", vars(fix))
        require(fix.utc_ms is None or 0 <= fix.utc_ms < 1 << 52, "no time", fix.utc_ms)
        require(fix.course_cdeg is None or 0 <= fix.course_cdeg <= 36_000, "no course", fix.course_cdeg)
        for value in (fix.speed_cmps, fix.sats, fix.hdop_c):
            require(value is None or 0 <= value < 1 << 53, "no number", value)


def rs485(data: bytes) -> None:
    """An answer to a read of `count` registers: exactly those, or an error by name."""
    if len(data) < 3:
        return
    unit, function, count = 1 + data[0] % 247, 3 + data[1] % 2, 1 + data[2] % rtu.MAX_WORDS
    for answer in (data[3:], _sealed(data[3:])):
        require(rtu.length(answer, count) in (5, 5 + 2 * count), "length", answer)
        try:
            words = rtu.words(unit, function, count, answer)
        except EdgeError as error:
            require(error.code.startswith("rtu-"), "code", error.code)
        else:
            require(len(words) == count and not rtu.crc(answer), "taken", answer)


def _sealed(frame: bytes) -> bytes:
    check: int = rtu.crc(frame)
    return frame + check.to_bytes(2, "little")


def modem(data: bytes) -> None:
    """AT lines: the first bytes choose commands; an answer counts only behind its command's echo."""
    if len(data) < 2:
        return
    at = At()
    commands = (("AT+CSQ", "+CSQ"), ("ATE1", ""), ("ATD*99#", ""), ("AT+CPIN?", "+CPIN"))
    came = b""
    for number, piece in enumerate(data[1:].split(b"\xfe")[:8]):
        came += piece
        command, prefix = commands[(data[0] >> 2 * (number % 4)) % 4]
        at.start(command, prefix)
        rest = at.feed(piece)
        require(len(rest) <= len(piece), "more than came", rest)
        require(not rest or at.done, "data before the answer's end", rest)
        require(not at.done or command.encode() in came, "done without an echo", piece)
        require(len(at._line) <= MAX_LINE and len(at.lines) <= MAX_LINES, "unbounded", piece)
        require(len(at.news) <= MAX_NEWS and at.noise <= 0xFFFF, "unbounded news", piece)
        at.give_up()
    at.feed(b"\r\n")
    at.start("AT", "")
    at.feed(b"AT\r\r\nOK\r\n")
    require(at.done and at.result == "OK", "wedged", data)


def _session_seeds() -> list[bytes]:
    kinds = [
        b"\x20\x02\x01\x00",
        b"\x20\x02\x00\x05",
        b"\x40\x02\x00\x01",
        b"\x90\x03\x00\x01\x01",
        b"\xd0\x00",
        b"\x32\x0b\x00\x01a\x00\x07payload"[:13],
        b"\x30\x05\x00\x01abc"[:7],
        b"\x32\xff\xff\xff\x7f",
    ]
    return [bytes((step,)) + one for step in (0, 5, 255) for one in [*kinds, b"".join(kinds)]]


def _time_seeds() -> list[bytes]:
    head = b"\x24\x01\x06\xec\x00\x00\x00\x10\x00\x00\x00\x20GPS\x00" + b"\xee\x00\x00\x00" * 2
    good = head + _NONCE + b"\xee\x00\x00\x01\x00\x00\x00\x00" * 2
    kiss = b"\x24\x00" + good[2:12] + b"RATE" + good[16:]
    return [b"\x05" + good, b"\x05" + good * 3, b"\x05" + kiss, b"\xff" + good[:40] + bytes(8)]


def _receiver_seeds() -> list[bytes]:
    texts = (
        "GNRMC,081836.00,A,3907.1234,N,11712.5678,E,012.3,045.6,211126,,,A",
        "GNGGA,081836.00,3907.1234,N,11712.5678,E,1,09,0.9,5.0,M,0,M,,",
        "GPZDA,081836.00,21,11,2026,00,00",
        "GNRMC,081837.00,V,,,,,,,211126,,,N",
    )
    sentences = [b"$%b*%02X\r\n" % (text.encode(), _xor(text.encode())) for text in texts]
    return [bytes((step,)) + b"".join(sentences) for step in (0, 7, 255)] + [
        b"\x10" + one for one in sentences
    ]


def _xor(text: bytes) -> int:
    check = 0
    for byte in text:
        check ^= byte
    return check


_AT = b"\r\nOK\r\n"

TARGETS = (
    Target(
        "device-session", session, _session_seeds, (b"\x20\x02\x00\x00", b"\xff\xff\xff\x7f"), max_bytes=2000
    ),
    Target("device-time", time_server, _time_seeds, (_NONCE, b"RATE", b"DENY"), max_bytes=500),
    Target(
        "device-receiver",
        receiver,
        _receiver_seeds,
        (b"$GNRMC,", b"$GNGGA,", b"$GPZDA,", b"*", b"\r\n", b",A,", b".99999999999", b"240000"),
        max_bytes=1000,
    ),
    Target(
        "device-rs485", rs485, lambda: [b"\0\0\1\1\3\2\0\7", b"\0\0\0\1\x83\2", bytes(300)], max_bytes=400
    ),
    Target(
        "device-modem",
        modem,
        lambda: [
            b"\0AT+CSQ\r\r\n+CSQ: 21,0\r\n" + _AT,
            b"\x02ATD*99#\r\r\nCONNECT 150000000\r\n~\xff}#",
            b"\x03AT+CPIN?\r\r\n+CME ERROR: 10\r\n\xfeAT+CSQ\r\r\nRDY\r\n" + _AT,
        ],
        (_AT, b"\r\nERROR\r\n", b"CONNECT\r\n", b"NO CARRIER", b"\xfe", b"AT+CSQ\r", b"+CSQ: "),
        max_bytes=1000,
    ),
)
