"""What every scene is built on: named random streams, an agenda of future events, and a state that can be
saved.

Determinism rests on two rules. Each purpose draws from its own stream, so that one more draw here shifts
nothing there. And whatever lasts is in `state()`: the agenda holds method names and plain values, never
objects.
"""

import hashlib
import heapq
import random
from collections.abc import Callable
from dataclasses import astuple
from typing import Any, ClassVar

from simulators.scene import BridgeSignal, PinLevel, Stimulus

_MASK = (1 << 64) - 1

Truth = Callable[[dict[str, Any]], None]
"""Takes one line of what really happened: `{"t": <ms>, "what": …}`."""


def digest(*parts: object) -> int:
    """64 bits that depend on every part, the same on every machine: names a stream, or stands for
    one draw.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


class Stream(random.Random):
    """SplitMix64 behind the interface of `random.Random`, so that a stream's whole state is one integer."""

    def __init__(self, *name: object) -> None:
        super().__init__()
        self._state = digest(*name)

    @property
    def state(self) -> int:
        """Set it back to a value read here and the same numbers follow."""
        return self._state

    @state.setter
    def state(self, state: int) -> None:
        self._state = state
        self.gauss_next = None

    def random(self) -> float:
        """A float in [0, 1) with 53 random bits."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((state ^ (state >> 31)) >> 11) * 2.0**-53

    def getrandbits(self, k: int, /) -> int:
        """An integer of `k` random bits."""
        bits = 0
        for _ in range(0, k, 32):
            bits = bits << 32 | int(self.random() * 4294967296.0)
        return bits >> (-k % 32)


class Kernel:
    """The event engine below every scene.

    An event is named `<method>` for the scene itself or `<part>.<method>` for one of its parts;
    `on_<method>(*args)` handles it, and during it `now` is the event's own time.
    """

    def __init__(self, seed: str, start_ms: int, truth: Truth | None) -> None:
        self.seed = seed
        self.now = start_ms
        self.truth_sink = truth
        self.changed: Callable[[], object] = _nothing
        """Called when something from outside (a dispatcher, a fault) put an event on the agenda, maybe in
        the middle of another scene's `advance`: whoever runs this scene should only take note, and ask
        `next_at_ms` again soon.
        """
        self._serial = 0
        self._agenda: list[tuple[int, int, str, list[Any]]] = []
        self._streams: dict[str, Stream] = {}
        self._levels: dict[int, int] = {}
        self._bridges: dict[int, BridgeSignal] = {}
        self._out: list[Stimulus] = []
        self.parts: dict[str, Part] = {}

    # Random numbers and time

    def rng(self, purpose: str) -> Stream:
        """This scene's own stream for one purpose."""
        stream = self._streams.get(purpose)
        if stream is None:
            stream = self._streams[purpose] = Stream(self.seed, purpose)
        return stream

    def at(self, when_ms: int, name: str, *args: Any) -> None:
        """The event `name` happens at `when_ms`, or now if that has passed. Arguments must be JSON values."""
        self._serial += 1
        heapq.heappush(self._agenda, (max(int(when_ms), self.now), self._serial, name, list(args)))

    def after(self, delay_ms: float, name: str, *args: Any) -> None:
        """The event `name` happens after `delay_ms`."""
        self.at(self.now + int(delay_ms), name, *args)

    def cancel(self, *names: str) -> None:
        """Take every event of these names off the agenda."""
        self._agenda = [entry for entry in self._agenda if entry[2] not in names]
        heapq.heapify(self._agenda)

    def next_at_ms(self) -> int | None:
        """When the next event is due."""
        return self._agenda[0][0] if self._agenda else None

    def advance(self, now_ms: int) -> list[Stimulus]:
        """Carry out every event up to `now_ms`, each at its own time."""
        while self._agenda and self._agenda[0][0] <= now_ms:
            when, _, name, args = heapq.heappop(self._agenda)
            self.now = when
            part, _, method = name.rpartition(".")
            getattr(self.parts[part] if part else self, "on_" + method)(*args)
        return self.flush(now_ms)

    # Inputs of the unit

    def set_pin(self, pin: int, level: int) -> None:
        """An input pin takes a level."""
        if self._levels.get(pin) != level:
            self._levels[pin] = level
            self._out.append(PinLevel(pin, level))

    def set_bridge(self, signal: BridgeSignal) -> None:
        """A load cell bridge gives another signal."""
        if self._bridges.get(signal.data_pin) != signal:
            self._bridges[signal.data_pin] = signal
            self._out.append(signal)

    def bridge(self, data_pin: int) -> BridgeSignal | None:
        """What a load cell bridge gives now; None: it was never powered."""
        return self._bridges.get(data_pin)

    def emit(self, stimulus: Stimulus) -> None:
        """Something reaches the unit that leaves no lasting level: bytes, a power cut."""
        self._out.append(stimulus)

    def flush(self, now_ms: int) -> list[Stimulus]:
        """Everything that changed since the last time, in order."""
        self.now = max(self.now, now_ms)
        out, self._out = self._out, []
        return out

    def inputs(self) -> list[Stimulus]:
        """Every input as it stands, for a unit that has just been connected."""
        self._out = []
        return [*(PinLevel(pin, level) for pin, level in self._levels.items()), *self._bridges.values()]

    # Faults, truth and state

    def set_fault(self, part: str, fault: str | None) -> None:
        """Break a part in one of the ways it knows, or mend it (None); `part` is the board's name for it, or
        `network`, `supply`, `climate`. Raises ValueError for a part or a way that is not known.
        """
        if part not in self.parts or not self.parts[part].FAULTS:
            known = ", ".join(sorted(name for name, p in self.parts.items() if p.FAULTS))
            raise ValueError(f"fault {part}={fault}: no such part here, expected one of: {known}")
        self.parts[part].set_fault(fault)
        self.record("fault", part=part, fault=fault)
        self.after(0, "nothing")  # so that the board asks for what changed
        self.changed()

    def on_nothing(self) -> None:
        """An event only for the sake of being asked."""

    def record(self, what: str, **fields: Any) -> None:
        """Tell the truth sink what has just really happened."""
        if self.truth_sink is not None:
            self.truth_sink({"t": self.now, "what": what, **fields})

    def state(self) -> dict[str, Any]:
        """Everything the engine needs to go on, as JSON-ready data."""
        return {
            "seed": self.seed,
            "now": self.now,
            "serial": self._serial,
            "agenda": [list(entry) for entry in sorted(self._agenda)],
            "streams": {name: stream.state for name, stream in self._streams.items()},
            "levels": [[pin, level] for pin, level in self._levels.items()],
            "bridges": [list(astuple(b)) for b in self._bridges.values()],
            "parts": {name: part.state() for name, part in self.parts.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        self.seed, self.now, self._serial = state["seed"], state["now"], state["serial"]
        self._agenda = [(when, serial, name, args) for when, serial, name, args in state["agenda"]]
        for name, value in state["streams"].items():
            self.rng(name).state = value
        self._levels = {pin: level for pin, level in state["levels"]}  # noqa: C416 (JSON has no integer keys)
        self._bridges = {b[0]: BridgeSignal(*b) for b in state["bridges"]}
        for name, part in state["parts"].items():
            self.parts[name].restore(part)
        self._out = []


class Part:
    """One thing on the board with a life of its own: a cell, a lock, a battery.

    `LASTING` names the attributes that make up its state (JSON values only). `FAULTS` lists what can be
    wrong with it: each entry is one function from the part and what it would give when healthy, to what it
    gives with that fault.
    """

    LASTING: ClassVar[tuple[str, ...]] = ()
    FAULTS: ClassVar[dict[str, Callable[[Any, Any], Any]]] = {}

    def __init__(self, world: Kernel, name: str) -> None:
        self.world = world
        self.name = name
        self.fault: str | None = None
        world.parts[name] = self

    def after(self, delay_ms: float, event: str, *args: Any) -> None:
        """This part's own `on_<event>(*args)` is called after `delay_ms`."""
        self.world.after(delay_ms, f"{self.name}.{event}", *args)

    def rng(self, purpose: str) -> Stream:
        """This part's own stream for one purpose."""
        return self.world.rng(f"{self.name}.{purpose}")

    def driven(self, pin: int, level: int) -> None:
        """The unit drives one of this part's pins."""

    def refresh(self) -> None:
        """Bring the part's inputs up to date, after its fault changed or the unit came back."""

    def set_fault(self, fault: str | None) -> None:
        """Break the part in one of the ways of `FAULTS`, or mend it (None). Raises ValueError for an
        unknown way.
        """
        if fault is not None and fault not in self.FAULTS:
            known = ", ".join(sorted(self.FAULTS)) or "none"
            raise ValueError(f"fault {self.name}={fault}: unknown, {self.name} knows: {known}")
        self.fault = fault
        self.refresh()

    def broken(self, healthy: Any) -> Any:
        """What the part gives instead of `healthy`, by its present fault."""
        return healthy if self.fault is None else self.FAULTS[self.fault](self, healthy)

    def state(self) -> dict[str, Any]:
        """What lasts, as JSON-ready data."""
        return {"fault": self.fault, **{name: getattr(self, name) for name in self.LASTING}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        for name, value in state.items():
            setattr(self, name, value)


def _nothing() -> None:
    pass
