"""The task that gets records to the gateway: network, time, MQTT connection, window. Every await has a
deadline.

One connection is one call of `session`: it ends by raising (the link failed) or when `done` says so. Who
calls it decides when to try again: a bin at its next wake-up, a truck after a growing, jittered pause.
"""

import asyncio
import gc
import json

from edge import VERSION
from edge.errors import EdgeError
from edge.keep import Keep
from edge.link.mqtt import Session
from edge.link.network import Wifi
from edge.link.sntp import Sync
from edge.link.window import Window
from edge.log import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

JOIN_MS = 20_000
CONNECT_MS = 10_000
SEND_MS = 15_000
ANSWER_MS = 10_000
MAX_BODY = 8192


class Uplink:
    def __init__(self, settings: "dict[str, Any]", log: Log, keep: Keep) -> None:
        self._log = log
        self._keep = keep
        self._device = settings["device"]
        self._broker = settings["broker"]
        self._time = Sync(settings.get("ntp"), log, keep.data.setdefault("ntp_rest", {}))
        self._rev = settings.get("rev", 0)
        net = settings.get("network", {})
        self.wifi = Wifi(net.get("ssid", ""), net.get("password", ""))
        self._prefix = "huishou/1/" + self._device + "/"
        self._mqtt = Session(self._device)
        self._window = Window()
        self._window.sent = keep.data.get("sent", 0)
        self._news = asyncio.Event()  # something was written, acknowledged or received
        self.hold_ms = (
            0  # since boot: how long records wait for a clock, so that they need not go without a time
        )
        self.connected = False
        self.error = ""  # why the last session failed; "" when it did not
        self._reset()

    def _reset(self) -> None:
        self._out: "list[bytes]" = []  # answers that wait for the sending task
        self._lost: "Exception | None" = None
        self._goodbye_id = 0  # packet id of the last `state`; 0: acknowledged
        self._heard_ms = self._sent_ms = self._log.clock.mono_ms()
        self._pinged = False  # a PINGREQ went out and nothing was heard since

    def poke(self) -> None:
        """There is something to send."""
        self._news.set()

    # One connection

    async def session(self, done: "Callable[[], bool]", next_ms: "Callable[[], int | None]") -> None:
        """Connect and send until `done`, then say when to be back (`next_ms`, ms since 1970) and leave.

        Errors: EdgeError (`network-unreachable`, `mqtt-…`, `link-…`), OSError.
        """
        await self.wifi.connect(JOIN_MS)
        await self._sync()
        host, port = self._broker["host"], self._broker["port"]
        reader: asyncio.StreamReader
        writer: asyncio.StreamWriter
        try:
            reader, writer = await asyncio.wait_for_ms(asyncio.open_connection(host, port), CONNECT_MS)
        except asyncio.TimeoutError:
            gc.collect()  # closes the socket that was left half open
            raise EdgeError(
                "link-no-broker", "%s:%d did not answer in %d ms" % (host, port, CONNECT_MS)
            ) from None
        receiver = None
        try:
            self._reset()
            await self._hello(reader, writer)
            self._window.connected(self._log.clock.mono_ms())
            self.connected = True
            self.error = ""
            receiver = asyncio.create_task(self._receive(reader))
            await self._talk(writer, done)
            await self._goodbye(writer, next_ms())
        finally:
            self.connected = False
            if receiver:
                receiver.cancel()
            writer.close()
            await writer.wait_closed()

    async def _sync(self) -> None:
        """Set the clock from NTP unless it is fresh; a failure here is no reason not to send."""
        log = self._log
        if self._time.servers and log.clock.source() in ("none", "rtc"):
            code, detail = "", ""
            try:
                await self._time.run()
            except (EdgeError, OSError) as error:
                code = error.code if isinstance(error, EdgeError) else ""
                detail = str(error)
            log.fault("clock", "ntp-disagree", code == "ntp-disagree", detail)
            if not detail:
                log.fault("clock", "ntp-failed", False)
            elif log.clock.source() == "none":
                log.fault("clock", "ntp-failed", True, detail)

    async def _hello(self, reader: "asyncio.StreamReader", writer: "asyncio.StreamWriter") -> None:
        keepalive = self._broker.get("keepalive_s", 60)
        will = (self._prefix + "up/state", self._state(False, None))
        packet = self._mqtt.connect(self._device, self._broker.get("password", ""), keepalive, will)
        await self._write(writer, packet)
        events: "list[tuple[Any, ...]]" = []
        while not events:
            events = self._mqtt.feed(await self._read(reader, ANSWER_MS))
        if events[0][0] != "connack":
            raise EdgeError("mqtt-protocol", "the broker's first packet is no CONNACK")
        packets = self._mqtt.resend()
        packets.append(self._mqtt.subscribe(self._prefix + "down/+")[1])
        packets.append(self._mqtt.publish(self._prefix + "up/state", self._state(True, None), retain=True)[1])
        await self._write(writer, b"".join(packets))
        for event in events[1:]:
            self._handle(event)

    async def _talk(self, writer: "asyncio.StreamWriter", done: "Callable[[], bool]") -> None:
        clock, half_ms = self._log.clock, self._broker.get("keepalive_s", 60) * 500
        while True:
            self._news.clear()
            if self._lost:
                raise self._lost
            packet = self._next_packet()
            if packet:
                await self._write(writer, packet)
                continue
            if done():
                return
            now = clock.mono_ms()
            quiet = now - min(self._sent_ms, self._heard_ms)
            if self._pinged and now - self._sent_ms >= ANSWER_MS:
                raise EdgeError("link-silent", "no answer to a ping in %d ms" % ANSWER_MS)
            if quiet >= half_ms and not self._pinged:
                self._pinged = True
                await self._write(writer, self._mqtt.ping())
                continue
            wait = ANSWER_MS if self._pinged else half_ms - quiet
            wait = min(wait, self._window.wait_ms(self._log.ring.acked, now))
            try:
                await asyncio.wait_for_ms(self._news.wait(), max(1, wait))
            except asyncio.TimeoutError:
                pass

    def _next_packet(self) -> bytes:
        """What to send now: answers first, else the next message of records, else b""."""
        if self._out:
            packets, self._out = self._out, []
            return b"".join(packets)
        ring = self._log.ring
        if self._log.clock.source() == "none" and self._log.clock.mono_ms() < self.hold_ms:
            return b""
        start = self._window.start(ring.acked, ring.head, self._log.clock.mono_ms())
        if start is None:
            return b""
        run = ring.read(start, MAX_BODY)
        if not run or not self._window.may_follow(run[0][0], ring.acked):
            return b""
        first = run[0][0] if start == ring.first else ring.first
        now, source = self._log.clock.now()
        head = '{"v":1,"log":"%s","first":%d,"sent":%d,"recs":[' % (
            ring.log,
            first,
            0 if source == "none" else now,
        )
        body = head.encode() + b",".join([data for _seq, data in run]) + b"]}"
        packet_id, packet = self._mqtt.publish(self._prefix + "up/records", body)
        self._window.published(packet_id, run[-1][0])
        self._keep.data["sent"] = self._window.sent
        if source == "none":
            self._keep.save()  # their time can no longer be filled in, not even after a reset
        return packet

    async def _goodbye(self, writer: "asyncio.StreamWriter", next_ms: "int | None") -> None:
        number, packet = self._mqtt.publish(
            self._prefix + "up/state", self._state(False, next_ms), retain=True
        )
        await self._write(writer, packet)
        deadline = self._log.clock.mono_ms() + ANSWER_MS
        self._goodbye_id = number
        while self._goodbye_id and not self._lost:
            left = deadline - self._log.clock.mono_ms()
            self._news.clear()
            try:
                await asyncio.wait_for_ms(self._news.wait(), max(1, left))
            except asyncio.TimeoutError:
                break
        await self._write(writer, b"".join(self._out) + self._mqtt.disconnect())

    # Bytes

    async def _write(self, writer: "asyncio.StreamWriter", data: bytes) -> None:
        self._sent_ms = self._log.clock.mono_ms()
        writer.write(data)
        try:
            await asyncio.wait_for_ms(writer.drain(), SEND_MS)
        except asyncio.TimeoutError:
            raise EdgeError(
                "link-stuck", "%d bytes could not be sent in %d ms" % (len(data), SEND_MS)
            ) from None

    async def _read(self, reader: "asyncio.StreamReader", timeout_ms: int) -> bytes:
        try:
            data: bytes = await asyncio.wait_for_ms(reader.read(2048), timeout_ms)
        except asyncio.TimeoutError:
            raise EdgeError("link-silent", "nothing heard for %d ms" % timeout_ms) from None
        if not data:
            raise EdgeError("link-closed", "the broker closed the connection")
        self._heard_ms = self._log.clock.mono_ms()
        self._pinged = False
        return data

    async def _receive(self, reader: "asyncio.StreamReader") -> None:
        limit = 2000 * self._broker.get("keepalive_s", 60) + ANSWER_MS
        try:
            while True:
                for event in self._mqtt.feed(await self._read(reader, limit)):
                    self._handle(event)
                self._news.set()
        except (EdgeError, OSError) as error:
            self._lost = error
            self._news.set()

    # What comes down

    def _handle(self, event: "tuple[Any, ...]") -> None:
        if event[0] == "puback":
            if event[1] == self._goodbye_id:
                self._goodbye_id = 0
            self._window.puback(event[1])
        elif event[0] == "suback" and 0x80 in event[2]:
            raise EdgeError(
                "mqtt-refused", "the broker refused the subscription to " + self._prefix + "down/+"
            )
        elif event[0] == "message":
            try:
                self._message(event[1], event[2])
                self._log.fault("link", "bad-message", False)
            except (ValueError, KeyError, TypeError, UnicodeError):
                self._log.fault("link", "bad-message", True, "a message on " + event[1][-40:])
            if event[3]:
                self._out.append(self._mqtt.puback(event[3]))  # after it was dealt with

    def _message(self, topic: str, payload: bytes) -> None:
        body = json.loads(payload)
        if topic == self._prefix + "down/ack":
            ring, seq = self._log.ring, int(body["seq"])
            if body["log"] != ring.log:
                return  # of a log that this device no longer has
            if self._window.acknowledged(seq, ring.acked, self._log.clock.mono_ms()):
                ring.ack(seq)
        elif topic == self._prefix + "down/commands":
            reply = {"v": 1, "id": str(body["id"])[:64], "state": "refused", "code": "unsupported"}
            reply["t"] = self._log.clock.now()[0]
            packet = self._mqtt.publish(self._prefix + "up/replies", json.dumps(reply).encode(), keep=True)[1]
            self._out.append(packet)

    def _state(self, online: bool, next_ms: "int | None") -> bytes:
        ring = self._log.ring
        return (
            '{"v":1,"online":%s,"fw":"%s","rev":%d,"log":"%s","first":%d,"head":%d,"next":%s}'
            % (
                "true" if online else "false",
                VERSION,
                self._rev,
                ring.log,
                ring.first,
                ring.head,
                "null" if next_ms is None else next_ms,
            )
        ).encode()
