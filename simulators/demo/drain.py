"""The end of a run: the city stops, and everything that it has logged arrives, or is said not to have."""

import asyncio
import time
from pathlib import Path

from gateway.journal import JournalReader
from gateway.writer.store import read_progress
from simulators.demo.city import City
from simulators.demo.stations import Stations

_LOOK_S = 0.5
# A unit that sleeps with records to send, or waits for somebody to shut its door, is made to send them by a
# power cycle: when it starts, it reports. Seconds that it gets before, asleep and awake.
_ASLEEP_S, _AWAKE_S = 5.0, 25.0


class Drain:
    """Lets the units of a city go one by one, each once the journal holds all that it has logged."""

    def __init__(self, city: City, stations: Stations, store: Path) -> None:
        self._city = city
        self._stations = stations
        self._store = store
        self._patience: dict[str, float] = {}  # since when each has been waited for

    async def run(self, deadline_s: float) -> list[str]:
        """Wait until all has arrived in InfluxDB. Returns what has not, within `deadline_s`: empty when all
        has.

        All units are without power afterwards.
        """
        end = time.monotonic() + deadline_s
        self._city.freeze()
        self._patience = dict.fromkeys(self._city.live, time.monotonic() - _ASLEEP_S)  # sleepers at once
        while self._city.live and time.monotonic() < end:
            await self._release_units()
            await asyncio.sleep(_LOOK_S)
        left = [f"{device} still holds records that the journal lacks" for device in self._city.live]
        await self._city.stop()
        while (left_downstream := self._downstream()) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        return left + left_downstream

    async def _release_units(self) -> None:
        """Cut the power of each unit whose last record is in the journal."""
        marks = self._marks()
        for device in list(self._city.live):
            if self._arrived(device, marks):
                self._city.power_off(device)
                if not self._arrived(device, marks):  # it wrote one more at the last moment
                    self._city.power_on(device)
            elif time.monotonic() > self._patience[device] + (
                _ASLEEP_S if self._city.asleep(device) else _AWAKE_S
            ):
                self._patience[device] = time.monotonic()
                self._city.power_off(device)
                self._city.power_on(device)
            await asyncio.sleep(0)  # the units that are left go on working meanwhile

    def _arrived(self, device: str, marks: dict[tuple[str, str], int]) -> bool:
        head = self._city.head(device)
        return head is None or marks.get((device, head[0]), -1) >= head[1]

    def _marks(self) -> dict[tuple[str, str], int]:
        with JournalReader(self._store) as journal:
            return {(mark.device, mark.log): mark.hwm for mark in journal.logs()}

    def _downstream(self) -> list[str]:
        """What is on its way between the weighbridges and InfluxDB."""
        left = []
        marks = self._marks()
        for device, log, last in self._stations.heads():
            if marks.get((device, log), 0) < last:
                left.append(f"the journal lacks weighings of {device} up to {last}")
        with JournalReader(self._store) as journal:
            rows = journal.end() - read_progress(self._store).cursor
        if rows:
            left.append(f"InfluxDB lacks {rows} rows of the journal")
        return left
