"""Questions to a name server and their answers (RFC 1035): one name, IPv4, over UDP. Pure.

An answer is believed only when it repeats number and question, which a blind forger must guess; what the
address then says is proved by TLS, not by this.
"""

from edge.errors import EdgeError

PORT = 53
MAX_ANSWER = 512  # [2.3.4]
_A = b"\x00\x01\x00\x01"  # type A, class IN
_MAX_ANSWER = 512  # [2.3.4]


def numeric(host: str) -> bool:
    """Whether `host` is an IPv4 address already."""
    parts = host.split(".")
    return len(parts) == 4 and all(part.isdigit() and len(part) <= 3 and int(part) < 256 for part in parts)


def _question(name: str) -> bytes:
    out = b""
    for label in name.rstrip(".").split("."):
        data = label.encode()
        if not 1 <= len(data) <= 63:
            raise EdgeError("dns-bad-name", "%s: a label of %d bytes" % (name, len(data)))
        out += bytes([len(data)]) + data
    if len(out) > 254:
        raise EdgeError("dns-bad-name", "%s is too long" % name)
    return out + b"\0" + _A


def query(number: bytes, name: str) -> bytes:
    """A recursive query. `number`: 2 random bytes. Errors: `dns-bad-name`."""
    return number + b"\x01\x00\x00\x01" + b"\0" * 6 + _question(name)


def decode(answer: bytes, number: bytes, name: str) -> "list[str]":
    """The addresses in an answer, as they stand. Errors: `dns-bad-answer`, `dns-unknown-name`,
    `dns-failed`.
    """
    wanted = _question(name)
    end = 12 + len(wanted)
    if (
        len(answer) < end
        or answer[:2] != number
        or not answer[2] & 0x80
        or answer[4:6] != b"\0\1"
        or answer[12:end].lower() != wanted.lower()
    ):
        raise EdgeError("dns-bad-answer", "not an answer to this question")
    code = answer[3] & 15
    if code == 3:
        raise EdgeError("dns-unknown-name", name + " does not exist; see the broker's host in the settings")
    if code:
        raise EdgeError("dns-failed", "the name server failed with code %d" % code)
    out = []
    at = end
    for _ in range(answer[6] << 8 | answer[7]):
        at = _skip_name(answer, at)
        size = answer[at + 8] << 8 | answer[at + 9] if at + 10 <= len(answer) else 65535
        data = at + 10
        if data + size > len(answer):
            break  # cut short: what came whole counts
        if answer[at : at + 4] == _A and size == 4:
            out.append("%d.%d.%d.%d" % tuple(answer[data : data + 4]))
        at = data + size
    if not out:
        raise EdgeError("dns-unknown-name", name + " has no IPv4 address")
    return out


def _skip_name(answer: bytes, at: int) -> int:
    """Past a name: labels, or a pointer, which is never followed [4.1.4]."""
    while at < len(answer):
        size = answer[at]
        if size >= 0xC0:
            return at + 2
        at += 1 + size
        if not size:
            return at
    return at
