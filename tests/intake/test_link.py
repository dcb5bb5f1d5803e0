"""The line to a broker that does what no good one does: real sockets, the broker is played by the test."""

import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.config import MqttConfig
from gateway.intake import wire
from gateway.intake.committer import Parcel
from gateway.intake.inbox import Inbox
from gateway.intake.link import BRIEF_S, REFUSED_WAITS_S, STEADY_S, WAITS_S, Attempts, Link
from gateway.intake.session import SessionError
from simulators.servers.process import wait_until

DEADLINE_S = 10.0
ACCEPTED, GRANTED = b"\x20\x02\0\0", b"\x90\x03\xff\xff\x01"
LOG = "0000abcd"


def message(packet: int, payload: bytes = b"{}", device: str = "bin-001") -> bytes:
    topic = f"huishou/1/{device}/up/records".encode()
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", packet) + payload
    assert len(body) < 128
    return b"\x32" + bytes((len(body),)) + body


class Played:
    """A broker's listening socket, and its end of the connection that was last accepted."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(DEADLINE_S)
        self.port: int = self._listener.getsockname()[1]
        self.end = socket.socket()

    def accept(self, *, let_in: bool = True, client: bytes = b"huishou-gateway") -> None:
        self.end.close()
        self.end, _ = self._listener.accept()
        self.end.settimeout(DEADLINE_S)
        if self._tls is not None:
            self.end = self._tls.wrap_socket(self.end, server_side=True)
        assert self.reads(client).startswith(b"\x10")
        if let_in:
            self.end.sendall(ACCEPTED)
            assert self.reads(b"huishou/1/+/up/#")
            self.end.sendall(GRANTED)

    def says(self, *packets: bytes) -> None:
        self.end.sendall(b"".join(packets))

    def reads(self, wanted: bytes) -> bytes:
        """What comes until `wanted` has come."""
        got = b""
        while wanted not in got:
            more = self.end.recv(65_536)
            assert more, f"closed after {got!r}"
            got += more
        return got

    def hears_nothing(self, seconds: float) -> bool:
        self.end.settimeout(seconds)
        try:
            return self.end.recv(1) == b"\0never"
        except TimeoutError:
            return True
        finally:
            self.end.settimeout(DEADLINE_S)

    def close(self) -> None:
        self.end.close()
        self._listener.close()


@pytest.fixture
def played() -> Iterator[Played]:
    broker = Played()
    yield broker
    broker.close()


Make = Callable[..., tuple[Link, Inbox[Parcel]]]


@pytest.fixture
def make() -> Iterator[Make]:
    links: list[Link] = []

    def linked(
        port: int, inbox: Inbox[Parcel] | None = None, **settings: object
    ) -> tuple[Link, Inbox[Parcel]]:
        inbox = Inbox() if inbox is None else inbox
        links.append(Link(MqttConfig(port=port, **settings), inbox))  # type: ignore[arg-type]
        links[-1].start()
        return links[-1], inbox

    yield linked
    for link in links:
        link.stop()
        assert not link.alive()


def take(inbox: Inbox[Parcel], count: int) -> list[Parcel]:
    taken: list[Parcel] = []
    end_s = time.monotonic() + DEADLINE_S
    while len(taken) < count and time.monotonic() < end_s:
        taken += inbox.take(count - len(taken), 0.2)
    assert len(taken) == count
    return taken


def codes(link: Link) -> list[str]:
    return [one.code for one in link.conditions()]


def test_a_message_is_acknowledged_on_its_own_connection_after_it_was_settled_and_nowhere_else(
    played: Played, make: Make
) -> None:
    link, inbox = make(played.port)
    played.accept()
    played.says(message(1), message(2))
    before = take(inbox, 2)
    assert played.hears_nothing(0.05), "acknowledged before it was settled"
    link.settle(before[:1], {})
    assert played.reads(wire.pubacks([1])) == wire.pubacks([1])
    played.end.close()
    played.accept()
    played.says(message(2, b'{"other":1}'))
    link.settle(before[1:], {})
    assert played.hears_nothing(0.05), "packet 2 of the former connection, perhaps another message"
    link.settle(take(inbox, 1), {("bin-001", LOG): 5})
    got = played.reads(b'"seq":5}')
    assert got.startswith(wire.pubacks([2]))
    assert b"huishou/1/bin-001/down/ack" in got


@pytest.mark.parametrize(
    ("nasty", "code"),
    [
        (b"\x32\xff\xff\xff\xff\xff", "broker-away"),
        (b"\x20\x02\0\0", "broker-away"),  # a second CONNACK
        (b"\x34\x08\0\1t\0\1abc", "broker-away"),  # QoS 2
        (b"", "broker-away"),  # the end
    ],
)
def test_whatever_ends_a_connection_is_said_and_another_is_opened(
    played: Played, make: Make, nasty: bytes, code: str
) -> None:
    link, inbox = make(played.port)
    played.accept()
    assert wait_until(lambda: link.ready, DEADLINE_S)
    assert codes(link) == []
    played.says(message(1), nasty)
    if not nasty:
        played.end.close()
    assert wait_until(lambda: not link.ready, DEADLINE_S)
    assert codes(link) == [code]
    assert link.state.startswith("broker away: 127.0.0.1")
    played.accept()
    assert wait_until(lambda: link.ready, DEADLINE_S)
    assert (codes(link), link.state) == ([], "connected")
    played.says(message(1))
    assert take(inbox, 1)


def test_no_topic_and_no_payload_ends_the_line(played: Played, make: Make) -> None:
    link, inbox = make(played.port)
    played.accept()
    topics = [b"", b"\xff\xfe", b"huishou/1/+/up/#", b"\0", b"huishou/1/bin-001/up/records", b"$SYS/x"]
    for number, topic in enumerate(topics, 1):
        body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", number)
        played.says(b"\x3b" + bytes((len(body),)) + body)  # retained and DUP: both say nothing
    parcels = take(inbox, len(topics))
    assert [parcel.packet for parcel in parcels] == list(range(1, len(topics) + 1))
    assert parcels[1].message.topic == r"\xff\xfe"
    assert {parcel.message.size for parcel in parcels} == {0}
    assert link.ready


def test_while_the_inbox_is_full_nothing_is_read_and_acknowledgements_still_go_out(
    played: Played, make: Make
) -> None:
    link, inbox = make(played.port, Inbox(max_items=10))
    played.accept()
    stop = threading.Event()
    sent = 0

    def pour() -> None:
        nonlocal sent
        played.end.settimeout(0.05)
        with suppress(OSError):
            while not stop.is_set():
                with suppress(TimeoutError):
                    sent += played.end.send(message(1, b"x" * 80) * 100)

    filler = threading.Thread(target=pour)
    filler.start()
    assert wait_until(lambda: not inbox.has_room(), DEADLINE_S)
    held = len(inbox)
    assert held < 4096, "one read beyond the bound at most"
    taken = inbox.take(3, 0)
    link.settle(taken, {})
    assert len(inbox) == held - 3, "still full: nothing more was read"
    stop.set()
    filler.join(DEADLINE_S)
    played.end.settimeout(DEADLINE_S)
    assert played.reads(wire.pubacks([1, 1, 1]))
    seen = 3
    while len(inbox):
        seen += len(inbox.take(100, 0.2))
    assert seen >= held


def test_a_broker_that_refuses_is_told_apart_from_one_that_is_away(played: Played, make: Make) -> None:
    link, _ = make(played.port)
    played.accept(let_in=False)
    played.says(b"\x20\x02\0\x05")
    assert wait_until(lambda: codes(link) == ["broker-refused"], DEADLINE_S)
    assert "not authorized" in link.state


def test_no_broker_at_all_is_said_and_stopping_does_not_wait_for_it(played: Played, make: Make) -> None:
    played.close()
    link, _ = make(played.port)
    assert wait_until(lambda: codes(link) == ["broker-away"], DEADLINE_S)
    assert "cannot be reached" in link.state
    began = time.monotonic()
    link.stop()
    assert time.monotonic() - began < 3
    assert link.state == "stopped"


def test_a_broker_that_never_answers_does_not_hold_up_the_end(played: Played, make: Make) -> None:
    link, _ = make(played.port)
    played.accept(let_in=False)
    began = time.monotonic()
    link.stop()
    assert time.monotonic() - began < 3
    assert not link.alive()


def test_what_was_settled_is_sent_before_the_goodbye(played: Played, make: Make) -> None:
    link, inbox = make(played.port)
    played.accept()
    played.says(message(3))
    link.settle(take(inbox, 1), {("bin-001", LOG): 9})
    link.stop()
    got = played.reads(wire.GOODBYE)
    assert got.startswith(wire.pubacks([3]))
    assert got.endswith(b'"seq":9}' + wire.GOODBYE)


def test_new_settings_open_another_connection_and_what_is_queued_stays(played: Played, make: Make) -> None:
    link, inbox = make(played.port)
    played.accept()
    played.says(message(1))
    assert wait_until(lambda: len(inbox) == 1, DEADLINE_S)
    other = Played()
    try:
        link.use(MqttConfig(port=other.port, client_id="another"))
        assert played.reads(wire.GOODBYE)
        other.accept(client=b"another")
        assert wait_until(lambda: link.ready, DEADLINE_S)
        parcels = take(inbox, 1)
        link.settle(parcels, {("bin-001", LOG): 4})
        assert wire.pubacks([1]) not in other.reads(b'"seq":4}')
        link.stop()
    finally:
        other.close()


def test_a_line_that_is_given_up_is_opened_anew(played: Played, make: Make) -> None:
    link, _ = make(played.port)
    played.accept()
    assert wait_until(lambda: link.ready, DEADLINE_S)
    link.reconnect("nobody is heard")
    played.accept()
    assert wait_until(lambda: link.ready, DEADLINE_S)


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[Played, Path]]:
    """A broker with TLS, and the certificate that vouches for it."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    made += [
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(cert),
    ]
    subprocess.run(made, check=True, capture_output=True, timeout=DEADLINE_S)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    broker = Played(context)
    yield broker, cert
    broker.close()


