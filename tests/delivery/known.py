"""A small city whose numbers are known, for queries: written by the gateway's own encoder and shell."""

from datetime import datetime
from typing import Any

from msgspec import UNSET

from gateway.config import SinkConfig
from gateway.contract_types import Boot, Collect, Deposit, Door, Fault, Position, Reading, RecordBase, Weigh
from gateway.devices import Device
from gateway.writer.delivery import Delivery
from gateway.writer.http import Server
from gateway.writer.line import Dialect, Encoder

NOW = "2025-11-21T09:00:00Z"
DEVICES = {
    "bin-001": Device("bin-001", "bin", site="nankai"),
    "bin-002": Device("bin-002", "bin", site="heping"),
    "bin-003": Device("bin-003", "bin", site="heping"),
    "truck-001": Device("truck-001", "truck", site="depot"),
}


def ms(text: str) -> int:
    """`21 08:30` of November 2025, UTC, in ms."""
    return int(datetime.fromisoformat(f"2025-11-{text[:2]}T{text[3:]}:00+00:00").timestamp() * 1000)


def _deposit(seq: int, at: str, bay: int, category: str, net_g: int) -> Deposit:
    return Deposit(seq, ms(at), "ntp", f"s-{seq}", bay, category, net_g, 0, net_g, 5, "c1", False, 900)


def _reading(seq: int, at: str, bay: int, fill_pct: int) -> Reading:
    return Reading(seq, ms(at), "ntp", bay, UNSET, fill_pct)


def _weigh(seq: int, at: str, net_g: int) -> Weigh:
    return Weigh(seq, ms(at), "gnss", "lifter", net_g, 0, net_g, True)


RECORDS: dict[str, list[RecordBase]] = {
    "bin-001": [
        _deposit(1, "20 10:00", 1, "paper", 480),
        _deposit(2, "20 17:00", 1, "paper", 20),  # the next day in Tianjin
        _deposit(3, "21 08:00", 1, "paper", 500),
        _deposit(4, "21 08:00", 1, "paper", 500),  # another visit, in the same millisecond and as heavy
        _deposit(5, "21 08:30", 2, "plastic", 100),
        _reading(6, "21 08:00", 1, 40),
        _reading(7, "21 08:45", 1, 55),
        Reading(13, ms("21 08:46"), "ntp", 1, 12_000),
        Reading(8, ms("21 08:45"), "ntp", battery_mv=3900, solar_mw=120, temp_dc=-15, rssi_dbm=-70),
        Fault(9, ms("21 06:00"), "ntp", "scale1", "no-signal", "raised"),
        Fault(10, ms("21 06:30"), "ntp", "scale1", "no-signal", "cleared"),
        Door(11, ms("21 08:29"), "ntp", "d1", "open", "user"),
        Boot(12, ms("21 05:00"), "ntp", "power-on", "1.2.0", "a1"),
    ],
    "bin-002": [
        _deposit(1, "21 07:00", 1, "paper", 1000),
        _reading(2, "21 07:05", 1, 90),
        Collect(3, ms("20 12:00"), "ntp", 1, "paper", 15_000, "crew-7"),
        Collect(4, ms("20 12:05"), "ntp", 2, "plastic", 4_000),
        Fault(5, ms("21 08:10"), "ntp", "lock2", "jammed", "raised"),
    ],
    "bin-003": [_reading(1, "19 03:00", 1, 10)],
    "truck-001": [
        _weigh(1, "20 12:01", 15_000),
        _weigh(2, "20 12:06", 4_000),
        Position(3, ms("21 08:59"), "gnss", 391_000_000, 1_172_000_000, 800, 9000, 90, 11),
    ],
}


def lines(dialect: Dialect = "influxdb") -> list[str]:
    """All of it in line protocol."""
    encoder = Encoder(dialect, DEVICES.get)
    return [
        encoder.line(encoder.head(device), "0000abcd", record, record.t)
        for device, records in RECORDS.items()
        for record in records
    ]


def write(config: SinkConfig, times: int = 2) -> None:
    """Write it to a server, more than once, as a writer does that was cut off."""
    server = Server(config)
    for _ in range(times):
        delivery = Delivery(lines(config.kind))
        answer: Any = delivery.run(server.write)
        assert answer is None, answer
        assert delivery.convicts == []
    server.close()
