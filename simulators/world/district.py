"""A whole district as a plan: which units there are, how each was built, what settings it is provisioned
with.

    plan = district(seed)
    plan.units                                   # who there is
    plan.settings("bin-007", Links(...))         # the document its firmware is provisioned with
    plan.scene("bin-007", start_ms, truth=...)   # the world around it
    plan.devices()                               # the gateway's devices.json
    townmap.base_map(plan.town)                  # the map

Everything is a function of the seed and the two counts, so that separate processes agree without talking.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hardware import load_board
from simulators.world import people, townmap
from simulators.world.bin import CREW_PREFIX, BinScene, BinSpec, Collection, crew_token
from simulators.world.build import (
    BIN_E_G,
    BIN_MAX_G,
    LIFTER_E_G,
    LIFTER_MAX_G,
    bin_spec,
    due,
    truck_spec,
)
from simulators.world.calibrate import calibration
from simulators.world.geometry import to_degrees
from simulators.world.kernel import Truth
from simulators.world.replay import NmeaReplayScene
from simulators.world.rounds import Rounds
from simulators.world.town import Site, Town, town
from simulators.world.truck import TruckScene
from simulators.world.truck_parts import TruckSpec


@dataclass(frozen=True, slots=True)
class Unit:
    """One device of the district."""

    device: str
    unit: str
    """`bin` or `truck`."""
    board: str
    site: str
    name_en: str
    name_zh: str
    lat: float | None
    lon: float | None


@dataclass(frozen=True, slots=True)
class Links:
    """Where a unit finds its broker and time server, and how it joins the network. Hosts as the unit sees
    them.
    """

    broker_host: str = "127.0.0.1"
    broker_port: int = 1883
    ntp_host: str = "127.0.0.1"
    ntp_port: int = 123
    apn: str = "cmiot"
    ssid: str = "huishou"
    wifi_password: str = "huishou-district"  # noqa: S105 (there is no such network)


class District:
    """See the module. Use `district(seed)`, which remembers what it has made."""

    def __init__(self, seed: int, bins: int = 64, trucks: int = 12) -> None:
        self.seed = seed
        self.town: Town = town(seed, bins, trucks)
        self.bins = tuple(bin_spec(seed, k, site) for k, site in enumerate(self.town.sites))
        self.trucks = tuple(truck_spec(seed, k) for k in range(trucks))
        self.rounds = Rounds(self.town, tuple(due(spec) for spec in self.bins))
        self.units = tuple(
            [self._bin_unit(spec, site) for spec, site in zip(self.bins, self.town.sites, strict=True)]
            + [_truck_unit(spec) for spec in self.trucks]
        )
        self._index = {spec.device: k for k, spec in enumerate(self.bins)}
        self._number = {spec.device: spec.number for spec in self.trucks}

    def unit(self, device: str) -> Unit:
        """One unit by its device id. Raises KeyError."""
        return (
            next(u for u in self.units if u.device == device)
            if self._knows(device)
            else self._unknown(device)
        )

    def site_index(self, device: str) -> int:
        """The index of a bin's site in `town.sites`. Raises KeyError."""
        return self._index[device]

    def scene(
        self,
        device: str,
        start_ms: int,
        *,
        state: dict[str, Any] | None = None,
        truth: Truth | None = None,
        pace: float = 1.0,
        faults: dict[str, str] | None = None,
    ) -> BinScene | TruckScene:
        """The world around a unit, new at `start_ms`, or (with `state`, from `save`) as it was left.

        `pace` multiplies a bin's visitors and overrules the state's. Raises KeyError for an unknown device,
        ValueError for an unknown fault.
        """
        scene: BinScene | TruckScene
        if device in self._index:
            index = self._index[device]
            scene = bin_scene = BinScene(
                self.bins[index],
                self.seed,
                start_ms,
                lambda after: self.collection(index, after),
                truth,
                pace,
            )
            if state is not None:
                scene.restore(state)
                if bin_scene.pace != pace:
                    bin_scene.set_pace(pace)
        elif device in self._number:
            scene = TruckScene(self.trucks[self._number[device]], self.rounds, self.seed, start_ms, truth)
            if state is not None:
                scene.restore(state)
        else:
            self._unknown(device)
        for part, fault in (faults or {}).items():
            scene.set_fault(part, fault)
        return scene

    def replay(
        self, log: bytes, start_ms: int, *, fences: dict[str, Any] | None = None, truth: Truth | None = None
    ) -> tuple[NmeaReplayScene, dict[str, Any]]:
        """A truck whose receiver plays back a recorded NMEA log, and the settings for it: with these fences
        (a GeoJSON FeatureCollection; None: none), and any date that the log says is believed. Raises
        ValueError for bad fences.
        """
        spec = self.trucks[0]
        settings = self.settings(spec.device)
        settings["fences"] = townmap.unit_fences(fences) if fences is not None else []
        settings["gnss"] = {"not_before_ms": 0}
        return NmeaReplayScene(spec, log, self.seed, start_ms, truth), settings

    def collection(self, index: int, after_ms: int) -> Collection | None:
        """The next planned collection of a bin: by the truck of its area."""
        t = self.rounds.next_collection(index, after_ms)
        if t is None:
            return None
        truck = self.trucks[self.town.sites[index].zone].device
        return Collection(t, crew_token(self.seed, truck), truck)

    def pace_for(self, visits_per_minute: float, now_ms: int) -> float:
        """The `pace` at which all bins together have about so many visits a minute at this hour, even at
        night.
        """
        normal_per_day = sum(spec.visits_per_day for spec in self.bins)
        return visits_per_minute * 1440 / (normal_per_day * people.busy(now_ms))

    def settings(self, device: str, links: Links | None = None) -> dict[str, Any]:
        """The document that the unit's firmware is provisioned with (docs/design.md, "Settings"). Raises
        KeyError.
        """
        unit = self.unit(device)
        at = links or Links()
        board = load_board(unit.board)
        common = {
            "device": device,
            "key": device_key(self.seed, device),
            "unit": unit.unit,
            "board": {"id": board["id"], "parts": board["parts"], "energy": board.get("energy", {})},
            "network": _network(board["parts"], at),
            "broker": {
                "host": at.broker_host,
                "port": at.broker_port,
                "password": mqtt_password(self.seed, device),
            },
            "ntp": {"host": at.ntp_host, "port": at.ntp_port},
        }
        if unit.unit == "bin":
            return {**common, **_bin_settings(self.bins[self._index[device]])}
        return {**common, **_truck_settings(self.trucks[self._number[device]], self.town)}

    def devices(self) -> dict[str, Any]:
        """The gateway's `devices.json`: every unit, its place and its bays."""
        return {"devices": [self._device(unit) for unit in self.units]}

    def _device(self, unit: Unit) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "id": unit.device,
            "unit": unit.unit,
            "site": unit.site,
            "name_en": unit.name_en,
            "name_zh": unit.name_zh,
        }
        if unit.lat is not None:
            entry |= {"lat": unit.lat, "lon": unit.lon}
        if unit.unit == "bin":
            entry["bays"] = [
                {"bay": b.bay, "category": b.category, "capacity_g": BIN_MAX_G, "capacity_l": b.volume_l}
                for b in self.bins[self._index[unit.device]].bays
            ]
        return entry

    def _bin_unit(self, spec: BinSpec, site: Site) -> Unit:
        lon, lat = to_degrees(site.point)
        return Unit(
            spec.device, "bin", spec.board, site.id, site.name_en, site.name_zh, round(lat, 6), round(lon, 6)
        )

    def _knows(self, device: str) -> bool:
        return device in self._index or device in self._number

    def _unknown(self, device: str) -> Any:
        raise KeyError(f"{device}: no such unit; bins are bin-001 to bin-{len(self.bins):03d}, "
                       f"trucks truck-01 to truck-{len(self.trucks):02d}")  # fmt: skip


