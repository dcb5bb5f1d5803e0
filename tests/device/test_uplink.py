"""The uplink under the real interpreter, against brokers that misbehave: it ends each session by name and
in time, and once the broker is well every record arrives, in order, and is freed.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from simulators.board.program import invocation
from simulators.peers.cloud import Cloud
from tests.device.interpreter import VM

RECORDS = 300

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Absent(Cloud):
    """A broker behind which no gateway listens."""

    def take(self, device: str, payload: bytes) -> None:
        return None


@dataclass
class Outcome:
    """What the device said of its sessions, and what the gateway had at the end."""

    ends: list[str] = field(default_factory=list)
    backlog: int = 0
    heads: dict[str, int] = field(default_factory=dict)


async def _well(
    cloud: Cloud, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut_after: int = 0
) -> None:
    """A broker and gateway that behave; with `cut_after`, only for so many bytes from the device."""
    connection = cloud.connection()
    seen = 0
    while data := await reader.read(1024):
        seen += len(data)
        if cut_after and seen > cut_after:
            return
        writer.write(connection.received(0, data))
        await writer.drain()


def play(faults: list[Serve]) -> Outcome:
    """Run the device against a server whose n-th connection misbehaves as `faults[n]`, and then behaves."""

    async def main() -> Outcome:
        cloud, connections = Cloud(), iter(faults)
        tasks: set[asyncio.Task[Any]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            fault = next(connections, None)
            try:
                await (fault(reader, writer) if fault else _well(cloud, reader, writer))
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        command, environment = invocation([VM / "uplink_run.py"], VM, args=[port, RECORDS])
        device = await asyncio.create_subprocess_exec(
            *command, env=environment,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            out, _ = await asyncio.wait_for(device.communicate(), 60)
        finally:
            if device.returncode is None:
                device.kill()
                await device.wait()
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        assert device.returncode == 0, out.decode()
        return Outcome(**json.loads(out.splitlines()[-1]), heads=cloud.heads)

    return asyncio.run(main())


async def closes_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    pass


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def reads_nothing_after_connack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)
    writer.write(b"\x20\x02\x00\x00")
    await asyncio.sleep(30)


async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)
    writer.write(b"\x20\x02\x00\x05")
    await asyncio.sleep(30)


async def talks_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await asyncio.sleep(30)


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1024)
    writer.transport.abort()


def expected(fault: Serve) -> set[str]:
    names: dict[Any, set[str]] = {
        closes_at_once: {"link-closed", "os-error", "link-no-broker"},
        says_nothing: {"link-silent"},
        reads_nothing_after_connack: {"link-silent", "link-stuck"},
        refuses: {"mqtt-refused"},
        talks_nonsense: {"link-silent"},  # the T of HTTP announces 84 bytes, which never come
        resets: {"link-closed", "os-error", "link-no-broker"},
    }
    return names[fault]


FAULTS = [closes_at_once, says_nothing, reads_nothing_after_connack, refuses, talks_nonsense, resets]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_ends_the_session_by_name_and_the_next_one_delivers(fault: Serve) -> None:
    outcome = play([fault])
    assert outcome.ends[0] in expected(fault)
    assert outcome.ends[-1] == "done"
    assert len(outcome.ends) == 2
    assert (outcome.backlog, outcome.heads) == (0, {"bin-001/12345678": RECORDS})


@pytest.mark.parametrize("seed", range(3))
def test_connections_cut_anywhere_cost_no_record(seed: int) -> None:
    rng = random.Random(seed)

    def cut(cloud_bytes: int) -> Serve:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _well(Cloud(), reader, writer, cloud_bytes)

        return serve

    outcome = play([cut(rng.randrange(1, 12_000)) for _ in range(12)])
    assert "WEDGED" not in outcome.ends
    assert outcome.ends[-1] == "done"
    assert outcome.backlog == 0


def test_a_gateway_that_is_away_is_waited_for_while_the_broker_says_that_all_is_well() -> None:
    """PUBACK alone frees nothing: the device sends again until the gateway has acknowledged."""

    async def broker_only(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Absent().connection()
        for _ in range(40):
            data = await reader.read(4096)
            writer.write(connection.received(0, data))

    outcome = play([broker_only])
    assert outcome.ends[-1] == "done"
    assert outcome.heads == {"bin-001/12345678": RECORDS}
