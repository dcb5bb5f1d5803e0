"""One simulated bin in real time, for a crew's training: plug into its console, break a part, find the
fault."""

import asyncio
import signal
import tempfile
import time
from pathlib import Path

import click

from simulators.board.image import Image
from simulators.board.live import LiveUnit
from simulators.board.virtual import Fidelity
from simulators.peers import ntp
from simulators.world.district import Links, district


def run_live_bin(
    *,
    seed: int,
    pty: Path | None,
    broker: str | None,
    faults: dict[str, str],
    pace: float,
    fidelity: Fidelity,
) -> None:
    """Run until Ctrl-C or SIGTERM. Raises click.ClickException with what is wrong."""
    host, _, port = (broker or "127.0.0.1:1883").rpartition(":")
    if not host or not port.isdigit():
        raise click.ClickException(f"--broker {broker}: expected HOST:PORT, for example 127.0.0.1:1883")
    if pty is not None and pty.exists() and not pty.is_symlink():
        raise click.ClickException(f"--pty {pty}: is there already and is no link; choose another path")
    if pty is not None and not pty.parent.is_dir():
        raise click.ClickException(f"--pty {pty}: there is no folder {pty.parent}; make it first")
    asyncio.run(_run(seed, pty, broker is not None, (host, int(port)), faults, pace, fidelity))


async def _run(
    seed: int,
    pty: Path | None,
    online: bool,
    broker: tuple[str, int],
    faults: dict[str, str],
    pace: float,
    fidelity: Fidelity,
) -> None:
    plan = district(seed)
    device = plan.bins[0].device
    now_ms = time.time_ns() // 1_000_000
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, done.set)
    server, ntp_port = await ntp.serve()
    with tempfile.TemporaryDirectory(prefix="huishou-") as folder:
        links = Links(broker_host=broker[0], broker_port=broker[1], ntp_port=ntp_port)
        image = Image.create(Path(folder), device, "bin-s3", plan.settings(device, links), seed, now_ms)
        try:
            scene = plan.scene(device, now_ms, faults=faults, pace=pace)
        except (KeyError, ValueError) as error:
            raise click.ClickException(str(error.args[0])) from None
        unit = LiveUnit.start(image, scene, console_link=pty, fidelity=fidelity, network_down=not online)
        click.echo(f"{device} is running; console: {pty or unit.console.path}; Ctrl-C ends it")
        try:
            await done.wait()
        finally:
            unit.stop()
            server.close()
