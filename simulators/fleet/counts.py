"""What a fleet counts while it runs."""

from dataclasses import asdict, dataclass
from typing import Any

from simulators.fleet.delays import Delays


@dataclass
class Counts:
    """Records made, freed by `down/ack`, lost on flash; messages sent (again and again included)."""

    made: int = 0
    freed: int = 0
    lost: int = 0
    bad: int = 0
    refused: int = 0  # not made: flash was full
    messages: int = 0
    pubacks: int = 0
    duplicates: int = 0
    garbage: int = 0
    rewinds: int = 0  # no progress, or a fault asked for it
    connects: int = 0
    disconnects: int = 0
    flood_messages: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Told(Counts):
    """Counts with the delays of messages: to PUBACK, and to the `down/ack` that frees all of it."""

    def __init__(self) -> None:
        super().__init__()
        self.forget_delays()

    def forget_delays(self) -> None:
        """What came before was warming up."""
        self.puback = Delays()
        self.ack = Delays()
