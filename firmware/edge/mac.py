"""HMAC-SHA-256 (RFC 2104, FIPS 198-1), a comparison that takes as long whatever differs, and the mac of a
message.
"""

from hashlib import sha256

if False:  # for types
    from typing import Any

_BLOCK = 64  # bytes of a SHA-256 block
_DEPTH = 32  # levels of a message (the contract)
_HEX = b"0123456789abcdef"
_EXACT = 1 << 53  # beyond, readers of JSON differ


def _keyed(key: bytes, pad: int) -> bytes:
    return bytes([byte ^ pad for byte in key])


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """The 32 bytes of HMAC-SHA-256 of `data` under `key` (any length)."""
    if len(key) > _BLOCK:
        key = sha256(key).digest()
    key += bytes(_BLOCK - len(key))
    inner = sha256(_keyed(key, 0x36) + data).digest()
    return sha256(_keyed(key, 0x5C) + inner).digest()


def same(a: bytes, b: bytes) -> bool:
    """Whether both are equal; how long it takes tells nothing but their lengths."""
    if len(a) != len(b):
        return False
    difference = 0
    for i in range(len(a)):
        difference |= a[i] ^ b[i]
    return difference == 0


def hexadecimal(data: bytes) -> bytes:
    """As `binascii.hexlify`, which not every port has."""
    out = bytearray()
    for byte in data:
        out.append(_HEX[byte >> 4])
        out.append(_HEX[byte & 15])
    return bytes(out)


def canonical(value: "Any", depth: int = 0) -> str:
    """The one spelling of a value that a mac is computed over: keys sorted, no spaces, text unescaped.
    ValueError: it has none (a fraction, an integer beyond 2^53, nested too deeply).
    """
    if depth > _DEPTH:
        raise ValueError("nested deeper than %d levels" % _DEPTH)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        if not -_EXACT < value < _EXACT:
            raise ValueError("an integer beyond 2^53")
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return "[" + ",".join([canonical(one, depth + 1) for one in value]) + "]"
    if isinstance(value, dict):
        pairs = [_text(key) + ":" + canonical(value[key], depth + 1) for key in sorted(value)]
        return "{" + ",".join(pairs) + "}"
    raise ValueError("a fraction")


def _text(text: str) -> str:
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char >= " ":
            out.append(char)
        elif char in "\n\r\t":
            out.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[char])
        else:
            out.append("\\u%04x" % ord(char))
    return '"' + "".join(out) + '"'


def signed(device: str, channel: str, key: bytes, body: "dict[str, Any]") -> bool:
    """Whether a message's `mac` is right. `channel`: the topic's last part; `key`: the device's own. Without
    a key nothing is.
    """
    mac = body.get("mac")
    if not key or not isinstance(mac, str):
        return False
    rest = {name: value for name, value in body.items() if name != "mac"}
    try:
        data = device + "\n" + channel + "\n" + canonical(rest)
        return same(hexadecimal(hmac_sha256(key, data.encode())), mac.encode())
    except (ValueError, TypeError):  # UnicodeError is a ValueError
        return False
