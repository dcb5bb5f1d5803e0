"""The district's two weighbridges: one on Modbus TCP, one on a serial line (a pseudo-terminal, RTU).

What trucks do decides what is weighed; the gateway fetches the weighings from the indicators' alibi memories.
"""

from collections.abc import Iterator
from pathlib import Path

from simulators.demo.ledgers import Logged
from simulators.demo.points import Name
from simulators.demo.rundir import Station
from simulators.peers.weighbridge import Weighbridge
from simulators.peers.weighbridge_server import WeighbridgeServer
from simulators.servers.ports import kept_port
from simulators.world.district import District
from simulators.world.geometry import to_degrees

_E_G = 20_000  # an indicator rounds what stands on it to its verification interval


def planned(plan: District) -> list[Station]:
    """The weighbridges of a district: at the transfer station and at the sorting yard."""
    found = []
    for number, (place, transport) in enumerate(
        ((plan.town.station, "tcp"), (plan.town.yard, "rtu")), start=1
    ):
        lon, lat = to_degrees(plan.town.streets.points[place.bridge])
        found.append(
            Station(
                f"scale-{number:02d}",
                transport,
                0x57420000 + number,
                place.id,
                place.name_en,
                place.name_zh,
                round(lat, 6),
                round(lon, 6),
            )
        )
    return found


class Stations:
    """The indicators of a run, on their lines."""

    def __init__(self, stations: list[Station], directory: Path) -> None:
        self._directory = directory
        self._servers = {
            station: WeighbridgeServer(Weighbridge(station.serial, file=directory / f"{station.device}.json"))
            for station in stations
        }
        self._turn = 0

    async def start(self) -> dict[Station, str]:
        """Put them on their lines; each with its address, the same at every start of a run directory."""
        addresses = {}
        for station, server in self._servers.items():
            if station.transport == "tcp":
                port = kept_port(self._directory, station.device)
                addresses[station] = await server.start_tcp(port=port)
            else:
                link = (self._directory / f"{station.device}.tty").absolute()
                addresses[station] = await server.start_rtu(link)
        return addresses

    async def stop(self) -> None:
        for server in self._servers.values():
            await server.stop()

    def passage(self, t_ms: int, plate: str, gross_g: int, tare_g: int) -> None:
        """A truck was weighed full and empty; trucks take turns between the two weighbridges."""
        servers = list(self._servers.values())
        server = servers[self._turn % len(servers)]
        self._turn += 1
        server.bridge.weigh(_rounded(gross_g), _rounded(tare_g), plate, t_ms)

    def logged(self) -> Iterator[Logged]:
        """The first ledger of the weighbridges: their alibi memories."""
        for station, server in self._servers.items():
            for record in server.bridge.records():
                name = Name(station.device, f"{station.serial:08x}", record["seq"])
                yield Logged(name, None, record)

    def heads(self) -> list[tuple[str, str, int]]:
        """(device, log, number of the newest weighing) of each."""
        return [
            (
                station.device,
                f"{station.serial:08x}",
                server.bridge.weighings[-1].number if server.bridge.weighings else 0,
            )
            for station, server in self._servers.items()
        ]

    def count(self) -> int:
        """How many weighings they hold."""
        return sum(len(server.bridge.weighings) for server in self._servers.values())


def _rounded(mass_g: int) -> int:
    return (mass_g + _E_G // 2) // _E_G * _E_G
