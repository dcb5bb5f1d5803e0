"""What comes down to a device: commands and settings, signed by us or by nobody, on a sound flash.

What cannot be read raises ValueError, TypeError or KeyError (the link tells it as `bad-message`); an
EdgeError would end the connection, and the message would come again at the next, for ever. Nothing is
carried out twice, every reply can be read by the gateway, and no settings leave a unit that needs hands.
"""

import asyncio
import json
from typing import Any

from edge.app.commands import Commands
from edge.app.desired import CHANCES, Desired
from edge.store import settings as store
from edge.store.state import State

from gateway import contract, contract_signed
from tests.device.flash import Flash
from tests.fuzz.target import Target, require

_KEY = bytes(range(32))
_NOW = 1_780_000_000_000
_BAD = (ValueError, TypeError, KeyError)  # UnicodeError and JSON's own are ValueErrors
_DOC: dict[str, Any] = {
    "device": "bin-001",
    "key": _KEY.hex(),
    "unit": "bin",
    "wake_s": 600,
    "network": {"ssid": "a", "password": "secret-a"},
    "broker": [{"host": "one", "port": 1883, "password": "p"}, {"host": "two", "port": 1883}],
    "bays": [{"bay": 1, "full_pct": 95, "scale": "scale0"}, {"bay": 2, "scale": "scale1"}],
}


def _signed(channel: str, data: bytes) -> bytes:
    """The message with a true mac, unless it has one of its own or none can be made."""
    try:
        body = json.loads(data)
        if isinstance(body, dict) and "mac" not in body:
            body["mac"] = contract_signed.mac("bin-001", channel, _KEY, body)
            return json.dumps(body).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        pass
    return data


class _Clock:
    def now(self) -> tuple[int, str]:
        return _NOW, "ntp"


class _Bin:
    """Commands with their memory on a flash; `done` is what was carried out, over all restarts."""

    def __init__(self) -> None:
        self.flash = Flash(4)
        self.done: list[str] = []
        self.replies: list[bytes] = []
        self.start()

    def start(self) -> None:
        """Power on."""
        state = State(self.flash)
        self.commands = Commands("bin-001", _KEY, lambda: state, _Clock())
        self.commands.handlers.update(unlock=self._unlock, zero=self._zero)
        self.commands.recover()

    def _unlock(self, _name: str, args: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
        self.done.append("unlock")
        return "done", "", {"bay": args["bay"]}

    def _zero(self, _name: str, args: dict[str, Any]) -> tuple[str, str, None]:
        self.done.append("zero")
        raise ValueError(args)

    def take(self, body: bytes) -> None:
        """A message comes; what is accepted is carried out."""
        try:
            self.replies += self.commands.take("huishou/1/bin-001/down/commands", body)
        except _BAD:
            return
        except RecursionError:
            return  # CPython's JSON reader; MicroPython's does not recurse
        asyncio.run(self.commands.run())


def commands(data: bytes) -> None:
    """A command, twice, and once more after a restart; then an honest one."""
    unit = _Bin()
    body = _signed("commands", data)
    for _ in range(2):
        unit.take(body)
    unit.start()
    unit.take(body)
    require(len(unit.done) <= 1, "carried out twice", unit.done)
    for reply in unit.replies:
        require(len(reply) <= contract.MAX_MESSAGE_BYTES, "too long a reply", len(reply))
        contract.decode_reply(reply)
    before = len(unit.done)
    unit.take(contract_signed.encode_command("bin-001", _KEY, "honest", "unlock", {"bay": 1}, _NOW + 60_000))
    require(len(unit.done) == before + 1, "an honest command is no longer carried out", unit.replies[-1:])


def settings(data: bytes) -> None:
    """Settings: refused, or tried; nobody confirms them, so what was before comes back; then honest ones."""
    flash, memory = Flash(0, store.encode(_DOC, 16_384)), Flash(4)

    def start() -> Desired:
        state = State(memory)
        found = Desired(flash, lambda: state)
        found.begin()
        return found

    desired = start()
    before = desired.settings
    try:
        desired.take(_signed("desired", data))
    except (*_BAD, RecursionError):
        pass
    require(start().settings["device"] == "bin-001", "another device")
    for _ in range(CHANCES + 2):
        desired = start()
        desired.attempt()
        require(set(desired.settings) >= set(_DOC), "settings are missing", sorted(desired.settings))
    desired = start()
    require(not desired.trying, "tried for ever", desired.rev)
    require(desired.settings == before, "not rolled back", desired.settings)
    newest = desired._doc.get("failed", 0)
    if newest < 1 << 30:
        desired.take(contract_signed.encode_desired("bin-001", _KEY, newest + 1, {"wake_s": 900}))
        desired = start()
        require(desired.trying and desired.settings["wake_s"] == 900, "honest settings are not tried", newest)
        desired.confirm()
        desired = start()
        require(not desired.trying and desired.rev == newest + 1, "honest settings do not hold", desired.rev)


def _command_seeds() -> list[bytes]:
    body = {"v": 1, "id": "c-1", "name": "unlock", "args": {"bay": 1}, "exp": _NOW + 60_000}
    others: list[dict[str, Any]] = [
        {},
        {"name": "zero"},
        {"name": "no"},
        {"exp": _NOW},
        {"exp": _NOW + 10**12},
        {"mac": "0" * 64},
        {"args": {"bay": [1] * 500}},
        {"id": "x" * 64},
    ]
    return [json.dumps({**body, **other}).encode() for other in others] + [b"", b"null", b"[" * 500]


def _settings_seeds() -> list[bytes]:
    configs: list[dict[str, Any]] = [
        {},
        {"wake_s": 900},
        {"broker.host": "three", "broker.port": 1884, "network.ssid": "b"},
        {"bay.1.full_pct": 80, "bay.2.category": "paper"},
        {"hours": {"days": [["06:00", "22:00"]]}, "crew": ["a"], "tokens": []},
        {"wake_s": 1},
        {"device": "bin-002"},
        {"bay.9.full_pct": 50},
    ]
    found = [json.dumps({"v": 1, "rev": 1, "config": config}).encode() for config in configs]
    return [*found, b"", b"{}", b'{"rev":1,"config":[]}', b'{"v":1,"rev":2,"config":{},"mac":"00"}']


_WORDS = (
    b'"mac":"',
    b'"config":{',
    b'"wake_s":',
    b'"broker.host":"',
    b'"bay.1.',
    b'"args":{',
    b"1e999",
    b'"hours":',
)

TARGETS = (
    Target("device-commands", commands, _command_seeds, _WORDS, json=True, max_bytes=4000),
    Target("device-desired", settings, _settings_seeds, _WORDS, json=True, max_bytes=4000),
)
