"""The directory of a run: what a second start carries on with, and the files that the gateway is configured
by."""

import fcntl
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.web.passwords import hash_password
from simulators.servers import accounts
from simulators.servers.errors import ServerError
from simulators.servers.influxdb import Access
from simulators.world import townmap
from simulators.world.district import District, device_key, mqtt_password

USER = "operator"


@dataclass(frozen=True)
class Plan:
    """Which city it is: a run's directory belongs to one plan."""

    seed: int
    bins: int
    trucks: int
    days: float


@dataclass(frozen=True)
class Station:
    """A weighbridge: a device that is asked over Modbus."""

    device: str
    transport: str
    serial: int
    site: str
    name_en: str
    name_zh: str
    lat: float
    lon: float


class RunDir:
    """Paths and files below one directory. Use `opened`, which holds its lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path / "store"
        self.units = path / "units"
        self.stations = path / "stations"
        self.logs = path / "logs"
        self.broker = path / "broker"
        self.influxdb = path / "influxdb"
        self.config = path / "huishou.toml"

    def users(self, devices: Sequence[str], seed: int) -> dict[str, str]:
        """The broker's accounts: a password each for the devices, and the gateway's, kept here."""
        gateway = _kept(self.path / "gateway-password", secrets.token_urlsafe(24))
        return {device: mqtt_password(seed, device) for device in devices} | {accounts.GATEWAY: gateway}

    def write_gateway_files(
        self,
        plan: District,
        stations: Mapping[Station, str],
        broker: tuple[str, int],
        influxdb: Access,
        web_port: int,
    ) -> str:
        """Write everything that `huishou gateway` reads. `stations`: each with its address.

        Returns the password of the page's one user, made for this run.
        """
        password = secrets.token_urlsafe(9)
        _private(self.path / "page-users", f"{USER}:{hash_password(password)}\n")
        _private(self.path / "influxdb-token", influxdb.token)
        devices = plan.devices()
        devices["devices"] += [_station_entry(station) for station in stations]
        _write(self.path / "devices.json", json.dumps(devices, ensure_ascii=False, indent=1))
        _write(self.path / "map.geojson", json.dumps(townmap.base_map(plan.town), ensure_ascii=False))
        keys = {unit.device: device_key(plan.seed, unit.device) for unit in plan.units}
        _private(self.path / "keys.json", json.dumps({"keys": keys}))
        sections: list[tuple[str, dict[str, Any]]] = [
            ("[store]", {"path": "store"}),
            ("[devices]", {"file": "devices.json", "keys_file": "keys.json"}),
            (
                "[mqtt]",
                {
                    "host": broker[0],
                    "port": broker[1],
                    "username": accounts.GATEWAY,
                    "password_file": "gateway-password",
                },
            ),
            (
                "[influxdb]",
                {
                    "url": influxdb.url,
                    "org": influxdb.org,
                    "bucket": influxdb.bucket,
                    "token_file": "influxdb-token",
                },
            ),
            ("[web]", {"port": web_port, "password_file": "page-users", "map": "map.geojson"}),
        ]
        sections += [
            ("[[stations]]", {"device": station.device, "transport": station.transport, "address": address})
            for station, address in stations.items()
        ]
        _write(
            self.config, "# Written by `huishou demo` at each start.\n" + "\n".join(map(_section, sections))
        )
        return password


@contextmanager
def opened(path: Path, plan: Plan) -> Iterator[RunDir]:
    """The run directory of a plan, made when there is none; ours alone while the context lasts.

    Raises `ServerError`: `run-in-use` when another demo runs there, `run-differs` when it belongs to another
    plan.
    """
    path.mkdir(parents=True, exist_ok=True)
    with (path / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServerError(
                "run-in-use",
                f"Another demo runs in {path}. Stop it, or choose another directory with --dir.",
            ) from None
        file = path / "plan.json"
        wanted = asdict(plan)
        if file.exists():
            found = json.loads(file.read_bytes())
            if found != wanted:
                apart = ", ".join(
                    f"{key} {found.get(key)} there, {value} asked for"
                    for key, value in wanted.items()
                    if found.get(key) != value
                )
                raise ServerError(
                    "run-differs",
                    f"{path} holds a run of another city ({apart}). Ask for the same again, choose another "
                    "directory with --dir, or start over with --fresh.",
                )
        else:
            _write(file, json.dumps(wanted))
        run = RunDir(path)
        for directory in (run.units, run.stations, run.logs):
            directory.mkdir(exist_ok=True)
        yield run


def _station_entry(station: Station) -> dict[str, Any]:
    entry = asdict(station) | {"id": station.device, "unit": "station"}
    return {key: entry[key] for key in ("id", "unit", "site", "name_en", "name_zh", "lat", "lon")}


def _section(section: tuple[str, dict[str, Any]]) -> str:
    # A JSON string is a TOML basic string, a JSON integer a TOML integer.
    head, values = section
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([head, *lines, ""])


def _kept(file: Path, fresh: str) -> str:
    if not file.exists():
        _private(file, fresh)
    return file.read_text("utf-8").strip()


def _write(file: Path, text: str) -> None:
    scratch = file.with_name(file.name + ".new")
    scratch.write_text(text, "utf-8")
    scratch.replace(file)


def _private(file: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text, "utf-8")
