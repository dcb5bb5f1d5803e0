"""An MQTT broker on the loopback address: the configured one, else Mosquitto, else the embedded amqtt.

The path of a weighing does not trust the broker (a record leaves its device only when the gateway has it on
disk), so what a broker forgets when it is killed costs time and traffic, not records. Still, Mosquitto is
set up to lose as little as it can.
"""

import getpass
import importlib.util
import json
import os
import shutil
import socket
import struct
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from simulators.servers import accounts
from simulators.servers.errors import ServerError
from simulators.servers.ports import kept_port, require_free
from simulators.servers.process import Child, Children, wait_until

_TLS = """
# Devices with certificates of their own: the common name is the user, no password is asked.
listener {port} 127.0.0.1
cafile {ca}
certfile {certificate}
keyfile {key}
require_certificate true
use_identity_as_username true
"""


@dataclass(frozen=True, slots=True)
class TlsListener:
    """A second listener of Mosquitto: its port, whom its clients must be certified by, what it shows them."""

    port: int
    ca: Path
    certificate: Path
    key: Path


Kind = Literal["mosquitto", "amqtt"]
_READY_S = 20.0

MEANING = {
    "configured": "a broker run by someone else; it must know the accounts in accounts.json",
    "mosquitto": "Mosquitto; sessions and queues are saved every few seconds and outlive a kill",
    "amqtt": "embedded amqtt, since no Mosquitto was found: a kill forgets sessions and queues, and devices "
    "send again",
}

_MOSQUITTO = """\
# Written by huishou at each start. One listener, so the plain (not per-listener) settings hold.
listener {port} 127.0.0.1
allow_anonymous false
password_file {directory}/passwords
acl_file {directory}/acl
user {user}

# Keep the queue of an absent gateway: by default it is cut at 1000 messages, each acknowledged all the same,
# and forgotten at kill -9. Bounded in bytes instead; records beyond that stay on their devices.
persistence true
persistence_location {directory}/
autosave_interval 5
max_queued_messages 0
max_queued_bytes 536870912
max_inflight_messages {inflight}
persistent_client_expiration 14d
max_packet_size 1048576
set_tcp_nodelay true

log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true
"""