def test_over_tls_many_messages_come_and_are_acknowledged_like_over_a_plain_line(
    secured: tuple[Played, Path], make: Make
) -> None:
    played, cert = secured
    link, inbox = make(played.port, tls=True, ca_file=cert)
    played.accept()
    played.says(*(message(number, b"x" * 60) for number in range(1, 2001)))
    link.settle(take(inbox, 2000), {})
    assert played.reads(wire.pubacks([1999, 2000])).endswith(wire.pubacks([2000]))


def test_a_certificate_that_nobody_vouches_for_is_refused(secured: tuple[Played, Path], make: Make) -> None:
    played, _ = secured
    link, _ = make(played.port, tls=True)
    with pytest.raises(ssl.SSLError):
        played.accept()
    assert wait_until(lambda: codes(link) == ["broker-refused"], DEADLINE_S)
    assert "certificate" in link.state


AWAY = SessionError("broker-away", "closed")


def test_attempts_become_rarer_and_start_over_after_a_good_connection() -> None:
    attempts = Attempts()
    waits = [attempts.ended(AWAY, None, by_broker=False).wait_s for _ in range(8)]
    assert waits == [*WAITS_S, WAITS_S[-1], WAITS_S[-1]]
    assert attempts.ended(AWAY, STEADY_S, by_broker=True).wait_s == WAITS_S[0]
    refused = SessionError("broker-refused", "no")
    assert [Attempts().ended(refused, None, by_broker=False).wait_s] == [REFUSED_WAITS_S[0]]


