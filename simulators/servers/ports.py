"""Ports on the loopback address that stay the same over the life of a run directory."""

import json
import random
import socket
from pathlib import Path
from typing import Final

from simulators.servers.errors import ServerError

_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL: Final = 32_768  # where Linux lets that range begin, if the machine does not tell
_LOWEST: Final = 20_000
_TRIES: Final = 200
_given: set[int] = set()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody holds at this instant, and that stays free until it is used.

    It lies below the range from which the kernel serves those who ask for "any port" (listeners on port 0,
    connections going out), and the process gives none twice.
    """
    for port in random.SystemRandom().sample(range(_LOWEST, _ephemeral()), _TRIES):
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise ServerError(
        "no-port",
        f"{_TRIES} ports tried on 127.0.0.1 between {_LOWEST} and {_ephemeral()}, all taken. "
        "Stop programs that listen there.",
    )


def _ephemeral() -> int:
    """The first port that the kernel gives to those who ask for any (RFC 6335 calls them dynamic)."""
    try:
        lowest = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL
    return lowest if lowest > _LOWEST + _TRIES else _USUAL


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        # as servers do: a connection of an earlier run that lingers in TIME_WAIT does not make a port taken
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def require_free(port: int, who: str) -> None:
    """Raise `ServerError` (`port-taken`) unless `who` can listen on this port: never talk to a stranger
    there."""
    if not is_free(port):
        raise ServerError(
            "port-taken",
            f"{who} is to listen on 127.0.0.1:{port}, where another program listens already. Stop that "
            f"program "
            "(is an earlier run still going?) or choose another port.",
        )


def kept_port(directory: Path, name: str, wanted: int | None = None) -> int:
    """`wanted`, else the port that `name` had in this directory before, if it is still free, else a free one.

    What it decides is written to `ports.json` in the directory, so that a second start finds devices whose
    settings name the broker's port still right.
    """
    file = directory / "ports.json"
    try:
        kept: dict[str, int] = json.loads(file.read_bytes())
    except (FileNotFoundError, ValueError):
        kept = {}
    port = wanted or kept.get(name)
    if port is None or (wanted is None and not is_free(port)):
        port = free_port()
    directory.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({**kept, name: port}, indent=1, sort_keys=True))
    return port
