"""The gateway's settings: one TOML file, every key with a default that works, checked before anything starts.

`load(file)` gives a `Config` or raises `ConfigError` with all mistakes. Paths are relative to the file.
Secrets may stand in files (`*_file`) or in the environment (`HUISHOU_MQTT_PASSWORD`,
`HUISHOU_INFLUXDB_TOKEN`), which wins over the file.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, field

from gateway.checks.limits import Limits
from gateway.devices import DevicesError, parse_devices
from gateway.journal.config import JournalConfig
from gateway.logs import LogConfig
from gateway.modbus.config import StationConfig, clashes, register_map
from gateway.modbus.registers import MapError
from gateway.toml_struct import ConfigError, Problem, read_struct

__all__ = [
    "Config",
    "ConfigError",
    "InfluxdbConfig",
    "JournalConfig",
    "LogConfig",
    "MqttConfig",
    "Problem",
    "SinkConfig",
    "StationConfig",
    "WebConfig",
    "load",
]

FIRST_SINK = "influxdb"  # the name of the section [influxdb] among the sinks
Port = Annotated[int, Meta(ge=1, le=65535)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]


class StoreConfig(msgspec.Struct, frozen=True):
    """`path`: the directory of journal.db, writer.db and state.db, made when missing; on a local disk."""

    path: Path = Path("store")


class DevicesConfig(msgspec.Struct, frozen=True):
    """`file`: the devices that are known beforehand (see gateway.devices). `keys_file`: their keys, which
    sign commands and settings (see gateway.commands.keys); read only by `huishou device`.
    """

    file: Path = Path("devices.json")
    keys_file: Path | None = None


class MqttConfig(msgspec.Struct, frozen=True):
    """The broker.

    `client_id` names the session that the broker keeps while the gateway is away: never share it.
    `session_expiry_s`: for how long, in MQTT 5 (3.1.1 leaves that to the broker). `silent_s`: no message from
    anybody for so long is taken for a fault of the line, which is opened anew; 0: never.
    """

    host: Name = "127.0.0.1"
    port: Port = 1883
    username: str | None = None
    password: str | None = None
    password_file: Path | None = None
    client_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "huishou-gateway"
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 60
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    session_expiry_s: Annotated[int, Meta(ge=60, le=4_294_967_295)] = 14 * 86_400
    silent_s: Annotated[int, Meta(ge=0, le=86_400)] = 900
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        if self.password is not None and self.password_file is not None:
            raise ValueError("`password` or `password_file`, not both")
        if (self.password is not None or self.password_file is not None) and self.username is None:
            raise ValueError("`username` beside the password (MQTT 3.1.1 allows no password without one)")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("`cert_file` and `key_file` together, or neither")
        if not self.tls and (self.ca_file or self.cert_file):
            raise ValueError("`tls = true` when certificates are given")


class InfluxdbConfig(msgspec.Struct, frozen=True):
    """The time-series database. It may be down or missing: the writer waits, says so, and catches up.

    `create_bucket`: make the bucket when the server has none of that name; its points are kept for
    `retention_days` (0: for ever).
    """

    enabled: bool = True
    url: str = "http://127.0.0.1:8086"
    org: Name = "huishou"
    bucket: Name = "huishou"
    token: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    batch_lines: Annotated[int, Meta(ge=1, le=50_000)] = 50_000
    timeout_s: Annotated[int, Meta(ge=1, le=300)] = 30
    create_bucket: bool = False
    retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0

    def __post_init__(self) -> None:
        if self.token is not None and self.token_file is not None:
            raise ValueError("`token` or `token_file`, not both")
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"a `url` such as http://127.0.0.1:8086, not {self.url!r}")

    def secret(self) -> str | None:
        """The token to use now, or None.

        The environment wins, then the file (read afresh, so that a repaired file works), then `token`.
        """
        return _secret("HUISHOU_INFLUXDB_TOKEN", self.token_file, self.token)


class SinkConfig(InfluxdbConfig, frozen=True, kw_only=True):
    """Another database that gets everything too, at its own pace. None holds up another.

    `name` stands for how far it has come, so it must not change. `kind`: `influxdb`, or `victoriametrics`
    (numbers only; needs no token).
    """

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    kind: Literal["influxdb", "victoriametrics"] = "influxdb"

    def secret(self) -> str | None:
        """The token to use now, or None: from the file (read afresh), else `token`."""
        if self.name == FIRST_SINK:
            return super().secret()
        return _secret("", self.token_file, self.token)


class WebConfig(msgspec.Struct, frozen=True):
    """The operators' page and API. `users`: name = scrypt hash; `map`: GeoJSON drawn under the devices."""

    host: Name = "127.0.0.1"
    port: Port = 8080
    users: dict[str, str] = field(default_factory=dict)
    password_file: Path | None = None
    map: Path | None = None


class Config(msgspec.Struct, frozen=True):
    """All settings; every path is absolute or relative to the working directory of whoever loaded it."""

    file: Path
    store: StoreConfig
    devices: DevicesConfig
    mqtt: MqttConfig
    influxdb: InfluxdbConfig
    web: WebConfig
    stations: list[StationConfig]
    log: LogConfig
    sinks: list[SinkConfig]
    checks: Limits
    journal: JournalConfig

    def all_sinks(self) -> list[SinkConfig]:
        """Every database that is written to: [influxdb] first, then [[sinks]], but for the disabled."""
        first = SinkConfig(name=FIRST_SINK, **msgspec.structs.asdict(self.influxdb))
        return [sink for sink in (first, *self.sinks) if sink.enabled]


SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    "store": StoreConfig,
    "devices": DevicesConfig,
    "mqtt": MqttConfig,
    "influxdb": InfluxdbConfig,
    "web": WebConfig,
    "stations": StationConfig,
    "log": LogConfig,
    "sinks": SinkConfig,
    "checks": Limits,
    "journal": JournalConfig,
}


class _Document(msgspec.Struct, frozen=True):
    store: StoreConfig = field(default_factory=StoreConfig)
    devices: DevicesConfig = field(default_factory=DevicesConfig)
    mqtt: MqttConfig = field(default_factory=MqttConfig)
    influxdb: InfluxdbConfig = field(default_factory=InfluxdbConfig)
    web: WebConfig = field(default_factory=WebConfig)
    stations: list[StationConfig] = field(default_factory=list)
    log: LogConfig = field(default_factory=LogConfig)
    sinks: list[SinkConfig] = field(default_factory=list)
    checks: Limits = field(default_factory=Limits)
    journal: JournalConfig = field(default_factory=JournalConfig)


HINTS: Mapping[str, str] = {
    "mqtt.port": "Brokers listen on 1883, or on 8883 with TLS.",
    "mqtt.client_id": "Use letters, digits, - and _ only.",
    "sinks": "A sink needs a `name`, and a `kind`: influxdb or victoriametrics.",
    "web.port": "Choose a free port; below 1024 needs rights that the gateway should not have.",
    "influxdb.token": "Put the token into a file and name it as `token_file`, or set HUISHOU_INFLUXDB_TOKEN.",
}


def load(file: Path, text: str | None = None) -> Config:
    """Read and check the configuration. Raises ConfigError with every mistake that was found.

    `text`: what to take as the file's content.
    """
    document = read_struct(file, _Document, dict(HINTS), text)
    config = Config(file.absolute(), *msgspec.structs.astuple(document))
    problems = [
        *_files_problems(config),
        *_devices_problems(config),
        *_stations_problems(config),
        *_sinks_problems(config),
    ]
    if problems:
        raise ConfigError(file, problems)
    return config


def mqtt_password(config: MqttConfig) -> str | None:
    """The broker's password: environment, then file, then `password`."""
    return _secret("HUISHOU_MQTT_PASSWORD", config.password_file, config.password)


def _secret(variable: str, file: Path | None, value: str | None) -> str | None:
    if variable in os.environ:
        return os.environ[variable]
    if file is not None:
        try:
            return file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return None
    return value


def _files_problems(config: Config) -> list[Problem]:
    """Files that must be there at start.

    A token file may come later (with the server), so it is not among them.
    """
    named = {
        "mqtt.password_file": config.mqtt.password_file,
        "mqtt.ca_file": config.mqtt.ca_file,
        "mqtt.cert_file": config.mqtt.cert_file,
        "mqtt.key_file": config.mqtt.key_file,
        "web.password_file": config.web.password_file,
        "web.map": config.web.map,
    }
    problems = []
    for key, path in named.items():
        if path is not None and not os.access(path, os.R_OK):
            problems.append(Problem(key, str(path), "a readable file", "Create it or correct the path."))
    store = config.store.path
    if store.exists() and not (store.is_dir() and os.access(store, os.W_OK | os.X_OK)):
        problems.append(
            Problem(
                "store.path",
                str(store),
                "a directory that may be written to",
                "Correct it or its permissions.",
            )
        )
    return problems


def _devices_problems(config: Config) -> list[Problem]:
    file = config.devices.file
    try:
        parse_devices(file.read_bytes())
    except OSError as err:
        do = 'Create it; `{"devices": []}` is enough to start, and its devices may be added later.'
        return [Problem("devices.file", f"{file}: {err.strerror}", "a readable file", do)]
    except DevicesError as err:
        return [Problem("devices.file", str(file), str(err), "Correct the file.")]
    return []


def _sinks_problems(config: Config) -> list[Problem]:
    seen = {FIRST_SINK, "page"}  # names of readers of the journal
    problems = []
    for index, sink in enumerate(config.sinks):
        if sink.name in seen:
            do = "Give each a name of its own."
            problems.append(
                Problem(f"sinks[{index}].name", repr(sink.name), "a name that is not yet taken", do)
            )
        seen.add(sink.name)
    return problems


def _stations_problems(config: Config) -> list[Problem]:
    seen: set[str] = set()
    problems = []
    for index, station in enumerate(config.stations):
        if station.device in seen:
            problems.append(
                Problem(
                    f"stations[{index}].device",
                    repr(station.device),
                    "a device once only",
                    "Give each its own id.",
                )
            )
        seen.add(station.device)
        for key, expected, do in clashes(station, config.stations[:index]):
            problems.append(Problem(f"stations[{index}].{key}", repr(getattr(station, key)), expected, do))
        try:
            register_map(station)
        except MapError as err:
            do = "Correct the map, or remove the key to use the one that comes with the gateway."
            problems.append(Problem(f"stations[{index}].register_map", str(err), "a register map", do))
    return problems
