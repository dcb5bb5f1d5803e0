"""The HTTP API: who gets in, what it says of devices, and records exactly as they were sent, each once."""

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient

from gateway.config import Config
from gateway.journal import Outcome
from gateway.web.app import create_app
from tests.page.kit import (
    PASSWORD,
    Store,
    caught_up,
    deposit,
    door,
    fault,
    log_in,
    now_ms,
    position,
    reading,
    until,
)

Shown = Callable[[str], Any]


def all_records(client: TestClient, **query: Any) -> list[dict[str, Any]]:
    """Follow the cursor until there is no more."""
    found: list[dict[str, Any]] = []
    after = None
    for _ in range(1_000):
        given = {**query, **({"after": after} if after else {})}
        page = client.get("/api/records", params=given).json()
        found += page["records"]
        assert len(page["records"]) <= query.get("limit", 100)
        after = page["next"]
        if not page["more"]:
            return found
    raise AssertionError("the cursor does not come to an end")


def test_everything_is_closed_to_strangers(client: TestClient) -> None:
    """Whoever adds a route gets it closed; what is open is listed here."""
    open_ = {"/login", "/language", "/healthz", "/readyz", "/metrics"}
    for route in client.app.routes:  # type: ignore[attr-defined]
        if isinstance(route, Mount | WebSocketRoute) or route.path in open_:
            continue
        assert isinstance(route, Route)
        method = "POST" if "POST" in (route.methods or ()) else "GET"
        path = route.path.replace("{id}", "bin-001")
        answer = client.request(method, path, headers={"origin": "http://gateway.test"})
        if path.startswith("/api/"):
            assert answer.status_code == 401, path
            assert answer.json()["error"]["code"] == "not-authorised"
        else:
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/login?next=")


def test_a_token_opens_the_api_and_a_wrong_one_does_not(client: TestClient, token: tuple[str, str]) -> None:
    assert client.get("/api/devices", headers={"authorization": f"Bearer {token[0]}"}).status_code == 200
    assert client.get("/api/devices", headers={"authorization": f"Bearer {token[0]}x"}).status_code == 401
    assert client.get("/api/devices", headers={"authorization": f"Basic {token[0]}"}).status_code == 401


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 401)])
def test_health_and_metrics_are_open_on_this_machine_only(
    config: Config, store: Store, host: str, status: int
) -> None:
    store.records("bin-001", deposit())
    with TestClient(create_app(config), "http://gateway.test", client=(host, 4000)) as visitor:
        for path in ("/healthz", "/metrics"):
            assert visitor.get(path).status_code == status, path
        # Intake does not run here, so nothing is taken in.
        assert visitor.get("/readyz").status_code == (503 if status == 200 else 401)


def test_metrics_count_what_the_journal_counts(client: TestClient, store: Store) -> None:
    store.records("bin-001", deposit(), reading(fill_pct=10))
    store.records("bin-001", deposit(), outcome=Outcome.FLAGGED, codes=("clock-none",))
    store.refuse("bin-001", b"{{")
    lines = client.get("/metrics").text.splitlines()
    numbers = [
        (name, float(value)) for name, _, value in (line.rpartition(" ") for line in lines) if name[0] != "#"
    ]
    received = sum(value for name, value in numbers if name == "huishou_records_received_total")
    assert received == 4
    assert sum(value for name, value in numbers if name.startswith("huishou_records{")) == received


def test_a_devices_state_follows_its_records(shown: Shown, store: Store) -> None:
    store.records(
        "bin-001", reading(fill_pct=42, battery_mv=3900), reading(bay=2, fill_pct=91), deposit(1250)
    )
    store.records("bin-001", reading(fill_pct=43), door("open"))
    device = shown("bin-001")
    metrics = {(m["name"], m["bay"]): m["value"] for m in device["metrics"]}
    assert metrics == {("fill_pct", None): 43, ("fill_pct", 2): 91, ("battery_mv", None): 3900}
    assert device["deposits_24h"]["net_g"] == 1250
    assert device["doors"]["lock0"]["record"]["state"] == "open"
    assert [c["code"] for c in device["concerns"]] == ["full"]


