"""As much of a certificate as a clock needs (RFC 5280). Pure."""

from edge.measure.calendar import days

_SEQUENCE, _CONTEXT_0, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18


def _element(der: bytes, at: int) -> "tuple[int, int, int]":
    """(tag, where its content starts, where it ends) (X.690). Errors: IndexError."""
    size = der[at + 1]
    start = at + 2
    if size & 0x80:
        count = size & 0x7F
        size = 0
        for _ in range(count):
            size = size << 8 | der[start]
            start += 1
    return der[at], start, start + size


def not_before_ms(der: bytes) -> "int | None":
    """When a certificate's validity begins (RFC 5280, 4.1.2.5), in ms since 1970; None: it does not say."""
    try:
        _tag, at, _end = _element(der, 0)
        _tag, at, _end = _element(der, at)  # to-be-signed certificate
        tag, _start, end = _element(der, at)
        fields = 4 if tag == _CONTEXT_0 else 3  # version, serial number, algorithm, issuer; then validity
        for _ in range(fields):
            _tag, _start, at = _element(der, at)
        tag, start, _end = _element(der, at)
        if tag != _SEQUENCE:
            return None
        tag, start, end = _element(der, start)
        text = der[start:end].decode()
        if tag == _UTC_TIME:
            text = ("20" if text[:2] < "50" else "19") + text
        elif tag != _GENERALIZED_TIME:
            return None
        day = days(int(text[:4]), int(text[4:6]), int(text[6:8]))
        if day is None or len(text) != 15 or text[14] != "Z":
            return None
        return (day * 86_400 + int(text[8:10]) * 3600 + int(text[10:12]) * 60 + int(text[12:14])) * 1000
    except (IndexError, ValueError):
        return None
