"""Asking: what is asked for is checked, signed with the device's key, and kept to be sent."""

from collections.abc import Sequence
from typing import Any

from gateway.commands.catalogue import check_command, check_settings, parse, shown
from gateway.commands.errors import AskError
from gateway.commands.keys import read_key
from gateway.commands.reader import CommandReader, Wanted
from gateway.commands.store import CommandStore, new_id
from gateway.config import Config
from gateway.contract import ContractError, decode_state
from gateway.contract_signed import encode_command, encode_desired
from gateway.devices import Devices
from gateway.journal import JournalReader


def issue(
    config: Config,
    device: str,
    name: str,
    words: Sequence[str],
    life_s: int | None,
    who: str,
    now_ms: int,
) -> str:
    """Keep a command to be sent; its id. `life_s`: for how long it may be begun. Raises AskError."""
    args = parse(words)
    entry = check_command(name, args, _unit(config, device))
    key = read_key(config.devices.keys_file, device)
    id_, exp_ms = new_id(now_ms), now_ms + (life_s or entry.life_s) * 1000
    body = encode_command(device, key, id_, name, args, exp_ms)
    with CommandStore(config.store.path) as db:
        db.ask(id_, device, name, args, who, now_ms, exp_ms, body, retain=entry.retain)
    return id_


def desire(
    config: Config, device: str, words: Sequence[str], unset: Sequence[str], who: str, now_ms: int
) -> int:
    """Keep a new revision of a device's settings to be sent; its number. What was set before stays set.
    Raises AskError, JournalError.
    """
    changes = parse(words)
    check_settings(changes, _unit(config, device))
    key = read_key(config.devices.keys_file, device)
    with CommandStore(config.store.path) as db:
        former = db.desired(device)
        merged = {**(former[0].config if former else {}), **changes}
        for name in unset:
            if name not in merged:
                raise AskError("not-set", f"{name} of {device} is not set: nothing to unset.")
            del merged[name]
        # Above whatever the device has, also when this store is new or restored: it takes only what is newer.
        rev = max(former[0].rev if former else 0, _rev(config, device) or 0, db.restored()[1]) + 1
        try:
            body = encode_desired(device, key, rev, merged)
        except ValueError as err:
            raise AskError("bad-argument", f"{err}.") from None
        db.desire(Wanted(device, rev, merged, who, now_ms, body))
    return rev


def in_force(config: Config, device: str) -> dict[str, Any]:
    """What is desired and what is in force: `desired_rev` (0: nothing), `config`, `rev` (None: not heard)."""
    wanted = CommandReader(config.store.path).desired(device)
    return {
        "device": device,
        "desired_rev": wanted[0].rev if wanted else 0,
        "config": shown(wanted[0].config) if wanted else {},
        "rev": _rev(config, device),
    }


def _unit(config: Config, device: str) -> str:
    found = Devices(config.devices.file).get(device)
    if found is None:
        raise AskError("unknown-device", f"{device} is not in {config.devices.file}.")
    if found.unit == "station":
        raise AskError("unknown-device", f"{device} is a station: it takes no commands.")
    return found.unit


def _rev(config: Config, device: str) -> int | None:
    with JournalReader(config.store.path) as reader:
        for row in reader.states(device):
            try:
                rev = decode_state(row.body).rev
            except ContractError:
                return None
            return rev if isinstance(rev, int) else None
    return None
