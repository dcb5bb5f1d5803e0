"""Files that people write: configuration, devices, register maps. Any bytes: taken, or refused with words."""

import tomllib

from gateway.config import ConfigError, load
from gateway.devices import DevicesError, parse_devices
from gateway.modbus.config import StationConfig, register_map
from gateway.modbus.registers import MapError, WordsError, read_map
from hardware import load_register_map
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target, require, require_code

_CONFIG = b"""
[store]
path = "store"
[mqtt]
host = "broker"
port = 8883
tls = false
username = "gateway"
password = "secret"
[influxdb]
url = "http://127.0.0.1:8086"
token = "x"
batch_lines = 5000
[[sinks]]
name = "second"
kind = "victoriametrics"
url = "http://127.0.0.1:8428"
[web]
port = 8080
[checks]
clock_ahead_s = 300
district = [38.0, 116.0, 40.0, 118.0]
[journal]
keep_days = 400
keep_gb = 20.0
[[stations]]
device = "weighbridge-1"
address = "10.0.0.7:502"
poll_ms = 1000
[[stations]]
device = "weighbridge-2"
address = "/dev/ttyS0"
transport = "rtu"
baud = 9600
"""
_DEVICES = (
    b'{"devices": [{"id": "bin-001", "unit": "bin", "site": "nankai-3", "name_zh": "\xe6\xb4\xa5",'
    b' "lat": 39.1, "lon": 117.2, "ranges": {"temp_dc": [-200, 600]},'
    b' "bays": [{"bay": 0, "category": "paper", "capacity_g": 100000}]}, {"id": "truck-1", "unit": "truck"}]}'
)
_MAP = b"""
id = "scale"
word_order = "little"
[groups.now]
check = "crc"
[[groups.now.registers]]
name = "gross"
address = 0
type = "i32"
[[groups.now.registers]]
name = "ident"
address = 2
type = "text"
words = 4
[[groups.now.registers]]
name = "status"
address = 6
type = "u16"
bits = { stable = 0, over = 15 }
[[groups.now.registers]]
name = "crc"
address = 7
type = "u32"
"""


def configuration(data: bytes) -> None:
    """`huishou.toml`: a configuration, or all that is wrong with it, each with what to do."""
    folder = scratch()
    (folder / "devices.json").write_bytes(b'{"devices": []}')
    file = folder / "huishou.toml"
    file.write_bytes(data)
    try:
        load(file)
    except ConfigError as error:
        require_code(error.code)
        require(error.problems, "refused without a problem")
        for problem in error.problems:
            require(problem.expected and problem.do, "a problem without a way out", problem)


def devices(data: bytes) -> None:
    """`devices.json`."""
    try:
        found = parse_devices(data)
    except DevicesError as error:
        require_code(error.code)
    else:
        require(all(name == device.id for name, device in found.items()), "a device under another name")


def registers(data: bytes) -> None:
    """A register map, and what it makes of registers: the file's own bytes, as a device might answer."""
    file = scratch() / "map.toml"
    file.write_bytes(data)
    station = StationConfig(device="weighbridge-1", address="10.0.0.7:502", register_map=file)
    try:
        register_map(station)
        taken = True
    except MapError:
        taken = False
    try:
        found = read_map(tomllib.loads(file.read_text("utf-8")))
    except (MapError, ValueError):
        require(not taken, "a map that cannot be read was taken")
        return
    words = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data) - 1, 2)]
    for name, group in found.groups.items():
        for length in (group.size, group.size - 1):
            try:
                values = found.decode(name, (words * 130)[:length])
            except WordsError as error:
                require_code(error.code)
            else:
                require(length == group.size and values, "registers of a wrong length were decoded")


def _maps() -> list[bytes]:
    ours = load_register_map("weighbridge")
    return [_MAP, _toml(ours)]


def _toml(data: dict[str, object]) -> bytes:
    """Our own register map as TOML, in its plainest form."""
    lines = [f"{key} = {_value(value)}" for key, value in data.items()]
    return "\n".join(lines).encode()


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f'"{value}"'


_TOML = (
    b"[[stations]]\n",
    b"[mqtt]\n",
    b'"""',
    b" = ",
    b"1e999",
    b"nan",
    b"-1",
    b"0x7fffffffffffffffff",
    b"{",
    b"[",
)

TARGETS = (
    Target("config", configuration, lambda: [_CONFIG, b"", *_CONFIG.split(b"\n[")], _TOML),
    Target("devices", devices, lambda: [_DEVICES, b'{"devices": []}'], json=True),
    Target("registers", registers, _maps, (b"[[groups.now.registers]]\n", b"address = ", b'type = "u32"\n')),
)