@lru_cache(maxsize=4)
def district(seed: int, bins: int = 64, trucks: int = 12) -> District:
    """The district of a seed."""
    return District(seed, bins, trucks)


def mqtt_password(seed: int, device: str) -> str:
    """The password of a simulated unit at the broker. Made from the seed, so good for simulations only."""
    return _secret(seed, device, "mqtt")[:24]


def _network(parts: dict[str, Any], links: Links) -> dict[str, Any]:
    """How a unit joins: by its modem if it has one."""
    if "modem" in parts:
        return {"apn": links.apn}
    return {"ssid": links.ssid, "password": links.wifi_password}


def device_key(seed: int, device: str) -> str:
    """The key that commands and settings for a simulated unit are signed with, as its settings have it."""
    return _secret(seed, device, "key")


def _secret(seed: int, device: str, purpose: str) -> str:
    return hashlib.sha256(f"huishou simulation {seed} {device} {purpose}".encode()).hexdigest()


def _truck_unit(spec: TruckSpec) -> Unit:
    return Unit(
        spec.device,
        "truck",
        spec.board,
        "fleet",
        f"Truck {spec.number + 1}",
        f"{spec.number + 1}号车",
        None,
        None,
    )


# Settings as the firmware reads them


def _bin_settings(spec: BinSpec) -> dict[str, Any]:
    bays = []
    for bay in spec.bays:
        entry = {"bay": bay.bay, "category": bay.category, "scale": bay.scale, "lock": bay.lock}
        if bay.ranger is not None:
            entry |= {"ranger": bay.ranger, "empty_mm": bay.empty_mm, "full_mm": bay.full_mm}
        bays.append(entry)
    return {
        "site": spec.site,
        "bays": bays,
        "scales": {
            bay.scale: calibration(bay.cell, f"{bay.scale}-1", BIN_MAX_G, BIN_E_G) for bay in spec.bays
        },
        "crew": [CREW_PREFIX + "*"],
        "wake_s": 1800,
        "upload_looks": 2,
    }


def _truck_settings(spec: TruckSpec, place: Town) -> dict[str, Any]:
    return {
        "scales": {"scale0": calibration(spec.cell, "scale0-1", LIFTER_MAX_G, LIFTER_E_G)},
        "fences": townmap.unit_fences(townmap.fence_map(place)),
    }
