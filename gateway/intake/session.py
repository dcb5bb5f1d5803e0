"""One connection to a broker, from CONNECT to its end. Pure: bytes and the time go in, messages and bytes
come out.

MQTT 3.1.1 or 5, a session that the broker keeps, one subscription with QoS 1. A PUBACK goes out when told
(`acknowledge`), in the order told, never twice, and only here: packet ids mean nothing on another
connection, which is another `Session`. The flags DUP and retain are ignored: a record's name tells whether
it is new. Everything that ends a connection is a SessionError with the code of its alarm.
"""

from collections.abc import Iterable

from gateway.config import MqttConfig
from gateway.contract import encode_ack, topic
from gateway.intake import wire
from gateway.intake.outbox import LAST_PACKET, Outbox

FILTER = "huishou/1/+/up/#"
ANSWER_S = 10.0  # a broker that takes longer for CONNACK, SUBACK or PINGRESP is not there
RECEIVE_MAXIMUM = 16_000  # messages without PUBACK (MQTT 5): the inbox, a batch, and one read
MAX_OUT = 256 * 1024  # bytes that wait to be written, beyond which no more marks are added
_SUBSCRIBE_PACKET = 65_535  # above those of the outbox
_POST_PACKETS = range(LAST_PACKET + 1, _SUBSCRIBE_PACKET)  # their PUBACK tells nothing: replies do

REASONS = {  # MQTT 5, 2.4; below 0x80 of a CONNACK: MQTT 3.1.1, 3.2.2.3
    0x01: "unacceptable protocol version: set mqtt.protocol to one that the broker speaks",
    0x02: "client id rejected",
    0x03: "server unavailable",
    0x04: "bad user name or password",
    0x05: "not authorized",
    0x81: "malformed packet",
    0x82: "protocol error",
    0x84: "unsupported protocol version: set mqtt.protocol to one that the broker speaks",
    0x85: "client id not valid",
    0x86: "bad user name or password",
    0x87: "not authorized",
    0x88: "server unavailable",
    0x89: "server busy",
    0x8A: "banned",
    0x8B: "server shutting down",
    0x8D: "keep-alive timeout",
    0x8E: "session taken over",
    0x93: "receive maximum exceeded",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x98: "administrative action",
    0x9C: "use another server",
    0x9D: "server moved",
    0x9F: "connection rate exceeded",
}
_AWAY = frozenset({0x03, 0x88, 0x89, 0x8B, 0x8D, 0x9F})  # it may be well again without anybody's doing
TAKEN_OVER = 0x8E


