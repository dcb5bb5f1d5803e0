"""The task that gets records to the gateway: bearer, time, broker, MQTT session, window. Every await has a
deadline.

One connection is one call of `session`: it ends by raising (the link failed) or when `done` says so. Who
calls it decides when to try again: a bin at its next wake-up, a truck by `stay`.
"""

import asyncio
import json

from edge import VERSION
from edge.errors import EdgeError
from edge.keep import Keep
from edge.link.liveness import DEAD, PING, Liveness
from edge.link.network import NEEDS_HANDS, TOLD_FAILS, bearer
from edge.link.reach import Reach
from edge.link.window import Window
from edge.log import Log
from edge.unload import unload

if False:  # for types
    from collections.abc import Callable
    from typing import Any

    from edge.link.connection import Connection
    from edge.link.mqtt import Session

SEND_MS = 15_000
ANSWER_MS = 10_000
PUBACK_MS = 20_000  # a broker that answers pings and acknowledges nothing is none
MAX_BODY = 8192
_SESSION = "link.mqtt"  # what only a connection needs
_TIME = "link.sntp link.ntp measure.witness"  # modules that only setting the clock needs
MAX_OUT = 32  # answers that may wait; then nothing more is read


class Uplink:
    """`commands`, `desired`: who is asked for what comes down, and for replies (`edge.app.commands`).
    `extra`: each gives (name, JSON text) to be told in `up/state`. `error`: why the last session failed;
    "" when it did not. `proved`: this session, or the last one, moved something.
    """

    def __init__(self, settings: "dict[str, Any]", log: Log, keep: Keep, radio: "Any" = None) -> None:
        self._log = log
        self._keep = keep
        self._device = settings["device"]
        self._reach = Reach(settings, log.clock, keep.data)
        self._rev = settings.get("rev", 0)
        net = settings.get("network", {})
        self._ntp = settings.get("ntp")
        self._names: "list[str]" = net.get("dns", [])
        self.bearer = radio or bearer(net, None, keep)
        self._prefix = "huishou/1/" + self._device + "/"
        self._mqtt: "Session | Any" = None  # made by the first connection
        self._window = Window()
        self._window.sent = keep.data.get("sent", 0)
        self._news = asyncio.Event()  # something was written, acknowledged or received
        self._room = asyncio.Event()  # answers have left
        self.commands: "Any" = None
        self.desired: "Any" = None
        self.extra: "list[Callable[[], tuple[str, str] | None]]" = [log.clock.tells]
        self.hold_ms = (
            0  # since boot: how long records wait for a clock, so that they need not go without a time
        )
        self.connected = self.proved = False
        self.error = ""
        self._reset()

    def _reset(self) -> None:
        self._out: "list[bytes]" = []  # answers that wait for the sending task
        self._replies: "dict[int, object]" = {}  # packet id -> what to tell `commands` at its PUBACK
        self._lost: "Exception | None" = None
        self._hello_id = self._goodbye_id = 0  # packet ids of the first and last `state`; 0: acknowledged
        now = self._log.clock.mono_ms()
        self._alive = Liveness(self._reach.keepalive_s, now)
        self._window.connected(now)

    def poke(self) -> None:
        """There is something to send."""
        self._news.set()

    def off(self) -> None:
        """The radio goes off at once."""
        self._keep.doing("modem")
        self.bearer.off()
        self._keep.doing("")

    async def leave(self) -> None:
        """The radio goes off in good order, within some seconds; a modem that cannot go off hangs up. An MQTT
        session that owes nothing is forgotten, with its code.
        """
        if self._mqtt and not self._mqtt.resend():
            self._mqtt = None
            unload(_SESSION)
        self._keep.doing("modem")
        try:
            await self.bearer.down()
        finally:
            self._keep.doing("")

    # One connection

    async def session(self, done: "Callable[[], bool]", next_ms: "Callable[[], int | None]") -> None:
        """Connect and send until `done`, then say when to be back (`next_ms`, ms since 1970) and leave.

        Errors: EdgeError (of the bearer, `dns-…`, `mqtt-…`, `link-…`, `tls-…`), OSError.
        """
        ring = self._log.ring
        self.proved = False
        if self.desired:
            self.desired.attempt()
        self._keep.doing("modem")  # bearers have been known to hang where no deadline reaches
        try:
            await self.bearer.up(self.bearer.up_ms)
            self._tell("", "")
        except EdgeError as error:
            self._tell(error.code, error.detail)
            raise
        finally:
            self._keep.doing("")
        await self._sync()
        link = await self._reach.enter(self._hello)
        receiver = None
        try:
            self._log.fault("link", "broker-fallback", bool(self._reach.away), self._reach.away)
            self.bearer.well()
            self.connected = True
            self.error = ""
            receiver = asyncio.create_task(self._receive(link))
            await self._talk(link, done)
            await self._goodbye(link, next_ms())
        except (EdgeError, OSError):
            if not self.proved and ring.head > ring.acked and self.bearer.is_up():
                self._reach.useless()
            raise
        finally:
            self.connected = False
            if receiver:
                receiver.cancel()
            link.close()
            ring.rest()

    def _tell(self, code: str, detail: str) -> None:
        """Record what keeps the bearer down, once: at once if it needs hands, else when it is no exception
        any more. Its next success clears it.
        """
        log, fails = self._log, self._keep.data.pop("radio", 0) + 1
        for name in list(log.faults()):
            part, told = name.split(" ", 1)
            if part == "radio" and told != code:
                log.fault(part, told, False)
        if code:
            self._keep.data["radio"] = min(fails, TOLD_FAILS)
            if code in NEEDS_HANDS.split() or fails >= TOLD_FAILS:
                log.fault("radio", code, True, detail)

    async def _sync(self) -> None:
        """Set the clock from NTP unless it is fresh; a failure here is no reason not to send."""
        log = self._log
        if self._ntp and log.clock.source() in ("none", "rtc"):
            from edge.link.sntp import Sync

            code, detail = "", ""
            try:
                await Sync(self._ntp, log, self._keep.data.setdefault("ntp_rest", {}), self._names).run()
            except (EdgeError, OSError) as error:
                code = error.code if isinstance(error, EdgeError) else ""
                detail = str(error)
            finally:
                unload(_TIME)
            log.fault("clock", "ntp-disagree", code == "ntp-disagree", detail)
            if not detail:
                log.fault("clock", "ntp-failed", False)
            elif log.clock.source() == "none":
                log.fault("clock", "ntp-failed", True, detail)

    async def _hello(self, link: "Connection", limit_ms: int) -> None:
        if not self._mqtt:
            from edge.link.mqtt import Session

            self._mqtt = Session(self._device)
        self._reset()
        keepalive = self._reach.keepalive_s
        will = (self._prefix + "up/state", self._state(False, None))
        password = self._reach.broker.get("password", "")
        try:
            await self._write(link, self._mqtt.connect(self._device, password, keepalive, will), limit_ms)
        except (EdgeError, OSError) as error:
            if isinstance(error, EdgeError) and error.code != "link-stuck":
                raise
            raise EdgeError("link-no-broker", str(error)) from None
        clock, let_in = self._log.clock, False
        deadline = clock.mono_ms() + ANSWER_MS
        while not let_in:
            for event in self._mqtt.feed(await link.read(max(1, deadline - clock.mono_ms()))):
                let_in = True  # the session sees to it that the first is CONNACK
                self._handle(event)
        packets = self._mqtt.resend()
        packets.append(self._mqtt.subscribe(self._prefix + "down/+")[1])
        state = self._state(True, None)
        self._hello_id, packet = self._mqtt.publish(self._prefix + "up/state", state, retain=True)
        packets.append(packet)
        if self.commands:
            self.commands.connected()
        await self._write(link, b"".join(packets))

    async def _talk(self, link: "Connection", done: "Callable[[], bool]") -> None:
        clock, alive, window = self._log.clock, self._alive, self._window
        while True:
            self._news.clear()
            if self._lost:
                raise self._lost
            packet = self._next_packet()
            if packet:
                await self._write(link, packet)
                self._room.set()
                continue
            if done() or self._reach.homesick():
                return
            now = clock.mono_ms()
            state = alive.state(now)
            if state == DEAD:
                raise EdgeError("link-silent", "no answer to a ping in %d ms" % alive.answer_ms)
            if state == PING:
                alive.pinged(now)
                await self._write(link, self._mqtt.ping())
                continue
            overdue = window.overdue_ms(now)
            if overdue >= PUBACK_MS:
                raise EdgeError("link-unacknowledged", "no PUBACK for %d ms" % overdue)
            wait = min(alive.wait_ms(now), window.wait_ms(self._log.ring.acked, now), PUBACK_MS - overdue)
            try:
                await asyncio.wait_for_ms(self._news.wait(), max(1, wait))
            except asyncio.TimeoutError:
                pass

    def _next_packet(self) -> bytes:
        """What to send now: answers first, then replies, else the next message of records, else b""."""
        if self._out:
            packets, self._out = self._out, []
            return b"".join(packets)
        told = self.commands.reply() if self.commands else None
        if told:
            packet_id, packet = self._mqtt.publish(self._prefix + "up/replies", told[1])
            self._replies[packet_id] = told[0]
            return packet
        ring, clock = self._log.ring, self._log.clock
        if clock.source() == "none" and clock.mono_ms() < self.hold_ms:
            return b""
        start = self._window.start(ring.acked, ring.head, clock.mono_ms())
        if start is None:
            return b""
        run = ring.read(start, MAX_BODY)
        if not run or not self._window.may_follow(run[0][0], ring.acked):
            return b""
        first = run[0][0] if start == ring.first else ring.first
        now, source = clock.now()
        head = '{"v":1,"log":"%s","first":%d,"sent":%d,"recs":[' % (
            ring.log,
            first,
            0 if source == "none" else now,
        )
        body = head.encode() + b",".join([data for _seq, data in run]) + b"]}"
        packet_id, packet = self._mqtt.publish(self._prefix + "up/records", body)
        self._window.published(packet_id, run[-1][0], clock.mono_ms())
        self._keep.data["sent"] = self._window.sent
        if source == "none":
            self._keep.save()  # their time can no longer be filled in, not even after a reset
        return packet

    async def _goodbye(self, link: "Connection", next_ms: "int | None") -> None:
        number, packet = self._mqtt.publish(
            self._prefix + "up/state", self._state(False, next_ms), retain=True
        )
        self._goodbye_id = number
        await self._write(link, packet)
        deadline = self._log.clock.mono_ms() + ANSWER_MS
        while self._goodbye_id and not self._lost:
            left = deadline - self._log.clock.mono_ms()
            self._news.clear()
            try:
                await asyncio.wait_for_ms(self._news.wait(), max(1, left))
            except asyncio.TimeoutError:
                break
        await self._write(link, b"".join(self._out) + self._mqtt.disconnect())

    # Bytes

    async def _write(self, link: "Connection", data: bytes, limit_ms: int = SEND_MS) -> None:
        self._alive.sent(self._log.clock.mono_ms())
        await link.write(data, min(limit_ms, max(self._alive.answer_ms, 1)) if self.connected else limit_ms)

    async def _receive(self, link: "Connection") -> None:
        limit = 2000 * self._reach.keepalive_s  # `_talk` is there before
        try:
            while True:
                for event in self._mqtt.feed(await link.read(limit)):
                    self._alive.heard(self._log.clock.mono_ms())  # a whole packet, not just bytes
                    self._handle(event)
                self._news.set()
                while len(self._out) > MAX_OUT:  # its deadline is that of the write that makes room
                    self._room.clear()
                    await self._room.wait()
        except Exception as error:
            self._lost = error
            self._news.set()

    # What comes down

    def _handle(self, event: "tuple[Any, ...]") -> None:
        if event[0] == "puback":
            if event[1] == self._goodbye_id:
                self._goodbye_id = 0
            elif event[1] == self._hello_id:
                self._hello_id = 0
                if self.desired:
                    self.desired.confirm()
            self._window.puback(event[1])
            told = self._replies.pop(event[1], None)
            if told is not None:
                self.commands.told(told)
        elif event[0] == "suback" and 0x80 in event[2]:
            raise EdgeError(
                "mqtt-refused", "the broker refused the subscription to " + self._prefix + "down/+"
            )
        elif event[0] == "message":
            self._message(event[1], event[2], event[3])

    def _message(self, topic: str, payload: bytes, packet_id: int) -> None:
        if topic == self._prefix + "down/commands" and not self._mqtt.room:
            return  # no PUBACK: it comes again
        try:
            if topic == self._prefix + "down/ack":
                self._acknowledged(json.loads(payload))
            elif topic == self._prefix + "down/commands":
                for reply in self._command(topic, payload):
                    self._out.append(self._mqtt.publish(self._prefix + "up/replies", reply, keep=True)[1])
            elif topic == self._prefix + "down/desired" and self.desired:
                self.desired.take(payload)
            self._log.fault("link", "bad-message", False)
        except (EdgeError, OSError):
            raise
        except Exception as error:  # whatever a stranger's bytes lead to
            self._log.fault("link", "bad-message", True, "%s: %s" % (topic[-40:], type(error).__name__))
        if packet_id:
            self._out.append(self._mqtt.puback(packet_id))  # after it was dealt with

    def _acknowledged(self, body: "dict[str, Any]") -> None:
        ring, seq = self._log.ring, int(body["seq"])
        if body["log"] != ring.log:
            return  # of a log that this device no longer has
        if self._window.sent < seq <= ring.head:
            run = ring.read(self._window.sent + 1, 1)
            if not run or run[0][0] > seq:
                self._window.sent = seq  # what lies between is lost: the gateway has passed it, as declared
        if self._window.acknowledged(seq, ring.acked, self._log.clock.mono_ms()):
            ring.ack(seq)
            self.proved = True

    def _command(self, topic: str, payload: bytes) -> "list[bytes]":
        if self.commands:
            return self.commands.take(topic, payload)
        reply = {"v": 1, "id": str(json.loads(payload)["id"])[:64], "state": "refused", "code": "unsupported"}
        reply["t"] = self._log.clock.now()[0]
        return [json.dumps(reply).encode()]

    def _state(self, online: bool, next_ms: "int | None") -> bytes:
        ring = self._log.ring
        lost = ["[%d,%d]" % run for run in ring.lost()]
        text = '{"v":1,"online":%s,"fw":"%s","rev":%d,"log":"%s","first":%d,"head":%d,"next":%s' % (
            "true" if online else "false",
            VERSION,
            self._rev,
            ring.log,
            ring.first,
            ring.head,
            "null" if next_ms is None else next_ms,
        )
        if lost:
            text += ',"lost":[%s]' % ",".join(lost)
        for tell in self.extra:
            told = tell()
            if told:
                text += ',"%s":%s' % told
        return (text + "}").encode()
