"""Names are looked up by the firmware's own question, of the name server that the network named; while that
is silent the event loop goes on.
"""

from simulators.board.network import VirtualNetwork
from tests.board.bench import Bench, edge_modules

PROGRAM = """
import asyncio, network
from edge.errors import EdgeError
from edge.link.resolve import resolve, servers

async def main():
    wlan = network.WLAN(network.WLAN.IF_STA)
    wlan.active(True)
    wlan.connect("x", "y")
    while not wlan.isconnected():
        await asyncio.sleep_ms(100)
    turns = 0
    async def tick():
        nonlocal turns
        while True:
            await asyncio.sleep_ms(10)
            turns += 1
    task = asyncio.create_task(tick())
    print(servers([]), servers(["10.1.1.1"]))
    try:
        print(await resolve("broker.example", servers([]), 5000))
    except EdgeError as error:
        print(error.code, turns > 300)
    print(await resolve("10.2.3.4", servers([]), 5000))
asyncio.run(main())
"""
MODULES = edge_modules("link/__init__.py", "link/resolve.py", "link/dns.py")


def test_the_network_names_its_name_server_and_it_answers(bench: Bench) -> None:
    printed = bench.run(PROGRAM, 10, extra=MODULES)
    assert printed[:3] == ["['192.168.4.1'] ['10.1.1.1']", "['10.0.0.1']", "['10.2.3.4']"]


def test_a_silent_name_server_is_given_up_by_its_deadline_and_stops_nobody(bench: Bench) -> None:
    def silent(network: VirtualNetwork) -> None:
        network.hosts["192.168.4.1"] = lambda _now_us, _query: None

    printed = bench.run(PROGRAM, 20, extra=MODULES, on_network=silent)
    assert printed[1:3] == ["dns-silent True", "['10.2.3.4']"]
