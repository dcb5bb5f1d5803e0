"""Who may connect to the broker, and to which topics: one account a device, one for the gateway.

The topics are the contract's: a device writes below its own `up/`, reads below its own `down/`; the gateway
the other way round, for all devices. A device's user name is its id.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping

GATEWAY = "gateway"
FLEET = "fleet"  # may do what all devices may: for load generators; exists only where it is given a password
_ITERATIONS = (
    1000  # the broker checks a password at each connect of each device; these are random, not guessable
)


def topics(user: str) -> tuple[str, str]:
    """The filters (may write, may read) of a user."""
    if user == GATEWAY:
        return "huishou/1/+/down/#", "huishou/1/+/up/#"
    if user == FLEET:
        return "huishou/1/+/up/#", "huishou/1/+/down/#"
    return f"huishou/1/{user}/up/#", f"huishou/1/{user}/down/#"


def matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic, or a narrower filter, lies within a filter (MQTT 3.1.1, 4.7)."""
    allowed, asked = topic_filter.split("/"), topic.split("/")
    for position, level in enumerate(allowed):
        if level == "#":
            return True
        if position >= len(asked) or asked[position] == "#":
            return False
        if level not in ("+", asked[position]):
            return False
    return len(asked) == len(allowed)


def mosquitto_password_line(user: str, password: str) -> str:
    """One line of Mosquitto's password file: PBKDF2-HMAC-SHA-512, as `mosquitto_passwd` writes it (type
    7)."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return f"{user}:$7${_ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}\n"


def mosquitto_acl() -> str:
    parts = []
    for user in (GATEWAY, FLEET):
        write, read = topics(user)
        parts.append(f"user {user}\ntopic write {write}\ntopic read {read}\n\n")
    device_write, device_read = topics("%u")
    return "".join(parts) + f"pattern write {device_write}\npattern read {device_read}\n"


def mosquitto_passwords(accounts: Mapping[str, str]) -> str:
    return "".join(mosquitto_password_line(user, password) for user, password in sorted(accounts.items()))
