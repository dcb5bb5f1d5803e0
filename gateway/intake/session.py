"""The MQTT session of intake: paho-mqtt below, queue and receipts above. MQTT 3.1.1, persistent, QoS 1,
acks by hand.

Threads: paho's loop thread reads, queues and writes; the commit thread calls `settle`; one more publishes
`down/ack`. A PUBACK belongs to the connection on which the message came: paho would send it on any, where
the same packet id may mean another message. So each receipt carries the connection's generation, and the
generation ends, under a lock, when the connection does, before paho opens the next.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as mqtt
from msgspec import Struct
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config import MqttConfig, mqtt_password
from gateway.contract import MAX_MESSAGE_BYTES, encode_ack, topic
from gateway.intake.committer import Parcel
from gateway.intake.decide import Incoming
from gateway.intake.inbox import Inbox
from gateway.intake.outbox import WINDOW, Outbox
from gateway.journal import Appended

log = logging.getLogger(__name__)

FILTER = "huishou/1/+/up/#"
RECONNECT_S = (1, 30)  # first and longest wait between attempts
RETURNED = (
    MQTTErrorCode.MQTT_ERR_SUCCESS,
    MQTTErrorCode.MQTT_ERR_NO_CONN,
)  # the latter: kept by paho, sent later


class Receipt(Struct, frozen=True):
    """Which message of which connection is to be acknowledged."""

    generation: int
    packet: int


class MqttSession:
    """Receives into `inbox`; acknowledges when told that a batch is on disk."""

    def __init__(
        self,
        config: MqttConfig,
        inbox: Inbox[Parcel],
        client: mqtt.Client | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.state = "not started"
        self._config = config
        self._inbox = inbox
        self._now_ms = now_ms
        self._generation = 0
        self._connected = False
        self._generation_lock = threading.Lock()
        self._outbox = Outbox(self._publish)
        self._outbox_lock = threading.Lock()
        self._confirmed: deque[int] = deque(maxlen=4 * WINDOW)
        self._to_tell = threading.Event()
        self._ending = threading.Event()
        self._teller = threading.Thread(target=self._tell, name="down-ack", daemon=True)
        self._client = client or make_client(config)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish

    def start(self) -> None:
        """Begin to connect; returns at once, and goes on trying for ever."""
        self.state = f"connecting to {self._config.host}:{self._config.port}"
        self._client.connect_async(self._config.host, self._config.port, self._config.keepalive_s)
        self._client.loop_start()
        self._teller.start()

    def stop(self) -> None:
        """Send what is queued for sending, then disconnect; the broker keeps the session."""
        self._ending.set()
        self._to_tell.set()
        self._teller.join(timeout=2)
        self._client.disconnect()
        self._client.loop_stop()
        self.state = "stopped"

    def alive(self) -> bool:
        """Whether paho's thread runs: it must, from `start` to `stop`."""
        name = f"paho-mqtt-client-{self._config.client_id}"
        return any(thread.name == name for thread in threading.enumerate())

    def settle(self, parcels: Sequence[Parcel], appended: Appended) -> None:
        """The batch is on disk: PUBACK its messages in order of arrival, then tell the devices."""
        with self._generation_lock:
            for parcel in parcels:
                receipt = parcel.receipt
                if (
                    isinstance(receipt, Receipt)
                    and receipt.generation == self._generation
                    and self._connected
                ):
                    self._client.ack(receipt.packet, qos=1)
        with self._outbox_lock:
            for (device, name), seq in appended.acks.items():
                self._outbox.offer(device, name, seq)
        self._to_tell.set()

    def _tell(self) -> None:
        """Publish marks.

        A thread of its own: paho calls `on_publish` with locks held that `publish` takes.
        """
        while True:
            self._to_tell.wait(timeout=1.0)
            self._to_tell.clear()
            with self._outbox_lock:
                while self._confirmed:
                    self._outbox.confirmed(self._confirmed.popleft())
                self._outbox.pump()
            if self._ending.is_set():
                return

    def _publish(self, device: str, name: str, seq: int) -> int | None:
        if not self._connected:
            return None
        info = self._client.publish(topic(device, "down/ack"), encode_ack(name, seq), qos=1)
        return info.mid if info.rc in RETURNED else None

    def _on_connect(
        self,
        client: mqtt.Client,
        _data: Any,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _props: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._say(f"refused: {reason}", logging.ERROR)
            return
        with self._generation_lock:
            self._generation += 1
            self._connected = True
        self._say(f"connected, session {'resumed' if flags.session_present else 'new'}")
        client.subscribe(FILTER, qos=1)
        self._to_tell.set()

    def _on_disconnect(
        self,
        _client: mqtt.Client,
        _data: Any,
        _flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        _props: Properties | None,
    ) -> None:
        with self._generation_lock:
            self._connected = False
        if reason.is_failure and not self.state.startswith("refused"):
            self._say(f"connection lost: {reason}", logging.WARNING)

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _props: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            # Nothing would ever arrive: say so instead of looking healthy.
            self._say(
                f"refused: subscription to {FILTER} denied; check the broker's access list", logging.ERROR
            )
        else:
            self._say("connected")

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            name = message.topic
        except UnicodeDecodeError:
            name = ""  # the standard forbids it; a broker that lets it through must not end this thread
        receipt = Receipt(self._generation, message.mid) if message.qos else None
        size = len(message.payload)
        payload = message.payload if size <= MAX_MESSAGE_BYTES else message.payload[:MAX_MESSAGE_BYTES]
        # Blocks when the inbox is full: then nobody reads the socket, and TCP slows the broker down.
        self._inbox.put(Parcel(Incoming(name, bytes(payload), size, self._now_ms()), receipt))

    def _on_publish(
        self, _client: mqtt.Client, _data: Any, mid: int, _reason: ReasonCode, _props: Properties
    ) -> None:
        self._confirmed.append(mid)
        self._to_tell.set()

    def _say(self, state: str, level: int = logging.INFO) -> None:
        if state != self.state:
            log.log(level, "broker %s:%d: %s", self._config.host, self._config.port, state)
        self.state = state


def make_client(config: MqttConfig) -> mqtt.Client:
    """A paho client for the configured broker, not connected yet."""
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=config.client_id,
        clean_session=False,
        protocol=mqtt.MQTTv311,
        manual_ack=True,
    )
    client.suppress_exceptions = True
    client.enable_logger(logging.getLogger("paho"))
    client.max_inflight_messages_set(WINDOW)
    client.max_queued_messages_set(2 * WINDOW)
    client.reconnect_delay_set(*RECONNECT_S)
    if config.username is not None:
        client.username_pw_set(config.username, mqtt_password(config))
    if config.tls:
        client.tls_set(
            ca_certs=str(config.ca_file) if config.ca_file else None,
            certfile=str(config.cert_file) if config.cert_file else None,
            keyfile=str(config.key_file) if config.key_file else None,
        )
    return client