def test_faults_come_and_go(shown: Shown, store: Store) -> None:
    store.records("bin-001", fault("raised"))
    assert [c["code"] for c in shown("bin-001")["concerns"]] == ["scale-at-rail"]
    store.records("bin-001", fault("cleared"))
    assert shown("bin-001")["concerns"] == []


def has_status(shown: Shown, status: str) -> bool:
    return bool(shown("bin-001")["status"] == status)


def test_contact_by_announcement(shown: Shown, store: Store) -> None:
    store.records("bin-001", reading(fill_pct=1))
    for online, back_ms, status in [
        (True, None, "online"),
        (False, now_ms() + 600_000, "asleep"),
        (False, now_ms() - 3_600_000, "late"),
        (False, None, "offline"),
    ]:
        store.state("bin-001", online=online, next=back_ms)
        until(functools.partial(has_status, shown, status), status)
    assert shown("truck-01")["status"] == "never"


def test_a_truck_is_where_it_last_was(shown: Shown, store: Store) -> None:
    store.records("truck-01", position(391200000, 1171500000), position(391210000, 1171510000))
    assert shown("truck-01")["position"]["record"]["lat_e7"] == 391210000


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1000])
def test_records_are_exact_and_each_comes_once(operator: TestClient, store: Store, limit: int) -> None:
    sent = []
    for n in range(4):
        sent += store.records("bin-001", deposit(n, note="备注 é"), reading(fill_pct=n), deposit(n + 50))
        sent += store.records("bin-002", reading(fill_pct=n, temp_dc=-5))
    got = all_records(operator, limit=limit)
    assert [json.dumps(r["record"], ensure_ascii=False).encode() for r in got] == sent
    text = operator.get("/api/records", params={"limit": 1000}).content
    assert all(exact in text for exact in sent)  # byte for byte, not only equal


def test_records_by_device_and_kind(operator: TestClient, store: Store) -> None:
    for n in range(5):
        store.records("bin-001", deposit(n), reading(fill_pct=n))
        store.records("bin-002", deposit(100 + n))
    one = all_records(operator, device="bin-001", kind="deposit", limit=2)
    assert [r["record"]["net_g"] for r in one] == [0, 1, 2, 3, 4]
    assert all_records(operator, device="bin-009") == []


def test_a_cursor_goes_on_where_new_records_come(operator: TestClient, store: Store) -> None:
    store.records("bin-001", deposit(1))
    page = operator.get("/api/records").json()
    assert page["more"] is False
    store.records("bin-001", deposit(2))
    again = operator.get("/api/records", params={"after": page["next"]}).json()
    assert [r["record"]["net_g"] for r in again["records"]] == [2]


def test_outcome_and_codes_come_with_a_record(operator: TestClient, store: Store) -> None:
    store.records("bin-001", deposit(), outcome=Outcome.FLAGGED, codes=("clock-future",))
    (record,) = all_records(operator)
    assert (record["outcome"], record["codes"]) == ("flagged", ["clock-future"])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/records?limit=0", 400, "bad-parameter"),
        ("/api/records?limit=1001", 400, "bad-parameter"),
        ("/api/records?limit=ten", 400, "bad-parameter"),
        ("/api/records?after=yesterday", 400, "bad-parameter"),
        ("/api/devices/bin-999", 404, "unknown-device"),
        ("/api/devices/bin-001/series?kind=song", 400, "bad-parameter"),
        ("/api/devices/bin-001/series?hours=-1", 400, "bad-parameter"),
        ("/api/nothing", 404, "not-found"),
    ],
)
def test_mistakes_get_a_code(operator: TestClient, path: str, status: int, code: str) -> None:
    answer = operator.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_journal_that_cannot_be_read_is_said_so(operator: TestClient, store: Store, config: Config) -> None:
    until(lambda: caught_up(operator), "the projection catches up")
    store.journal.close()
    operator.app.state.city.journal.close()  # type: ignore[attr-defined]
    for file in config.store.path.glob("journal.db*"):
        file.unlink()
    (config.store.path / "journal.db").write_bytes(b"no database " * 500)
    assert operator.get("/readyz").status_code == 503
    answer = operator.get("/api/records")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "journal-failed")
    for path in ("/records", "/refused"):
        page = operator.get(path)
        assert page.status_code == 503
        assert "The store cannot be read" in page.text
    assert operator.get("/").status_code == 200  # what is known is still shown


