"""`python -m simulators.bench.handshake`: for how long a TLS handshake stops the firmware's event loop, in
the real interpreter against a real Mosquitto, on this machine's processor.

A chip is not this machine: what the table says is which steps there are and how they compare with the rest.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from simulators.board.program import ProgramError, output
from simulators.servers import accounts
from simulators.servers.authority import Authority
from simulators.servers.broker import Broker, TlsListener
from simulators.servers.ports import free_port
from simulators.servers.process import Children

HOST = "broker.test"
MOST_MS = 50
PROGRAM = Path(__file__).parent / "vm" / "handshake.py"


@click.command()
@click.option("--connections", type=click.IntRange(1), default=50, show_default=True)
def main(connections: int) -> None:
    """Connect again and again; show how long the loop stood still at most."""
    with tempfile.TemporaryDirectory() as scratch, Children() as children:
        authority = Authority(Path(scratch) / "ca")
        certificate, key = authority.issue("server", host=HOST)
        authority.issue("bin-001")
        listener = TlsListener(free_port(), authority.certificate, certificate, key)
        users = {accounts.GATEWAY: "x"}
        broker = Broker(Path(scratch) / "broker", children, users, kind="mosquitto", tls=listener)
        broker.start()
        arguments = {
            "port": listener.port,
            "name": HOST,
            "tls": authority.credentials("bin-001"),
            "connections": connections,
        }
        try:
            found = json.loads(output([PROGRAM], args=arguments, timeout_s=300).splitlines()[-1])
        except ProgramError as err:
            raise click.ClickException(f"the interpreter ended with {err}") from None
        finally:
            broker.stop()
    longest = [us / 1000 for us in found["longest_us"]]
    table = Table(title=f"The event loop stood still, ms on the processor ({connections} TLS connections)")
    for heading in ("idle turn, worst", "in a handshake: middle", "worst", "at most"):
        table.add_column(heading, justify="right")
    table.add_row(
        f"{found['idle_us'] / 1000:.2f}",
        f"{statistics.median(longest):.1f}",
        f"{max(longest):.1f}",
        str(MOST_MS),
    )
    Console(width=110).print(table)
    facts = {
        "connections": connections,
        "median_ms": statistics.median(longest),
        "worst_ms": max(longest),
        "at_most_ms": MOST_MS,
    }
    click.echo(json.dumps(facts))
    sys.exit(1 if max(longest) > MOST_MS else 0)


if __name__ == "__main__":
    main()
