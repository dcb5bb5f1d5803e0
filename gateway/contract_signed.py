"""What goes down to a device with a mac on it: commands and configurations. Pure.

The mac is HMAC-SHA-256 with the device's own key over one spelling of the body, so that a broker that is
taken over still opens no door.
"""

import hashlib
import hmac
import json
from typing import Any

from gateway.contract import check_size


def encode_command(device: str, key: bytes, id_: str, name: str, args: dict[str, Any], exp: int) -> bytes:
    """The body of a `down/commands`, signed with the device's key. `exp`: ms since 1970 UTC."""
    return _signed(device, "commands", key, {"v": 1, "id": id_, "name": name, "args": args, "exp": exp})


def encode_desired(device: str, key: bytes, rev: int, config: dict[str, Any]) -> bytes:
    """The body of a `down/desired`, signed with the device's key."""
    return _signed(device, "desired", key, {"v": 1, "rev": rev, "config": config})


def canonical_json(value: object) -> bytes:
    """The one spelling of `value` that a mac is computed over: keys sorted, no spaces, UTF-8 unescaped.

    RFC 8785 restricted to what every implementation spells alike, MicroPython's included. Raises ValueError
    for the rest: fractions, integers beyond 2^53, keys that are not printable ASCII, backspace and form feed
    in a string (which have two spellings), lone surrogates.
    """
    _check_canonical(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def mac(device: str, channel: str, key: bytes, body: dict[str, Any]) -> str:
    """HMAC-SHA-256 (RFC 2104), hexadecimal, of a body without its `mac`; `channel`: the topic's last part."""
    message = f"{device}\n{channel}\n".encode() + canonical_json(
        {k: v for k, v in body.items() if k != "mac"}
    )
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def verify_mac(device: str, channel: str, key: bytes, body: dict[str, Any]) -> bool:
    """Whether the body's `mac` is right, compared in constant time; False if it has no canonical form."""
    try:
        expected = mac(device, channel, key, body)
    except ValueError:
        return False
    return hmac.compare_digest(expected.encode(), str(body.get("mac", "")).encode("utf-8", "replace"))


def _signed(device: str, channel: str, key: bytes, body: dict[str, Any]) -> bytes:
    payload = canonical_json(body | {"mac": mac(device, channel, key, body)})
    check_size(payload)
    return payload


def _check_canonical(value: object, at: str) -> None:
    match value:
        case None | bool():
            pass
        case int():
            if abs(value) >= 2**53:
                raise ValueError(f"{at}: {value} is beyond 2^53, where readers differ; send it as a string")
        case str():
            if "\b" in value or "\f" in value:
                raise ValueError(
                    f"{at}: backspace and form feed have no single spelling in JSON; leave them out"
                )
            value.encode()  # refuses lone surrogates (UnicodeEncodeError is a ValueError)
        case list() | tuple():
            for index, element in enumerate(value):
                _check_canonical(element, f"{at}[{index}]")
        case dict():
            for key, element in value.items():
                if not (isinstance(key, str) and key.isascii() and key.isprintable()):
                    raise ValueError(f"{at}: key {key!r} is not printable ASCII")
                _check_canonical(element, f"{at}.{key}")
        case _:
            raise ValueError(f"{at}: {type(value).__name__} has no canonical form; use integers with a unit")
