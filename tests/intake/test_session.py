"""PUBACKs: after the commit, in order, on the connection that brought the message and on no other."""

from typing import Any

from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import MqttConfig
from gateway.intake.committer import Parcel
from gateway.intake.inbox import Inbox
from gateway.intake.session import MqttSession
from gateway.journal import Appended

OK = ReasonCode(PacketTypes.CONNACK, "Success")
DENIED = ReasonCode(PacketTypes.CONNACK, "Not authorized")
LOST = ReasonCode(PacketTypes.DISCONNECT, "Unspecified error")
GRANTED = ReasonCode(PacketTypes.SUBACK, "Granted QoS 1")
REFUSED = ReasonCode(PacketTypes.SUBACK, "Unspecified error")


class Flags:
    session_present = True


class Message:
    def __init__(
        self, mid: int, payload: bytes = b"{}", topic: str = "huishou/1/bin-001/up/records", qos: int = 1
    ) -> None:
        self.mid, self.payload, self.topic, self.qos = mid, payload, topic, qos


class Client:
    """What the session uses of paho, with what it was asked to do."""

    def __init__(self) -> None:
        self.acked: list[int] = []
        self.subscribed: list[str] = []
        self.on_connect: Any = None
        self.on_disconnect: Any = None
        self.on_subscribe: Any = None
        self.on_message: Any = None
        self.on_publish: Any = None

    def ack(self, mid: int, qos: int) -> MQTTErrorCode:
        assert qos == 1
        self.acked.append(mid)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def subscribe(self, topic: str, qos: int) -> None:
        self.subscribed.append(f"{topic} {qos}")

    # What paho's loop thread does:
    def connects(self, reason: ReasonCode = OK) -> None:
        self.on_connect(self, None, Flags(), reason, None)

    def loses_the_connection(self) -> None:
        self.on_disconnect(self, None, Flags(), LOST, None)

    def receives(self, *messages: Message) -> None:
        for message in messages:
            self.on_message(self, None, message)


def session() -> tuple[MqttSession, Client, Inbox[Parcel]]:
    client, inbox = Client(), Inbox[Parcel]()
    return MqttSession(MqttConfig(), inbox, client, now_ms=lambda: 7), client, inbox  # type: ignore[arg-type]


def test_nothing_is_acknowledged_before_the_commit_and_then_all_in_order() -> None:
    one, client, inbox = session()
    client.connects()
    client.receives(Message(5), Message(3), Message(9))
    parcels = inbox.take(10, 0)
    assert client.acked == []
    one.settle(parcels, Appended())
    assert client.acked == [5, 3, 9]


def test_a_packet_id_of_a_former_connection_is_never_acknowledged() -> None:
    one, client, inbox = session()
    client.connects()
    client.receives(Message(1), Message(2))
    before = inbox.take(10, 0)
    client.loses_the_connection()
    one.settle(before, Appended())
    assert client.acked == []
    client.connects()
    client.receives(Message(2))  # the same number, perhaps another message
    one.settle(before, Appended())
    assert client.acked == []
    one.settle(inbox.take(10, 0), Appended())
    assert client.acked == [2]


def test_a_message_of_quality_0_is_taken_and_not_acknowledged() -> None:
    one, client, inbox = session()
    client.connects()
    client.receives(Message(0, qos=0))
    one.settle(inbox.take(10, 0), Appended())
    assert client.acked == []


def test_of_an_oversize_message_only_as_much_is_kept_as_may_be() -> None:
    _, client, inbox = session()
    client.connects()
    client.receives(Message(1, b"x" * 100_000))
    (parcel,) = inbox.take(10, 0)
    assert (len(parcel.message.payload), parcel.message.size, parcel.message.received_ms) == (
        16_384,
        100_000,
        7,
    )


def test_the_session_subscribes_at_each_connection_and_says_when_it_may_not() -> None:
    one, client, _ = session()
    client.connects()
    client.on_subscribe(client, None, 1, [GRANTED], None)
    assert client.subscribed == ["huishou/1/+/up/# 1"]
    assert one.state == "connected"
    client.loses_the_connection()
    assert one.state.startswith("connection lost")
    client.connects()
    client.on_subscribe(client, None, 2, [REFUSED], None)
    assert len(client.subscribed) == 2
    assert one.state.startswith("refused")


def test_a_broker_that_denies_the_account_is_named_as_the_reason() -> None:
    one, client, _ = session()
    client.connects(DENIED)
    client.loses_the_connection()
    assert one.state == "refused: Not authorized"
    assert client.subscribed == []