class SessionError(Exception):
    """The connection has to end. `code` is that of the alarm: `broker-away`, `broker-refused` or
    `session-taken`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Session:
    """One connection. `out` holds the bytes to be written; whoever writes them removes them."""

    def __init__(self, config: MqttConfig, password: str | None, outbox: Outbox, now_s: float) -> None:
        self.protocol = config.protocol
        self.connected = False  # the broker has let us in
        self.ready = False  # subscribed: messages come
        self.resumed = False  # the broker had kept the session
        self.problem = ""  # what the broker refuses although it lets us in
        self.out = bytearray()
        self._level = wire.V5 if config.protocol == "5" else wire.V311
        self._reader = wire.Reader(self._level)
        self._outbox = outbox
        self._keepalive_s: float = config.keepalive_s
        self._listened = True
        self._posted = 0
        self._heard_s = self._sent_s = self._asked_s = now_s
        self._asking = True  # an answer is due
        self.out += wire.connect(
            self._level,
            config.client_id,
            config.keepalive_s,
            config.username,
            password,
            config.session_expiry_s,
            RECEIVE_MAXIMUM,
        )

    def feed(self, data: bytes, now_s: float) -> list[wire.Publish]:
        """The messages that are complete with this. Raises SessionError."""
        try:
            publishes, controls = self._reader.feed(data)
        except wire.WireError as err:
            raise SessionError("broker-away", f"the broker does not keep to MQTT: {err}") from None
        self._heard_s = now_s
        if self.ready:
            self._asking = False
        for control in controls:
            self._control(control, now_s)
        if publishes and not self.connected:
            raise SessionError("broker-away", "the broker does not keep to MQTT: PUBLISH before CONNACK")
        return publishes

    def acknowledge(self, packets: Iterable[int]) -> None:
        """PUBACK messages of this connection."""
        self.out += wire.pubacks(packets)

    def post(self, device: str, channel: str, payload: bytes, *, retain: bool) -> bool:
        """Publish once, as far as this connection carries; False: it does not now."""
        if not self.ready or len(self.out) >= MAX_OUT:
            return False
        self._posted = (self._posted + 1) % len(_POST_PACKETS)
        packet = _POST_PACKETS[self._posted]
        self.out += wire.publish(self._level, packet, topic(device, channel), payload, retain=retain)
        return True

    def pump(self) -> None:
        """Publish marks as far as window and buffer allow."""
        if self.ready and len(self.out) < MAX_OUT:
            for packet, (device, log, seq) in self._outbox.take():
                self._tell(packet, device, log, seq, again=False)

    def tick(self, now_s: float, *, listening: bool = True) -> None:
        """Ping when the line was silent. Raises SessionError when an answer is overdue.

        `listening`: whether what comes is being read; if not, its absence says nothing.
        """
        if self.ready and not (listening and self._listened):
            self._heard_s, self._asking = now_s, False
        self._listened = listening
        if self._asking:
            if now_s - self._asked_s >= ANSWER_S:
                what = "PINGRESP" if self.ready else "SUBACK" if self.connected else "CONNACK"
                raise SessionError("broker-away", f"no {what} from the broker in {ANSWER_S:g} s")
        elif now_s - min(self._heard_s, self._sent_s) >= self._keepalive_s / 2:
            self.out += wire.PING
            self._ask(now_s)

    def wait_s(self, now_s: float) -> float:
        """How long until `tick` has something to do."""
        if self._asking:
            return max(0.0, self._asked_s + ANSWER_S - now_s)
        return max(0.0, min(self._heard_s, self._sent_s) + self._keepalive_s / 2 - now_s)

    def wrote(self, count: int, now_s: float) -> None:
        """`count` bytes of `out` are on their way."""
        del self.out[:count]
        self._sent_s = now_s

    def _ask(self, now_s: float) -> None:
        self._asking, self._asked_s, self._sent_s = True, now_s, now_s

    def _control(self, control: wire.Control, now_s: float) -> None:
        if not self.connected and control.type != wire.CONNACK:
            raise SessionError(
                "broker-away", "the broker does not keep to MQTT: it did not begin with CONNACK"
            )
        if control.type == wire.PUBACK:
            mark = self._outbox.confirmed(control.packet)
            if mark is not None and control.codes[0] >= 0x80:
                self.problem = f"down/ack to {mark[0]} denied: {_reason(control.codes[0])}"
        elif control.type == wire.CONNACK and not self.connected:
            self._accepted(control, now_s)
        elif control.type == wire.SUBACK and control.packet == _SUBSCRIBE_PACKET:
            if control.codes[0] >= 0x80:
                # Nothing would ever arrive: say so instead of looking healthy.
                denied = f"subscription to {FILTER} denied ({_reason(control.codes[0])})"
                raise SessionError("broker-refused", f"{denied}: check the broker's access list")
            self.ready, self._asking = True, False
        elif control.type == wire.DISCONNECT:
            code = control.codes[0]
            known = "session-taken" if code == TAKEN_OVER else "broker-away"
            raise SessionError(known, f"the broker ended the connection: {_reason(code)}{_words(control)}")
        elif control.type != wire.PINGRESP:
            raise SessionError(
                "broker-away", f"the broker does not keep to MQTT: packet type {control.type} here"
            )

    def _accepted(self, control: wire.Control, now_s: float) -> None:
        code = control.codes[0]
        if code:
            known = "broker-away" if code in _AWAY else "broker-refused"
            raise SessionError(known, f"the broker refuses the connection: {_reason(code)}{_words(control)}")
        self.connected, self.resumed = True, control.session_present
        properties = control.properties
        self._keepalive_s = (
            float(properties.get(wire.SERVER_KEEP_ALIVE, self._keepalive_s)) or self._keepalive_s
        )
        self._outbox.window = min(self._outbox.window, int(properties.get(wire.RECEIVE_MAXIMUM, 65_535)))
        self.out += wire.subscribe(self._level, _SUBSCRIBE_PACKET, FILTER)
        self._ask(now_s)
        for packet, (device, log, seq) in self._outbox.flying():
            self._tell(packet, device, log, seq, again=self.resumed)

    def _tell(self, packet: int, device: str, log: str, seq: int, *, again: bool) -> None:
        body = encode_ack(log, seq)
        self.out += wire.publish(self._level, packet, topic(device, "down/ack"), body, again=again)


def _reason(code: int) -> str:
    return REASONS.get(code, "no reason given" if code == 0 else f"code {code:#04x}")


def _words(control: wire.Control) -> str:
    """The broker's own words, if it has any."""
    words = control.properties.get(wire.REASON_STRING)
    return f" ({words[:200].decode('utf-8', 'backslashreplace')})" if isinstance(words, bytes) else ""
