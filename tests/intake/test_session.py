"""One connection's protocol, in virtual time: who is let in, what is acknowledged, when silence is an end."""

import struct

import pytest

from gateway.config import MqttConfig
from gateway.intake import wire
from gateway.intake.outbox import Outbox
from gateway.intake.session import ANSWER_S, FILTER, Session, SessionError

ACCEPTED = b"\x20\x02\0\0"
GRANTED = b"\x90\x03\xff\xff\x01"
LOG = "0000abcd"


class Broker:
    """The other end, by hand."""

    def __init__(self, config: MqttConfig | None = None, outbox: Outbox | None = None) -> None:
        self.now_s = 100.0
        self.outbox = Outbox() if outbox is None else outbox
        self.session = Session(config or MqttConfig(), "secret", self.outbox, self.now_s)

    def sent(self) -> bytes:
        """What the session has written since the last look."""
        written = bytes(self.session.out)
        self.session.wrote(len(written), self.now_s)
        return written

    def says(self, *packets: bytes) -> list[wire.Publish]:
        return self.session.feed(b"".join(packets), self.now_s)

    def lets_in(self) -> "Broker":
        self.says(ACCEPTED)
        self.says(GRANTED)
        self.sent()
        return self

    def later(self, seconds: float, *, listening: bool = True) -> bytes:
        """Time passes, in the steps in which the session asks to be looked at."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s = min(end_s, self.now_s + max(0.001, self.session.wait_s(self.now_s)))
            self.session.tick(self.now_s, listening=listening)
        return self.sent()


def message(packet: int, payload: bytes = b"{}", topic: bytes = b"huishou/1/bin-001/up/records") -> bytes:
    body = struct.pack(">H", len(topic)) + topic + struct.pack(">H", packet) + payload
    return b"\x32" + bytes((len(body),)) + body


def ended(broker: Broker, *packets: bytes) -> SessionError:
    with pytest.raises(SessionError) as caught:
        broker.says(*packets)
    return caught.value


def test_it_subscribes_once_it_is_let_in_and_is_ready_once_that_is_granted() -> None:
    broker = Broker(MqttConfig(username="g"))
    assert broker.sent() == wire.connect(wire.V311, "huishou-gateway", 60, "g", "secret", 0, 0)
    broker.says(ACCEPTED)
    assert broker.sent() == wire.subscribe(wire.V311, 65_535, FILTER)
    assert not broker.session.ready
    broker.says(GRANTED)
    assert broker.session.ready


def test_messages_that_come_with_the_acceptance_are_not_lost() -> None:
    broker = Broker()
    assert [packet for _, packet, _, _ in broker.says(ACCEPTED, message(4), GRANTED, message(5))] == [4, 5]


def test_acknowledgements_go_out_in_the_order_in_which_they_are_told() -> None:
    broker = Broker().lets_in()
    broker.session.acknowledge([5, 3, 9])
    broker.session.acknowledge([1])
    assert broker.sent() == wire.pubacks([5, 3, 9, 1])


@pytest.mark.parametrize(
    ("protocol", "answer", "code", "words"),
    [
        ("3.1.1", b"\x20\x02\0\x05", "broker-refused", "not authorized"),
        ("3.1.1", b"\x20\x02\0\x04", "broker-refused", "password"),
        ("3.1.1", b"\x20\x02\0\x03", "broker-away", "unavailable"),
        ("5", b"\x20\x02\0\x01", "broker-refused", "mqtt.protocol"),  # a broker that knows 3.1.1 only
        ("5", b"\x20\x03\0\x87\0", "broker-refused", "not authorized"),
        ("5", b"\x20\x0a\0\x86\x07\x1f\0\x04nope", "broker-refused", "nope"),
        ("5", b"\x20\x03\0\x89\0", "broker-away", "busy"),
        ("3.1.1", message(1), "broker-away", "PUBLISH before CONNACK"),
        ("3.1.1", GRANTED, "broker-away", "begin with CONNACK"),
        ("3.1.1", b"HTTP/1.1 400" + b" " * 90, "broker-away", "does not keep to MQTT"),
    ],
)
def test_a_broker_that_does_not_let_us_in_is_named_as_the_reason(
    protocol: str, answer: bytes, code: str, words: str
) -> None:
    found = ended(Broker(MqttConfig(protocol=protocol)), answer)  # type: ignore[arg-type]
    assert found.code == code
    assert words in str(found)


def test_a_subscription_that_is_denied_ends_it_since_nothing_would_ever_arrive() -> None:
    found = ended(Broker(), ACCEPTED, b"\x90\x03\xff\xff\x80")
    assert found.code == "broker-refused"
    assert FILTER in str(found)


def test_in_version_5_the_broker_says_that_another_client_has_taken_the_session() -> None:
    broker = Broker(MqttConfig(protocol="5"))
    broker.says(b"\x20\x03\0\0\0", b"\x90\x04\xff\xff\0\x01")
    assert broker.session.ready
    assert ended(broker, b"\xe0\x01\x8e").code == "session-taken"


def test_a_quiet_line_is_asked_for_a_sign_of_life_and_given_up_without_one() -> None:
    broker = Broker(MqttConfig(keepalive_s=60)).lets_in()
    assert broker.later(29.9) == b""
    assert broker.later(0.2) == wire.PING
    broker.says(b"\xd0\0")
    assert broker.later(29.9) == b""
    assert broker.later(0.3) == wire.PING
    with pytest.raises(SessionError, match="PINGRESP") as caught:
        broker.later(ANSWER_S)
    assert caught.value.code == "broker-away"


def test_a_line_that_only_carries_our_acknowledgements_is_asked_all_the_same() -> None:
    broker = Broker(MqttConfig(keepalive_s=60)).lets_in()
    for second in range(1, 29):
        assert broker.later(1.0) == b""
        broker.session.acknowledge([second])
        broker.sent()
    assert wire.PING in broker.later(3.0), "sent much, heard nothing: half open, perhaps"


def test_while_nobody_reads_silence_says_nothing_but_the_broker_must_hear_of_us() -> None:
    broker = Broker(MqttConfig(keepalive_s=60)).lets_in()
    pings = broker.later(600.0, listening=False)
    assert len(pings) >= 2 * 600 // 31
    broker.session.tick(broker.now_s)
    assert broker.later(29.0) == b"", "once it reads again, an answer has its whole time"
    assert broker.later(2.0) == wire.PING


@pytest.mark.parametrize("packets", [(), (ACCEPTED,)])
def test_an_answer_that_does_not_come_ends_it(packets: tuple[bytes, ...]) -> None:
    broker = Broker()
    broker.says(*packets)
    with pytest.raises(SessionError, match="SUBACK" if packets else "CONNACK"):
        broker.later(ANSWER_S + 0.1)


def test_marks_that_were_not_confirmed_are_told_again_on_the_next_connection() -> None:
    outbox = Outbox()
    first = Broker(outbox=outbox).lets_in()
    outbox.offer("bin-001", LOG, 7)
    outbox.offer("bin-002", LOG, 9)
    first.session.pump()
    body = b'{"v":1,"log":"0000abcd","seq":9}'
    assert body in first.sent()
    first.says(wire.pubacks([1]))
    again = Broker(outbox=outbox)
    again.sent()
    again.says(b"\x20\x02\x01\0")  # session present
    expected = wire.publish(wire.V311, 2, "huishou/1/bin-002/down/ack", body, again=True)
    assert again.sent() == wire.subscribe(wire.V311, 65_535, FILTER) + expected
    again.says(GRANTED, wire.pubacks([2]))
    assert outbox.flying() == []


def test_a_broker_of_version_5_says_how_much_it_takes_and_how_often_it_wants_to_hear() -> None:
    broker = Broker(MqttConfig(protocol="5", keepalive_s=600))
    broker.says(b"\x20\x09\0\0\x06\x21\0\x02\x13\0\x0a", b"\x90\x04\xff\xff\0\x01")
    broker.sent()
    for number in range(5):
        broker.outbox.offer(f"bin-{number}", LOG, 1)
    broker.session.pump()
    assert broker.sent().count(b"down/ack") == 2
    broker.says(b"\x40\x02\0\x01")
    broker.session.pump()
    assert broker.sent().count(b"down/ack") == 1
    assert broker.later(5.0) == wire.PING, "half of the ten seconds that the broker wants"


def test_a_down_ack_that_is_denied_is_told_as_a_problem() -> None:
    broker = Broker(MqttConfig(protocol="5"))
    broker.says(b"\x20\x03\0\0\0", b"\x90\x04\xff\xff\0\x01")
    broker.outbox.offer("bin-001", LOG, 1)
    broker.session.pump()
    broker.says(b"\x40\x03\0\x01\x87")
    assert "bin-001" in broker.session.problem
    assert "not authorized" in broker.session.problem
