"""Sessions as signed cookies: the page process may be killed and come back, and nobody has to log in again.

A cookie is `name|expiry|nonce|signature`, signed with HMAC-SHA-256 under a key that is made once per store
(`session.key`, mode 0600) and bound to the person's present password hash: a changed password ends the
sessions made under the old one. After log-out the nonce is not taken again while this process lives.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections import OrderedDict
from pathlib import Path

from gateway.web.passwords import Users

COOKIE = "huishou_session"
LIFETIME_S = 12 * 3600  # a shift and its hand-over
MAX_ENDED = 10_000
LOGIN_WINDOW_S = 60
LOGIN_TRIES = 5  # failed ones per address and per name in a window; scrypt costs us as much as the guesser
MAX_COUNTED = 10_000


class Sessions:
    """Issues and checks session cookies. Times are seconds since 1970, given by the caller."""

    def __init__(self, key: bytes, users: Users) -> None:
        self._key = key
        self._users = users
        self._ended: OrderedDict[str, None] = OrderedDict()

    def issue(self, name: str, now_s: float) -> str:
        parts = [_encode(name.encode()), str(int(now_s) + LIFETIME_S), secrets.token_urlsafe(12)]
        return "|".join([*parts, self._sign(name, parts)])

    def check(self, cookie: str, now_s: float) -> str | None:
        """The person's name, or None when the cookie is not (or no longer) good."""
        parts = cookie.split("|")
        if len(parts) != 4 or not parts[1].isascii() or not parts[1].isdigit() or len(parts[1]) > 12:
            return None
        name = _decode(parts[0])
        if name is None or self._users.fingerprint(name) is None:
            return None
        good = hmac.compare_digest(self._sign(name, parts[:3]).encode(), parts[3].encode())
        if not good or int(parts[1]) <= now_s or parts[2] in self._ended:
            return None
        return name

    def end(self, cookie: str, now_s: float) -> None:
        """Log out: this cookie is not taken again (by this process)."""
        if self.check(cookie, now_s) is not None:
            self._ended[cookie.split("|")[2]] = None
            while len(self._ended) > MAX_ENDED:
                self._ended.popitem(last=False)

    def _sign(self, name: str, parts: list[str]) -> str:
        bound_to = self._users.fingerprint(name) or b""
        return hmac.new(self._key, bound_to + "|".join(parts).encode(), hashlib.sha256).hexdigest()


class LoginLimit:
    """Counts failed logins per key (an address, a name) in a sliding window."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait_s(self, keys: list[str], now_s: float) -> int:
        """How long to wait before the next try; 0: go on."""
        waits = [0.0]
        for key in keys:
            recent = [t for t in self._failed.get(key, []) if t > now_s - LOGIN_WINDOW_S]
            if len(recent) >= LOGIN_TRIES:
                waits.append(recent[-LOGIN_TRIES] + LOGIN_WINDOW_S - now_s)
        return int(max(waits) + 0.999)

    def failed(self, keys: list[str], now_s: float) -> None:
        for key in keys:
            recent = [t for t in self._failed.pop(key, []) if t > now_s - LOGIN_WINDOW_S]
            self._failed[key] = [*recent, now_s][-LOGIN_TRIES:]
        while len(self._failed) > MAX_COUNTED:
            self._failed.popitem(last=False)

    def succeeded(self, keys: list[str]) -> None:
        for key in keys:
            self._failed.pop(key, None)


def session_key(store: Path) -> bytes:
    """The signing key of this store, made on first use."""
    file = store / "session.key"
    try:
        key = file.read_bytes()
        if len(key) == 32:
            return key
    except FileNotFoundError:
        pass
    key = secrets.token_bytes(32)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.touch(mode=0o600)
    temporary.write_bytes(key)
    temporary.replace(file)
    return key


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")  # no "=", so that no cookie library quotes it


def _decode(text: str) -> str | None:
    try:
        return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode()
    except ValueError:
        return None
