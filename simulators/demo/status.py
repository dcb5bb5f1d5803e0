"""The lines of the display, from what the parts of a run say of themselves."""

import time
from collections import Counter
from typing import Any

from gateway.journal import JournalError
from gateway.metrics import snapshot
from simulators.demo.city import City
from simulators.demo.display import Line
from simulators.demo.rundir import RunDir
from simulators.demo.services import Service
from simulators.demo.stations import Stations
from simulators.servers import influxdb
from simulators.servers.broker import Broker

_LOOK_S = 1.0


class Status:
    """Looks at the store once a second at most."""

    def __init__(
        self,
        run: RunDir,
        broker: Broker,
        services: dict[str, Service],
        city: City,
        stations: Stations,
        page: str,
    ) -> None:
        self._run = run
        self._broker = broker
        self._services = services
        self._city = city
        self._stations = stations
        self._page = page
        self._facts: dict[str, Any] | None = None
        self._looked = 0.0

    def lines(self) -> list[Line]:
        """One line a subsystem, in the order in which a weighing passes them."""
        facts = self._look()
        return [
            self._city_line(),
            self._power_line(),
            self._broker_line(),
            self._intake_line(facts),
            self._journal_line(facts),
            self._influxdb_line(facts),
            self._page_line(facts),
        ]

    def _look(self) -> dict[str, Any]:
        if self._facts is None or time.monotonic() - self._looked > _LOOK_S:
            self._looked = time.monotonic()
            try:
                self._facts = snapshot(self._run.store, time.time_ns() // 1_000_000)
            except JournalError:
                self._facts = {}
        return self._facts

    def _city_line(self) -> Line:
        city = self._city
        live = Counter(city.plan.unit(device).unit for device in city.live)
        awake = sum(not city.asleep(device) for device in city.live)
        left = sum(city.history_left.values())
        detail = f"{live['bin']} bins and {live['truck']} trucks live, {awake} awake; "
        if left:
            detail += f"{left} catch up their history; "
        detail += f"{self._stations.count()} weighings on the weighbridges"
        return Line("city", "busy", "coming up", detail) if left else Line("city", "up", "live", detail)

    def _power_line(self) -> Line:
        """How sparing the bins are; the few that spare are named."""
        levels = self._city.levels()
        normal = len(levels.pop("normal"))
        sparing = [f"{level}: {' '.join(devices)}" for level, devices in levels.items() if devices]
        if not normal and not sparing:
            return Line("power", "waiting", "no bin has slept yet")
        return Line("power", "up", f"{normal} bins normal", "; ".join(sparing))

    def _broker_line(self) -> Line:
        service = self._services["broker"]
        detail = f"{self._broker.host}:{self._broker.port}  {self._broker.meaning}{_restarts(service)}"
        return Line("broker", _mood(service), service.state, detail)

    def _intake_line(self, facts: dict[str, Any]) -> Line:
        service = self._services["gateway"]
        process = facts.get("processes", {}).get("intake", {})
        if service.state != "up" or not process.get("up"):
            return Line("intake", "waiting", service.state if service.state != "up" else "starting")
        return Line("intake", "up", str(process.get("state", "up")), _restarts(service).lstrip("; "))

    def _journal_line(self, facts: dict[str, Any]) -> Line:
        if not facts or not facts["records"]["received"]:
            return Line("journal", "waiting", "empty")
        counted = facts["records"]["outcomes"]
        refused = counted["quarantined"]
        detail = (
            f"{counted['accepted']} accepted, {counted['flagged']} flagged, {refused} quarantined, "
            f"{counted['duplicate']} duplicate; {facts['journal']['bytes'] / 1e6:.1f} MB"
        )
        state = "sums agree" if facts["sum_ok"] else "SUMS DISAGREE"
        return Line("journal", "up" if facts["sum_ok"] else "down", state, detail)

    def _influxdb_line(self, facts: dict[str, Any]) -> Line:
        service = self._services["influxdb"]
        writer = facts.get("writer", {"behind_rows": 0, "lines": 0})
        waiting = f"; {writer['behind_rows']} rows wait for it" if writer["behind_rows"] else ""
        build = influxdb.progress() if service.child is None else None
        if build is not None:
            return Line("InfluxDB", "busy", "being built", f"{build}{waiting}")
        detail = f"{writer['lines']} points written{waiting}{_restarts(service)}"
        return Line("InfluxDB", _mood(service), service.state, detail)

    def _page_line(self, facts: dict[str, Any]) -> Line:
        web = facts.get("processes", {}).get("web", {})
        return Line(
            "page", "up" if web.get("up") else "waiting", "up" if web.get("up") else "starting", self._page
        )


def _mood(service: Service) -> str:
    if service.state == "up":
        return "up"
    return "down" if service.state.startswith(("down", "does not", "paused")) else "waiting"


def _restarts(service: Service) -> str:
    return f"; restarted {service.restarts} times" if service.restarts else ""
