"""Who may look: people's passwords as scrypt hashes (RFC 7914), programs' tokens as SHA-256.

Tokens are random and long, so they need no slow hash. A password file has a `NAME:HASH` a line, empty lines
and `#` comments allowed; HASH is what `hash_password` or `hash_token` gives.
The file is read again when it changes.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path

from gateway.logs import ERROR, Event

_BAD_HASH = Event(
    "password-unusable",
    "the password hash of {name!r} cannot be used: make it anew with `huishou web password`",
    level=ERROR,
    doc="That person cannot log in.",
)
_UNREADABLE = Event(
    "passwords-unreadable",
    "password file {file} cannot be read ({why}): the former one stays in force",
    level=ERROR,
    doc="Changes of passwords are not taken until the file can be read.",
)
_BAD_LINE = Event(
    "passwords-line",
    "{file}, line {line}: expected NAME:scrypt$… or NAME:sha256$…; the line is ignored",
    level=ERROR,
    doc="A line of the password file is none.",
)

N, R, P = 2**16, 8, 1
MAX_MEMORY = 256 * N * R  # OpenSSL wants 128·N·r and some more
MAX_PASSWORD = 1_024  # characters; a longer one is not hashed
_NOBODY = (
    f"scrypt${N}${R}${P}${'A' * 22}==${'A' * 43}="  # what an unknown name is compared with, for the same time
)


def hash_password(password: str) -> str:
    """`scrypt$N$r$p$salt$hash`, for the password file or the configuration's `[web] users`."""
    salt = secrets.token_bytes(16)
    return f"scrypt${N}${R}${P}${_text(salt)}${_text(_scrypt(password, salt, N, R, P))}"


def new_token(name: str) -> tuple[str, str]:
    """A bearer token for a program, and its line for the password file."""
    token = f"hs_{secrets.token_urlsafe(32)}"
    return token, f"{name}:{hash_token(token)}"


def hash_token(token: str) -> str:
    return f"sha256${hashlib.sha256(token.encode()).hexdigest()}"


def is_hash(text: str) -> bool:
    """Whether a line of the password file carries something that can be compared with."""
    kind, _, rest = text.partition("$")
    return (kind == "scrypt" and rest.count("$") == 4) or (kind == "sha256" and len(rest) == 64)


class Users:
    """The people and programs of the configuration and of the password file (which wins)."""

    def __init__(self, configured: Mapping[str, str], file: Path | None) -> None:
        self._configured = dict(configured)
        self._file = file
        self._stamp: tuple[int, int] | None = None
        self._hashes: dict[str, str] = dict(configured)

    def names(self) -> frozenset[str]:
        return frozenset(self._all())

    def fingerprint(self, name: str) -> bytes | None:
        """Changes with the password, so that a session made under the old one ends. None: no such person."""
        found = self._all().get(name)
        return hashlib.sha256(found.encode()).digest() if found is not None else None

    def check_password(self, name: str, password: str) -> bool:
        """Compare in constant time, as long for an unknown name as for a known one.

        Takes some tenths of a second: not to be called in the event loop.
        """
        stored = self._all().get(name, "")
        known = stored.startswith("scrypt$")
        _, n, r, p, salt, wanted = (stored if known else _NOBODY).split("$")
        try:
            given = _scrypt(password[:MAX_PASSWORD], base64.b64decode(salt), int(n), int(r), int(p))
            same = hmac.compare_digest(given, base64.b64decode(wanted))
        except ValueError:
            _BAD_HASH(name=name)
            return False
        return known and same and len(password) <= MAX_PASSWORD

    def check_token(self, token: str) -> str | None:
        """The name of the program that the token belongs to."""
        given = hash_token(token)
        found = None
        for name, stored in self._all().items():
            if hmac.compare_digest(stored.encode(), given.encode()):
                found = name
        return found

    def _all(self) -> dict[str, str]:
        if self._file is None:
            return self._hashes
        try:
            stat = self._file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp != self._stamp:
                self._hashes = {**self._configured, **_parse(self._file)}
                self._stamp = stamp
        except OSError as err:
            _UNREADABLE(file=str(self._file), why=str(err))
        return self._hashes


def _parse(file: Path) -> dict[str, str]:
    found = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, _, stored = text.partition(":")
        if not name or not is_hash(stored):
            _BAD_LINE(file=str(file), line=number)
            continue
        found[name] = stored
    return found


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=MAX_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