def mosquitto(env: Mapping[str, str] = os.environ) -> Path | None:
    """The Mosquitto to start: Debian puts it where only root's PATH leads."""
    path = os.pathsep.join([env.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("mosquitto", path=path)
    return Path(found) if found else None


class Broker:
    """A broker with one account per device and one for the gateway; restarted on the same port with its
    state."""

    def __init__(
        self,
        directory: Path,
        children: Children,
        users: Mapping[str, str],
        *,
        port: int | None = None,
        env: Mapping[str, str] = os.environ,
        kind: Kind | None = None,
        inflight: int = 1000,
        tls: TlsListener | None = None,
    ) -> None:
        """`users` maps each user (`accounts.GATEWAY` among them) to its password. Nothing is started yet.

        `kind`: this program and no other; None: as the module says. `inflight`: messages that Mosquitto
        lets a client have without PUBACK. `tls`: with Mosquitto, a second listener for certificates.
        Raises `ServerError` (`broker-missing`) when there is neither Mosquitto nor amqtt, nor one
        configured, and `broker-address` when `HUISHOU_BROKER` is not `host:port`.
        """
        self._directory = directory
        self._children = children
        self._users = dict(users)
        self._inflight = inflight
        self._tls = tls
        directory.mkdir(parents=True, exist_ok=True)
        self.child: Child | None = None
        self.host = "127.0.0.1"
        self._binary = mosquitto(env) if kind != "amqtt" else None
        if env.get("HUISHOU_BROKER") and kind is None:
            self.kind = "configured"
            self.host, self.port = _address(env["HUISHOU_BROKER"])
        elif self._binary:
            self.kind = "mosquitto"
            self.port = kept_port(directory, "broker", port)
        elif importlib.util.find_spec("amqtt") and kind != "mosquitto":
            self.kind = "amqtt"
            self.port = kept_port(directory, "broker", port)
        else:
            raise ServerError(
                "broker-missing",
                "No MQTT broker: no `mosquitto` on PATH or in /usr/sbin, and the Python package `amqtt` is "
                "not "
                "installed. Install Debian's `mosquitto`, or `pip install 'huishou[sim]'`, or point "
                "HUISHOU_BROKER at "
                "host:port of a running one.",
            )
        _write_private(directory / "accounts.json", json.dumps(self._users, indent=1, sort_keys=True))

    @property
    def meaning(self) -> str:
        """What this kind of broker means for what travels through it, in a line."""
        return MEANING[self.kind]

    def start(self) -> None:
        """Return when the gateway's account can connect. Raises `ServerError` (`broker-no-start`)."""
        if self.kind == "mosquitto":
            assert self._binary is not None  # noqa: S101 (what made it this kind)
            self._write_mosquitto_files()
            argv: list[str | Path] = [self._binary, "-c", self._directory / "mosquitto.conf"]
        elif self.kind == "amqtt":
            file = self._directory / "amqtt.json"
            _write_private(file, json.dumps({"port": self.port, "accounts": self._users}))
            argv = [sys.executable, "-m", "simulators.servers.amqtt_broker", file]
        else:
            argv = []
        if argv:
            require_free(self.port, "The broker")
            self.child = self._children.start("broker", argv, log=self._directory / "broker.log")
        if not wait_until(lambda: self._ended() or self.ready(), _READY_S) or self._ended():
            words = self.child.last_words() if self.child else "(not ours: see its own log)"
            if self.child:
                self.child.stop(2.0)
            raise ServerError(
                "broker-no-start",
                f"The broker ({self.kind}) at {self.host}:{self.port} did not let the gateway's account in "
                f"within "
                f"{_READY_S:.0f} s. Its last words:\n{words}",
            )

    def ready(self) -> bool:
        """Whether the gateway's account can connect now (a real MQTT session, closed again at once)."""
        return can_connect(self.host, self.port, accounts.GATEWAY, self._users[accounts.GATEWAY])

    def stop(self, deadline_s: float = 10.0) -> bool:
        return self.child is None or self.child.stop(deadline_s)

    def _ended(self) -> bool:
        return self.child is not None and not self.child.running

    def _write_mosquitto_files(self) -> None:
        directory = self._directory.resolve()
        _write_private(directory / "passwords", accounts.mosquitto_passwords(self._users))
        _write_private(directory / "acl", accounts.mosquitto_acl())
        text = _MOSQUITTO.format(
            port=self.port, directory=directory, user=getpass.getuser(), inflight=self._inflight
        )
        if self._tls:
            own = self._tls
            text += _TLS.format(port=own.port, ca=own.ca, certificate=own.certificate, key=own.key)
        (directory / "mosquitto.conf").write_text(text)


def can_connect(host: str, port: int, user: str, password: str, deadline_s: float = 2.0) -> bool:
    """Whether a broker answers CONNECT with "accepted" (MQTT 3.1.1, 3.1 and 3.2), within `deadline_s`."""

    def field(text: str) -> bytes:
        data = text.encode()
        return struct.pack(">H", len(data)) + data

    flags = 0b1100_0010  # user name, password, clean session
    body = field("MQTT") + bytes([4, flags]) + struct.pack(">H", 10) + field("huishou-probe") + field(user)
    body += field(password)
    assert len(body) < 128  # noqa: S101 (one length byte; our own names and passwords are short)
    try:
        with socket.create_connection((host, port), deadline_s) as link:
            link.settimeout(deadline_s)
            link.sendall(b"\x10" + bytes([len(body)]) + body)
            answer = b""
            while len(answer) < 4:
                more = link.recv(4 - len(answer))
                if not more:
                    return False
                answer += more
            link.sendall(b"\xe0\x00")
            return answer[0] == 0x20 and answer[3] == 0
    except OSError:
        return False


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal():
        raise ServerError(
            "broker-address", f"HUISHOU_BROKER is {text!r}; expected host:port, such as 127.0.0.1:1883."
        )
    return host, int(port)


def _write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
