"""A fleet at work: makes records at the rate that is asked for, lets its links send them, and sums up."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulators.fleet.counts import Told
from simulators.fleet.device import Device
from simulators.fleet.flood import FloodDevice
from simulators.fleet.ledger import Ledger
from simulators.fleet.link import Link
from simulators.fleet.options import Options
from simulators.fleet.records import Dice
from simulators.fleet.roster import device_id, flood_id, log_id, unit_of

TICK_S = 1.0
HISTORY_STEP_MS = 60_000
SLOT_S = 0.002  # messages of a steady rate that fall into one slot go out together

REFUSED = {
    4: "bad user name or password",
    5: "not authorised",
    0x80: "subscription denied (the account may not read the devices' down/ack)",
}


class FleetError(Exception):
    """The fleet cannot work at all. `code` is stable."""

    code = "fleet-refused"


class Fleet:
    """One run: `await run()`. `stop()` ends the making; what is on flash is still delivered, for a while."""

    def __init__(self, options: Options, ledger: Path | None = None) -> None:
        self.options = options
        self.told = Told()
        self.held = 0  # records on flash, not freed
        self._ledger = Ledger(ledger) if ledger else None
        self._random = random.Random(options.seed)
        self._dice = Dice(options.seed)
        start_ms = options.start_ms if options.start_ms is not None else _now_ms()
        self.devices = [
            Device(
                device_id(options.prefix, index),
                log_id(options.seed, index, 0),
                unit_of(options.seed, index),
                options.records,
                options.window,
                # each a little apart, as devices are
                start_ms + index % 997 if options.step_ms else 0,
            )
            for index in range(options.devices)
        ]
        self._generations: dict[str, int] = {}
        self._making = True
        self._made_messages = 0
        self._stop = asyncio.Event()
        self._links = [
            Link(f"{options.prefix}-{number}", self.devices[start : start + size], options, self.told, self)
            for size in [options.per_connection]
            for number, start in enumerate(range(0, options.devices, size))
        ]
        self._link_of = {device.id: link for link in self._links for device in link.devices}
        self.flood: FloodDevice | None = None
        if options.flood:
            self.flood = FloodDevice(
                flood_id(options.prefix),
                log_id(options.seed, options.devices, 0),
                options.flood.kind,
                options.records,
                options.flood.window,
                options.seed,
            )
            self._links.append(Link(f"{options.prefix}-flood", [self.flood], options, self.told, self))
        self._began_s = 0.0
        self._ended_s = 0.0
        self._freed_while_making = 0

    def stop(self) -> None:
        """Make nothing more."""
        self._stop.set()

    async def run(self, each_second: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
        """Until the end of the making and of the draining; the summary. Raises FleetError."""
        self._write_history()
        self._began_s = time.monotonic()
        tasks = [asyncio.create_task(link.run()) for link in self._links]
        tasks.append(asyncio.create_task(self._ticks(each_second)))
        if self.options.rate:
            tasks.append(asyncio.create_task(self._clock(self.options.rate)))
        try:
            await self._until(self._stop.is_set, self.options.seconds)
            self._making = False
            self._freed_while_making = self.told.freed
            self._ended_s = time.monotonic()
            await self._until(self._drained, self.options.drain_s)
        finally:
            for link in self._links:
                link.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._ledger:
                self._ledger.close()
        return self.summary()

    def summary(self) -> dict[str, Any]:
        """Counts, rates and delays so far."""
        now_s = time.monotonic()
        making_s = (self._ended_s or now_s) - self._began_s
        return {
            "devices": len(self.devices),
            "records_a_message": self.options.records,
            "seconds": round(making_s, 3),
            "drain_seconds": round(now_s - self._ended_s, 3) if self._ended_s else 0.0,
            "freed_while_making": self._freed_while_making if self._ended_s else self.told.freed,
            "drained": self.held == 0,
            "held": self.held,
            **self.told.as_json(),
            "false_acks": sum(device.false_acks for device in self.devices),
            "puback_delay": self.told.puback.as_json(),
            "ack_delay": self.told.ack.as_json(),
        }

    # What the links ask for and tell (see `link.Supply`).

    def feed(self, device: Device, now_ms: int) -> None:
        if isinstance(device, FloodDevice):
            if self._making and device.wants_records():
                self._make(device, now_ms)
        elif self._making and self.options.rate is None:
            room = (2 if self.options.acks else 1) * self.options.window * self.options.records
            if len(device.held) < room:
                self._make(device, now_ms)

    def before_sending(self) -> None:
        if self._ledger:
            self._ledger.flush()

    def freed(self, device: Device, count: int, seq: int) -> None:
        if self._ledger:
            self._ledger.freed(device.name, seq)
        if not isinstance(device, FloodDevice):
            self.told.freed += count
            self.held -= count

    def lost(self, device: Device, log: str, first: int, last: int) -> None:
        if self._ledger:
            self._ledger.lost(f"{device.id}\t{log}".encode(), first, last)
        if not isinstance(device, FloodDevice):
            self.told.lost += last - first + 1
            self.held -= last - first + 1

    def new_log(self, device: Device) -> str:
        generation = self._generations.get(device.id, 0) + 1
        self._generations[device.id] = generation
        index = int(device.id.rpartition("-")[2])
        return log_id(self.options.seed, index, generation)

    def _write_history(self) -> None:
        start_ms = _now_ms() - self.options.history * HISTORY_STEP_MS
        for number in range(self.options.history):
            for device in self.devices:
                seq = device.next
                text = device.make(start_ms + number * HISTORY_STEP_MS)
                if self._ledger:
                    self._ledger.record(b"R", device.name, seq, text)
        made = self.options.history * len(self.devices)
        self.told.made += made
        self.held += made

    def _make(self, device: Device, now_ms: int) -> None:
        """The records of one message."""
        options, told = self.options, self.told
        if self.held + options.records > options.hold:
            told.refused += options.records
            return
        ledger, faults = self._ledger, options.faults
        mine = not isinstance(device, FloodDevice)
        for _ in range(options.records):
            t_ms = device.t_ms + options.step_ms if options.step_ms else max(device.t_ms, now_ms)
            bad = faults.bad > 0 and mine and self._dice.chance() < faults.bad
            seq = device.next
            text = device.make(t_ms, bad=bad)
            if ledger:
                ledger.record(b"B" if bad else b"R", device.name, seq, text)
            told.bad += bad
        if isinstance(device, FloodDevice):
            lost = device.forget()
            if lost:
                self.lost(device, device.log, *lost)
            return
        told.made += options.records
        self.held += options.records
        self._made_messages += 1
        if options.messages is not None and self._made_messages >= options.messages:
            self._making = False
            self._stop.set()

    async def _clock(self, rate: float) -> None:
        """Steady: devices in turn, evenly spaced, so each at its own steady rate. Poisson: any, any time."""
        due_s = time.monotonic()
        place = 0
        count = len(self.devices)
        while self._making:
            now_s = time.monotonic()
            now_ms = _now_ms()
            touched: set[Link] = set()
            while due_s <= now_s and self._making:
                if self.options.poisson:
                    place = self._random.randrange(count)
                    due_s += self._random.expovariate(rate)
                else:
                    place = (place + 1) % count
                    due_s += 1 / rate
                device = self.devices[place]
                self._make(device, now_ms)
                link = self._link_of[device.id]
                link.offer(device)
                touched.add(link)
            for link in touched:
                link.pump()
            await asyncio.sleep(max(SLOT_S, due_s - now_s))

    async def _ticks(self, each_second: Callable[[dict[str, Any]], None] | None) -> None:
        warm = self.options.warmup_s == 0
        while True:
            await asyncio.sleep(TICK_S)
            now_s = time.monotonic()
            if not warm and now_s - self._began_s >= self.options.warmup_s:
                warm = True
                self.told.forget_delays()
            for link in self._links:
                link.tick(now_s)
            if each_second:
                each_second(self.summary())

    async def _until(self, done: Callable[[], bool], deadline_s: float | None) -> None:
        end_s = None if deadline_s is None else time.monotonic() + deadline_s
        while not done() and (end_s is None or time.monotonic() < end_s):
            for link in self._links:
                if link.refused is not None:
                    why = REFUSED.get(link.refused, f"return code {link.refused}")
                    where = f"{self.options.host}:{self.options.port}"
                    raise FleetError(
                        f"The broker at {where} refused the fleet's account {self.options.username!r}: {why}."
                    )
            await asyncio.sleep(0.02)

    def _drained(self) -> bool:
        return self.held == 0


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