def test_a_fight_over_the_session_is_recognised_and_fought_ever_more_slowly() -> None:
    attempts = Attempts()
    verdicts = [attempts.ended(AWAY, 0.5, by_broker=True) for _ in range(6)]
    assert [one.code for one in verdicts[:2]] == ["broker-away"] * 2
    assert {one.code for one in verdicts[2:]} == {"session-taken"}
    assert "another client" in verdicts[-1].reason
    assert verdicts[-1].wait_s == WAITS_S[-1]  # no more: it may be a broker that dies again and again


def test_a_broker_that_restarts_or_a_bad_network_is_not_taken_for_a_fight() -> None:
    attempts = Attempts()
    for _ in range(5):  # a restart: ended, then away for a while
        assert attempts.ended(AWAY, 1.0, by_broker=True).code == "broker-away"
        assert attempts.ended(AWAY, None, by_broker=False).code == "broker-away"
    for _ in range(5):
        assert attempts.ended(AWAY, 1.0, by_broker=False).code == "broker-away"
        assert attempts.ended(AWAY, BRIEF_S + 1, by_broker=True).code == "broker-away"


def test_a_fight_that_is_over_is_told_no_more(
    played: Played, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.intake.link.WAITS_S", (0.01,))
    monkeypatch.setattr("gateway.intake.link.STEADY_S", 2.0)
    link, _ = make(played.port)
    for _ in range(3):
        played.accept()
        assert wait_until(lambda: link.ready, DEADLINE_S)
        played.end.close()
        assert wait_until(lambda: not link.ready, DEADLINE_S)
    played.accept()
    assert wait_until(lambda: link.ready, DEADLINE_S)
    assert codes(link) == ["session-taken"]
    assert wait_until(lambda: codes(link) == [], DEADLINE_S)
