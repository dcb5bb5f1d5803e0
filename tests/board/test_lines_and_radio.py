"""UARTs, converters, Wi-Fi and sockets in virtual time."""

from simulators.board.network import VirtualNetwork
from simulators.scene import PinLevel, UartBytes
from tests.board.bench import START_MS, Bench

JOIN = """
import asyncio, network, socket, time
async def join():
    w = network.WLAN(network.WLAN.IF_STA)
    w.active(True)
    w.connect("any", "thing")
    for _ in range(100):
        if w.isconnected():
            return w
        await asyncio.sleep_ms(100)
    raise OSError("no network")
"""


def test_uart_bytes_arrive_once_whole_and_overflow_loses_the_newest(bench: Bench) -> None:
    bench.scene.script = [(1000, UartBytes(1, b"A" * 60)), (1001, UartBytes(1, b"B" * 60))]
    lines = bench.run(
        """
        import asyncio
        from machine import UART
        u = UART(1, baudrate=9600, tx=17, rx=18, rxbuf=100)
        flag = asyncio.ThreadSafeFlag()
        u.irq(lambda _: flag.set(), UART.IRQ_RXIDLE)
        async def main():
            await flag.wait()
            await asyncio.sleep(1)
            print(u.any(), u.read(50), u.read(), u.read())
            u.write("hello")
        asyncio.run(main())
        """
    )
    assert lines == [f"100 {b'A' * 50!r} {b'A' * 10 + b'B' * 40!r} None"]
    assert [(uart, data) for _, uart, data in bench.scene.sent] == [(1, b"hello")]


def test_another_baud_rate_reads_nonsense(bench: Bench) -> None:
    bench.scene.script = [(1000, UartBytes(1, b"token\r\n"))]
    lines = bench.run("import machine, time\nu = machine.UART(1, 115200)\ntime.sleep(2)\nprint(u.read())\n")
    assert lines != ["b'token\\r\\n'"]
    assert lines != ["None"]


def test_bytes_sent_to_a_sleeping_chip_are_lost(bench: Bench) -> None:
    bench.scene.script = [(1000, UartBytes(1, b"lost"))]
    lines = bench.run(
        """
        import machine, time
        u = machine.UART(1, 9600)
        if machine.reset_cause() == 1:
            machine.deepsleep(3000)
        time.sleep(1)
        print(u.read())
        """
    )
    assert lines == ["None"]


def test_adc_reads_what_the_pin_carries_up_to_the_range(bench: Bench) -> None:
    bench.scene.adc = {1: 2000, 2: 3300}
    lines = bench.run(
        """
        from machine import ADC, Pin
        print([ADC(Pin(n), atten=ADC.ATTN_11DB).read_uv() for n in (1, 2)], ADC(1).read_uv())
        """
    )
    assert lines == ["[2000000, 3100000] 950000"]


def test_pin_interrupts_fire_on_their_edge_only(bench: Bench) -> None:
    bench.scene.script = [(ms, PinLevel(13, level)) for ms, level in ((0, 1), (500, 0), (600, 1), (700, 0))]
    lines = bench.run(
        """
        import time
        from machine import Pin
        p = Pin(13, Pin.IN, Pin.PULL_UP)
        start = time.ticks_ms()
        p.irq(lambda q: print(q.value()), Pin.IRQ_FALLING)
        time.sleep(1)
        p.irq(None)
        """
    )
    assert lines == ["0", "0"]


def test_without_a_network_joining_fails_and_sockets_say_so(bench: Bench) -> None:
    bench.scene.network = False
    lines = bench.run(
        JOIN
        + """
try:
    asyncio.run(join())
except OSError as e:
    print(e)
print(network.WLAN().status() in (network.STAT_NO_AP_FOUND, network.STAT_CONNECTING))
try:
    socket.getaddrinfo("broker", 1883)
except OSError as e:
    print(e.errno < 0)
""",
        20,
    )
    assert lines == ["no network", "True", "True"]


class Echo:
    """Answers each line in capitals; hangs up on `bye`."""

    closed = False

    def received(self, _now_ms: int, data: bytes) -> bytes:
        self.closed = b"bye" in data
        return data.upper()


def test_streams_reach_their_peer_and_see_it_close(bench: Bench) -> None:
    def peers(network: VirtualNetwork) -> None:
        network.connect = lambda port: Echo() if port == 7 else None

    lines = bench.run(
        JOIN
        + """
async def main():
    await join()
    start = time.ticks_ms()
    r, w = await asyncio.open_connection("echo", 7)
    w.write(b"hello\\n")
    await w.drain()
    print(await r.readline(), 200 < time.ticks_diff(time.ticks_ms(), start) < 400)
    w.write(b"bye")
    await w.drain()
    print(await r.readexactly(3), await r.read(10))
    try:
        r, w = await asyncio.open_connection("echo", 8)
        w.write(b"x")
        await w.drain()
        await r.read(1)
    except OSError as e:
        print("refused", e.errno)
asyncio.run(main())
""",
        20,
        on_network=peers,
    )
    assert lines == ["b'HELLO\\n' True", "b'BYE' b''", "refused 111"]


def test_a_read_without_an_answer_ends_by_its_deadline(bench: Bench) -> None:
    class Silent:
        closed = False

        def received(self, _now_ms: int, _data: bytes) -> bytes:
            return b""

    def peers(network: VirtualNetwork) -> None:
        network.connect = lambda _port: Silent()

    lines = bench.run(
        JOIN
        + """
async def main():
    await join()
    r, w = await asyncio.open_connection("silent", 1)
    start = time.ticks_ms()
    try:
        await asyncio.wait_for(r.read(1), 5)
    except asyncio.TimeoutError:
        print(time.ticks_diff(time.ticks_ms(), start) // 10)
asyncio.run(main())
""",
        20,
        on_network=peers,
    )
    assert lines == ["500"]


def test_sntp_over_udp_tells_the_virtual_time(bench: Bench) -> None:
    lines = bench.run(
        JOIN
        + """
import struct
async def main():
    await join()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.connect(socket.getaddrinfo("ntp", 123)[0][-1])
    s.send(b"\\x23" + bytes(47))
    answer = await asyncio.StreamReader(s).read(48)
    print(struct.unpack_from(">I", answer, 40)[0] - 2208988800)
asyncio.run(main())
""",
        20,
    )
    assert START_MS // 1000 <= int(lines[0]) <= START_MS // 1000 + 5
