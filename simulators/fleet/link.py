"""One MQTT connection that carries many devices: asyncio above, `wire` below.

It connects again for ever, subscribes to its devices' `down/ack`, and gives each device its turn, one
message at a time. A broker that goes silent is noticed by its keep-alive.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from simulators.fleet import wire
from simulators.fleet.counts import Told
from simulators.fleet.device import Device
from simulators.fleet.flood import FloodDevice
from simulators.fleet.mischief import Losses, Mischief, Parcel
from simulators.fleet.options import Options

CHUNK_BYTES = 128 << 10  # handed to the socket at once
MAX_FLYING = 60_000  # of 65,535 packet ids
FILTERS_A_PACKET = 100
CONNECT_S = 10.0
RETRY_S = (0.1, 2.0)


class _Ack(msgspec.Struct):
    log: str
    seq: int


_ACK = msgspec.json.Decoder(_Ack)


class Supply(Losses, Protocol):
    """Where a link's devices get records from, and where it is told what became of them."""

    def feed(self, device: Device, now_ms: int) -> None:
        """The device has nothing to send: make something, if that is wanted."""

    def before_sending(self) -> None:
        """Bytes are about to go out."""

    def freed(self, device: Device, count: int, seq: int) -> None:
        """`down/ack` freed so many records."""


