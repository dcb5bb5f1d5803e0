"""What every simulated truck is made of, whatever moves it: parts on its pins, and the seam to its board."""

from dataclasses import dataclass
from typing import Any

from hardware import load_board
from simulators.scene import Stimulus
from simulators.world.cell import CellSpec
from simulators.world.kernel import Kernel, Part, Truth
from simulators.world.modem import Modem
from simulators.world.parts import Button, Lock, Network, Reader
from simulators.world.power import Climate, VehicleSupply, analogue
from simulators.world.scale import Scale
from simulators.world.weather import Weather


@dataclass(frozen=True, slots=True)
class TruckSpec:
    """One truck as it was built."""

    device: str
    board: str
    number: int
    plate: str
    kerb_g: int
    """Mass of the empty vehicle with its crew."""
    cell: CellSpec


class TruckParts(Kernel):
    """A truck at rest; see `simulators.scene.Scene`."""

    def __init__(
        self, spec: TruckSpec, town_seed: int, seed: int | str, start_ms: int, truth: Truth | None
    ) -> None:
        super().__init__(f"{seed}/{spec.device}", start_ms, truth)
        self.spec = spec
        self.board: dict[str, Any] = load_board(spec.board)["parts"]
        self.climate = Climate(self, Weather(town_seed), sun_k_per_kw=18.0)
        self.supply = VehicleSupply(self)
        self.network = Network(self, "network")
        self.modem = Modem(self, "modem", self.board["modem"]) if "modem" in self.board else None
        self.scale = Scale(self, "scale0", self.board["scale0"], spec.cell)
        self.lock = Lock(self, "lock0", self.board["lock0"])
        self.ident = Reader(self, "ident", self.board["ident"])
        self.lifter = Button(self, "lifter", self.board["lifter"])
        self.service = Button(self, "service", self.board["service"])
        self._driven: dict[int, Part] = {
            self.board["scale0"]["power"]: self.scale,
            self.board["lock0"]["drive"]: self.lock,
        }
        if self.modem is not None:
            self._driven |= {self.board["modem"][pin]: self.modem for pin in ("key", "reset")}

    def start(self, now_ms: int) -> list[Stimulus]:
        """Every input as it stands at `now_ms`."""
        self.advance(now_ms)
        self.record("start", device=self.spec.device, seed=self.seed)
        return self.inputs()

    def pin_out(self, now_ms: int, pin: int, level: int) -> list[Stimulus]:
        """The bridge is powered, or the bolt pulled."""
        early = self.advance(now_ms)
        part = self._driven.get(pin)
        if part is not None:
            part.driven(pin, level)
        return early + self.flush(now_ms)

    def uart_out(self, now_ms: int, uart: int, data: bytes) -> list[Stimulus]:
        """Only the modem listens, if there is one; neither receiver nor tag reader does."""
        early = self.advance(now_ms)
        if self.modem is not None and uart == self.modem.uart:
            self.modem.heard(data)
        return early + self.flush(now_ms)

    def adc_mv(self, now_ms: int, pin: int) -> int:
        """Battery or temperature."""
        self.now = max(self.now, now_ms)
        return analogue(self, self.board, pin)

    def power(self, now_ms: int, state: str) -> None:
        """A vehicle's supply does not notice."""

    def network_up(self, now_ms: int) -> int:
        """Always, unless that is the fault; by a modem, while that is connected."""
        self.now = max(self.now, now_ms)
        return self.network.up() if self.modem is None else self.network.up() and self.modem.carries()

    def save(self) -> dict[str, Any]:
        """Take it back with `restore` on a scene made from the same spec and seed."""
        return self.state()

    def bolt_moved(self, lock: str) -> None:
        """The bolt has arrived at one end."""
        self.record("bolt", door=lock, state="bolted" if self.lock.bolted else "withdrawn")
