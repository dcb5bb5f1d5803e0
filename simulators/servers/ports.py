"""Ports on the loopback address that stay the same over the life of a run directory."""

import json
import socket
from pathlib import Path

from simulators.servers.errors import ServerError


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody holds at this instant."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
