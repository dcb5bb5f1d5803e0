"""The devices' own keys: one JSON file that nobody but the gateway's user may read.

`{"keys": {"bin-001": "<64 hexadecimal digits>", …}}`: the same digits as `key` in the device's settings.
"""

import stat
from pathlib import Path

import msgspec

from gateway.commands.errors import AskError

MIN_BYTES = 16


class _File(msgspec.Struct, frozen=True):
    keys: dict[str, str]


def read_key(file: Path | None, device: str) -> bytes:
    """A device's key. Raises AskError `keys-unset`, `keys-unreadable`, `keys-open` or `key-missing`."""
    if file is None:
        raise AskError(
            "keys-unset",
            "No `keys_file` in [devices] of the configuration: name a file with the devices' keys.",
        )
    try:
        mode = file.stat().st_mode
        content = msgspec.json.decode(file.read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as err:
        raise AskError(
            "keys-unreadable", f'{file}: {err}. Expected {{"keys": {{"bin-001": "<hex>"}}}}.'
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise AskError("keys-open", f"{file} may be read by others: run `chmod 600 {file}`.")
    if device not in content.keys:
        raise AskError("key-missing", f"{file} has no key of {device}: add the `key` of its settings.")
    try:
        key = bytes.fromhex(content.keys[device])
    except ValueError:
        key = b""
    if len(key) < MIN_BYTES:
        raise AskError(
            "keys-unreadable", f"{file}: the key of {device} must be {2 * MIN_BYTES} or more hex digits."
        )
    return key
