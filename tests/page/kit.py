"""What the tests of the page share: devices, records as units send them, a journal as intake fills it."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
from starlette.testclient import TestClient

from gateway.config import Config
from gateway.journal import Judged, Outcome, Records, Refused, SqliteJournal, StateReport

PASSWORD = "night shift 3 a.m."
LOG = "00c0ffee"
WAIT_S = 15.0
DEVICES = [
    {
        "id": "bin-001",
        "unit": "bin",
        "site": "site-1",
        "name_en": "North Gate",
        "name_zh": "北门",
        "lat": 39.12,
        "lon": 117.15,
        "bays": [{"bay": 1, "category": "paper"}, {"bay": 2, "category": "plastic"}],
    },
    {
        "id": "bin-002",
        "unit": "bin",
        "name_en": "<b>South</b>",
        "name_zh": "南门",
        "lat": 39.11,
        "lon": 117.14,
    },
    {"id": "truck-01", "unit": "truck", "name_en": "Truck 1", "name_zh": "1号车"},
    {
        "id": "bridge-1",
        "unit": "station",
        "name_en": "Weighbridge",
        "name_zh": "地磅",
        "lat": 39.1,
        "lon": 117.16,
    },
]
MAP = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"kind": "district", "id": "d"},
            "geometry": {
                "type": "Polygon",
                "coordinates": [
                    [[117.12, 39.1], [117.18, 39.1], [117.18, 39.14], [117.12, 39.14], [117.12, 39.1]]
                ],
            },
        }
    ],
}
Record = dict[str, Any]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def deposit(net_g: int = 1250, **changes: Any) -> Record:
    common = {
        "t": now_ms(),
        "clock": "ntp",
        "kind": "deposit",
        "session": "s1",
        "bay": 1,
        "category": "paper",
    }
    masses = {"net_g": net_g, "before_g": 0, "after_g": net_g, "e_g": 20, "cal": "c1", "below_min": False}
    return {**common, **masses, "open_ms": 9000, **changes}


def reading(**values: Any) -> Record:
    return {"t": now_ms(), "clock": "ntp", "kind": "reading", **values}


def position(lat_e7: int, lon_e7: int, **changes: Any) -> Record:
    at = {"lat_e7": lat_e7, "lon_e7": lon_e7, "speed_cmps": 900, "course_cdeg": 9000, "hdop_c": 90, "sats": 9}
    return {"t": now_ms(), "clock": "gnss", "kind": "position", **at, **changes}


def fault(state: str = "raised", code: str = "scale-at-rail", part: str = "scale0") -> Record:
    return {"t": now_ms(), "clock": "ntp", "kind": "fault", "part": part, "code": code, "state": state}


def door(state: str, name: str = "lock0") -> Record:
    return {"t": now_ms(), "clock": "ntp", "kind": "door", "door": name, "state": state}


class Store:
    """What intake would do: append to the journal, as one message a call."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.journal = SqliteJournal(config.store.path)
        self._next: dict[str, int] = {}

    def records(
        self, device: str, *records: Record, outcome: Outcome = Outcome.ACCEPTED, codes: tuple[str, ...] = ()
    ) -> list[bytes]:
        """One message; the exact texts of its records."""
        first = self._next.get(device, 0)
        self._next[device] = first + len(records)
        texts = [
            json.dumps({"seq": first + i, **r}, ensure_ascii=False).encode() for i, r in enumerate(records)
        ]
        body = b'{"v":1,"log":"%s","first":0,"sent":1,"recs":[%s]}' % (LOG.encode(), b",".join(texts))
        judged = [Judged(first + i, outcome, codes) for i in range(len(records))]
        self.journal.append([Records(now_ms(), device, LOG, 0, 1, body, judged)])
        return texts

    def refuse(self, device: str, body: bytes, code: str = "not-json") -> None:
        self.journal.append([Refused(now_ms(), device, "up/records", code, "byte 3", body, len(body))])

    def state(self, device: str, **body: Any) -> None:
        text = json.dumps({"v": 1, "fw": "0.1.0", "rev": 1, "log": LOG, "first": 0, "head": 1, **body})
        self.journal.append([StateReport(now_ms(), device, text.encode())])


def until(found: Callable[[], Any], what: str) -> Any:
    """Wait until `found()` is true, and give it back; fail after a deadline."""
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends:
        if value := found():
            return value
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {WAIT_S} s: {what}")


def caught_up(client: TestClient) -> bool:
    """Whether the page shows all that the journal holds."""
    health = client.get("/healthz").json()
    return health["cursor"] == health["end"] and not health["problem"]


def log_in(
    client: TestClient, password: str = PASSWORD, name: str = "op", target: str = "/"
) -> httpx2.Response:
    return client.post(
        "/login",
        params={"next": target},
        data={"name": name, "password": password},
        headers={"origin": "http://gateway.test"},
    )
