"""What is asked of a fleet."""

from dataclasses import dataclass, field
from typing import Literal

FloodKind = Literal["valid", "duplicates", "garbage"]


@dataclass(frozen=True)
class Faults:
    """How often a device does what it should not, or what hurts: probability for each message."""

    duplicate: float = 0.0  # the message goes out twice
    reorder: float = 0.0  # the message changes places with the next one
    resend: float = 0.0  # everything unacknowledged is sent again
    lose: float = 0.0  # the oldest records are gone from flash; `first` declares it
    new_log: float = 0.0  # a new flash log; what was unacknowledged in the old one is gone
    bad: float = 0.0  # for each record: it breaks its schema, under a good number
    garbage: float = 0.0  # a message that is no JSON goes out besides

    def any(self) -> bool:
        return any((self.duplicate, self.reorder, self.resend, self.lose, self.new_log, self.garbage))


@dataclass(frozen=True)
class Flood:
    """One more device that publishes as fast as its connection takes it, whatever is acknowledged."""

    kind: FloodKind
    window: int = 20  # messages without PUBACK: what common clients allow


@dataclass(frozen=True)
class Options:
    """A fleet.

    `rate`: messages a second of all devices together; None: as fast as `down/ack` frees records.
    `seconds`, `messages`: when to stop making (None: not by this). `step_ms`: record times run from
    `start_ms` in such steps for each device (history); None: the wall clock. `acks` False: nobody answers,
    PUBACK frees records too: to fill a broker's queue.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str | None = None
    password: str | None = None
    prefix: str = "fleet"
    seed: int = 1
    devices: int = 100
    per_connection: int = 250
    records: int = 10  # in a message
    window: int = 4  # messages of a device without PUBACK
    rate: float | None = None
    poisson: bool = False
    messages: int | None = None
    seconds: float | None = None
    drain_s: float = 30.0
    warmup_s: float = 0.0  # delays before this are forgotten
    stall_s: float = 10.0  # no progress of `down/ack` for so long: all is sent again
    history: int = 0  # records that each device has on flash at the start, a minute apart up to now
    hold: int = 1_000_000  # records of all devices together on flash; beyond it none are made
    step_ms: int | None = None
    start_ms: int | None = None
    acks: bool = True
    states: bool = True  # publish retained `up/state` at each connection
    keepalive_s: int = 20
    faults: Faults = field(default_factory=Faults)
    flood: Flood | None = None
