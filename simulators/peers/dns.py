"""A name server (RFC 1035) for virtual time: the answer as a pure function."""

_A = b"\0\1\0\1"
EVERYTHING = "10.0.0.1"  # in virtual time every name is there


def asked(query: bytes) -> str:
    """The name that a query asks for. Raises ValueError when it is none."""
    labels, at = [], 12
    while at < len(query) and query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    if len(query) < at + 5 or query[2] & 0x80:
        raise ValueError("no query")
    return ".".join(labels)


def answer(query: bytes, address: str, *, code: int = 0, number: bytes = b"") -> bytes:
    """What a server says: an IPv4 address, or a failure by its `code` (3: there is no such name). `number`
    overrides the query's, as a forger's would."""
    head = (number or query[:2]) + bytes((0x81, 0x80 | code)) + query[4:6]
    if code:
        return head + bytes(6) + query[12:]
    data = bytes(int(part) for part in address.split("."))
    return head + b"\0\1" + bytes(4) + query[12:] + b"\xc0\x0c" + _A + b"\0\0\0\x3c\0\4" + data


def reply(_now_us: int, query: bytes) -> bytes | None:
    """The answer to any query; None: it was none, say nothing."""
    try:
        asked(query)
    except ValueError:
        return None
    return answer(query, EVERYTHING)