def test_series_for_charts(shown: Shown, operator: TestClient, store: Store) -> None:
    old = reading(fill_pct=1, t=now_ms() - 3 * 3_600_000)
    store.records("bin-001", old, reading(fill_pct=2))
    shown("bin-001")
    points = operator.get("/api/devices/bin-001/series?hours=1").json()["points"]
    assert [p["record"]["fill_pct"] for p in points] == [2]
    points = operator.get("/api/devices/bin-001/series?hours=24").json()["points"]
    assert [p["record"]["fill_pct"] for p in points] == [1, 2]


def test_the_description_names_every_address_of_the_api(operator: TestClient) -> None:
    described = set(operator.get("/api/openapi.json").json()["paths"])
    there = {route.path for route in operator.app.routes if route.path.startswith("/api/")}  # type: ignore[attr-defined]
    assert there - {"/api/openapi.json"} <= described


def test_a_wrong_password_an_unknown_name_and_too_many_tries(client: TestClient) -> None:
    assert log_in(client, "wrong").status_code == 403
    assert log_in(client, PASSWORD, name="nobody").status_code == 403
    for _ in range(3):
        log_in(client, "wrong")
    refused = log_in(client, PASSWORD)  # the right one comes too late
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert client.get("/api/devices").status_code == 401


def test_after_logging_out_the_cookie_is_worth_nothing(operator: TestClient) -> None:
    cookies = dict(operator.cookies)
    assert operator.get("/api/devices").status_code == 200
    operator.post("/logout", headers={"origin": "http://gateway.test"})
    operator.cookies.update(cookies)
    assert operator.get("/api/devices").status_code == 401


def test_a_session_outlives_the_process_and_ends_with_the_password(
    operator: TestClient, config: Config, password_hash: str
) -> None:
    cookie = dict(operator.cookies)
    file = config.web.password_file
    assert file is not None
    with TestClient(create_app(config), "http://gateway.test", cookies=cookie) as again:
        assert again.get("/api/devices").status_code == 200
        file.write_text(f"op:{password_hash[:-3]}AA=\n", "utf-8")
        assert again.get("/api/devices").status_code == 401


@pytest.mark.parametrize("origin", [None, "http://elsewhere.test", "null"])
def test_a_form_from_elsewhere_is_refused(client: TestClient, origin: str | None) -> None:
    headers = {"origin": origin} if origin else {}
    answer = client.post("/login", data={"name": "op", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "wrong-origin"


@pytest.mark.parametrize(
    "target", ["//evil.test/", "https://evil.test/", "/\\evil.test", "javascript:alert(1)"]
)
def test_login_leads_to_no_other_place(client: TestClient, target: str) -> None:
    assert log_in(client, target=target).headers["location"] == "/"


def test_login_leads_back_to_where_one_was(client: TestClient) -> None:
    asked = client.get("/records?kind=deposit")
    assert asked.headers["location"] == "/login?next=%2Frecords%3Fkind%3Ddeposit"
    assert log_in(client, target="/records?kind=deposit").headers["location"] == "/records?kind=deposit"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(client: TestClient) -> None:
    cookie = log_in(client).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_every_answer_carries_the_security_headers(operator: TestClient) -> None:
    for path in ("/", "/login", "/api/devices", "/nothing", "/refused", "/healthz"):
        headers = operator.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
