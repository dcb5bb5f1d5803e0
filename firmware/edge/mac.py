"""HMAC-SHA-256 (RFC 2104, FIPS 198-1) and a comparison that takes as long whatever differs."""

from hashlib import sha256

_BLOCK = 64  # bytes of a SHA-256 block


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