class Link(asyncio.Protocol):
    """Use: `offer` a device that may have something to send, `pump` to send; `run` keeps it connected."""

    def __init__(
        self, client: str, devices: Sequence[Device], options: Options, told: Told, supply: Supply
    ) -> None:
        self.devices = devices
        self.ready = False  # connected and subscribed
        self.refused: int | None = None  # CONNACK's return code when it said no
        self._client = client
        self._options = options
        self._told = told
        self._supply = supply
        self._mischief = Mischief(options, client, told, supply)
        self._by_id = {device.id.encode(): device for device in devices}
        self._transport: asyncio.Transport | None = None
        self._down = asyncio.Event()
        self._queue: deque[Device] = deque()
        self._states: deque[Device] = deque()
        self._flying: dict[int, tuple[Device | None, float]] = {}
        self._packet = 0
        self._subscribing = 0
        self._closing = False
        self._paused = False
        self._heard_s = 0.0
        self._packets = wire.Packets()
        self._read: dict[int, Callable[[int, bytes, float], bytes | None]] = {
            wire.PUBACK: self._on_puback,
            wire.PUBLISH: self._on_publish,
            wire.CONNACK: self._on_connack,
            wire.SUBACK: self._on_suback,
        }

    @property
    def flying(self) -> int:
        """Messages without PUBACK."""
        return len(self._flying)

    async def run(self) -> None:
        """Keep it connected, until cancelled or refused."""
        wait_s = RETRY_S[0]
        loop = asyncio.get_running_loop()
        while self.refused is None:
            self._down.clear()
            try:
                async with asyncio.timeout(CONNECT_S):
                    await loop.create_connection(lambda: self, self._options.host, self._options.port)
            except OSError:  # TimeoutError is one
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, RETRY_S[1])
                continue
            await self._down.wait()
            await asyncio.sleep(RETRY_S[0])
            wait_s = RETRY_S[0]

    def offer(self, device: Device) -> None:
        """Put a device in the round, unless it is there."""
        if not device.queued:
            device.queued = True
            self._queue.append(device)

    def pump(self) -> None:
        """Give each device in the round its turn until the socket or the packet ids are full."""
        if not self.ready or self._paused or self._transport is None:
            return
        now_s, now_ms = time.monotonic(), time.time_ns() // 1_000_000
        out: list[bytes] = []
        size = 0
        queue, told = self._queue, self._told
        while (queue or self._states) and size < CHUNK_BYTES and len(self._flying) < MAX_FLYING:
            if self._states:
                packet = self._state(self._states.popleft(), now_s)
                out.append(packet)
                size += len(packet)
                continue
            device = queue.popleft()
            if device.cursor == device.next:
                self._supply.feed(device, now_ms)
            body = device.message(now_s, now_ms)
            if body is None:
                device.queued = False
                continue
            queue.append(device)
            if isinstance(device, FloodDevice):
                told.flood_messages += 1
            else:
                told.messages += 1
            for parcel in self._mischief.send(device, body, now_s):
                packet = self._publish(parcel, now_s)
                out.append(packet)
                size += len(packet)
        if out:
            self._supply.before_sending()
            self._transport.write(b"".join(out))
        if size >= CHUNK_BYTES:
            asyncio.get_running_loop().call_soon(self.pump)

    def tick(self, now_s: float) -> None:
        """Once a second: devices that wait too long send again; a silent broker is left."""
        if self._transport is None:
            return
        silent_s = now_s - self._heard_s
        if silent_s > (1.5 * self._options.keepalive_s if self.ready else CONNECT_S):
            self._transport.abort()
            return
        if not self.ready:
            return
        if silent_s > self._options.keepalive_s / 2:
            self._transport.write(wire.PINGREQ_PACKET)
        for parcel in self._mischief.late():
            self._transport.write(self._publish(parcel, now_s))
        for device in self.devices:
            if self._options.acks and device.stalled(now_s, self._options.stall_s):
                self._told.rewinds += 1
                device.rewind(now_s)
                self.offer(device)
        self.pump()

    def close(self) -> None:
        """Say goodbye and go."""
        self._closing = True
        if self._transport is not None:
            self._transport.write(wire.DISCONNECT_PACKET)
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (TCP)
        self._transport = transport
        transport.set_write_buffer_limits(1 << 20)
        self._heard_s = time.monotonic()
        self._packets = wire.Packets()
        options = self._options
        transport.write(wire.connect(self._client, options.keepalive_s, options.username, options.password))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (the signature is asyncio's)
        if self.ready and not self._closing:
            self._told.disconnects += 1
        self.ready = False
        self._paused = False
        self._transport = None
        self._flying.clear()
        self._states.clear()
        self._mischief.reconnected()
        self._down.set()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self.pump()

    def data_received(self, data: bytes) -> None:
        now_s = self._heard_s = time.monotonic()
        answers: list[bytes] = []
        try:
            for type_, flags, body in self._packets.feed(data):
                read = self._read.get(type_)
                answer = read(flags, body, now_s) if read else None
                if answer:
                    answers.append(answer)
        except (wire.WireError, msgspec.DecodeError, IndexError):
            if self._transport is not None:
                self._transport.abort()  # no sense in the rest of the stream
            return
        if answers and self._transport is not None:
            self._transport.write(b"".join(answers))
        self.pump()

    def _on_connack(self, _flags: int, body: bytes, _now_s: float) -> bytes | None:
        if body[1]:
            self.refused = body[1] if not self._told.connects else None
            if self._transport is not None:
                self._transport.close()
            return None
        self._told.connects += 1
        if not self._options.acks:
            self._go_on()
            return None
        packets = []
        filters = [f"huishou/1/{device.id}/down/ack" for device in self.devices]
        for start in range(0, len(filters), FILTERS_A_PACKET):
            self._subscribing += 1
            packets.append(wire.subscribe(self._subscribing, filters[start : start + FILTERS_A_PACKET]))
        return b"".join(packets)

    def _on_suback(self, _flags: int, body: bytes, _now_s: float) -> bytes | None:
        if 0x80 in body[2:]:
            self.refused = 0x80
            if self._transport is not None:
                self._transport.close()
            return None
        self._subscribing -= 1
        if self._subscribing == 0:
            self._go_on()
        return None

    def _go_on(self) -> None:
        now_s = time.monotonic()
        self.ready = True
        self._subscribing = 0
        for device in self.devices:
            device.reconnected(now_s)
            self.offer(device)
        if self._options.states:
            self._states.extend(self.devices)

    def _on_puback(self, _flags: int, body: bytes, now_s: float) -> None:
        device, sent_s = self._flying.pop((body[0] << 8) | body[1], (None, 0.0))
        if device is None:
            return
        self._told.pubacks += 1
        if not isinstance(device, FloodDevice):
            self._told.puback.add(now_s - sent_s)
        device.puback()
        if not self._options.acks and not device.flying and device.cursor == device.next:
            # Nobody else will ever free them; of several messages the last one to be confirmed does.
            self._supply.freed(device, device.next - device.first, device.sent)
            device.acknowledged(device.log, device.sent, now_s)
        if not device.queued:
            device.queued = True
            self._queue.append(device)

    def _on_publish(self, flags: int, body: bytes, now_s: float) -> bytes | None:
        topic, packet, payload = wire.read_publish(flags, body)
        device = self._by_id.get(topic[10:-9])  # huishou/1/<device>/down/ack
        if device is not None:
            ack = _ACK.decode(payload)
            before = device.first
            took = device.acknowledged(ack.log, ack.seq, now_s)
            if device.first != before:
                self._supply.freed(device, device.first - before, ack.seq)
                if not isinstance(device, FloodDevice):
                    for seconds in took:
                        self._told.ack.add(seconds)
                self.offer(device)
        return None if packet is None else wire.puback(packet)

    def _state(self, device: Device, now_s: float) -> bytes:
        topic = wire.topic_field(f"huishou/1/{device.id}/up/state")
        return wire.publish(topic, device.state(), self._number(None, now_s), retain=True)

    def _publish(self, parcel: Parcel, now_s: float) -> bytes:
        return wire.publish(parcel.topic, parcel.payload, self._number(parcel.owner, now_s))

    def _number(self, owner: Device | None, now_s: float) -> int:
        """A free packet id, kept for its PUBACK."""
        number = self._packet % 65_535 + 1
        while number in self._flying:
            number = number % 65_535 + 1
        self._packet = number
        self._flying[number] = (owner, now_s)
        return number
