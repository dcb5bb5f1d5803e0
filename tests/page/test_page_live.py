"""Live updates: who may listen, what comes first, what comes then, and what a slow page costs."""

import itertools
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from gateway.web.live import MAX_EVENTS, Hub, Page
from tests.page.kit import Store, deposit, door, fault, reading

LIVE = "ws://gateway.test/live"
ORIGIN = {"origin": "http://gateway.test"}


def receive_until(socket: Any, wanted: str) -> dict[str, Any]:
    """The next message that tells of a device; beats come at least every 10 s, so this ends."""
    for _ in range(10):
        message: dict[str, Any] = socket.receive_json()
        if any(device["id"] == wanted for device in message["devices"]):
            return message
    raise AssertionError(f"{wanted} was not among ten messages")


def test_the_first_message_is_everything(operator: TestClient, store: Store) -> None:
    store.records("bin-001", deposit(1250))
    with operator.websocket_connect(LIVE, headers=ORIGIN) as socket:
        message = socket.receive_json()
    assert message["whole"] is True
    assert {device["id"] for device in message["devices"]} == {"bin-001", "bin-002", "truck-01", "bridge-1"}


def test_what_comes_in_is_told_at_once(operator: TestClient, store: Store) -> None:
    with operator.websocket_connect(LIVE, headers=ORIGIN) as socket:
        socket.receive_json()
        store.records("bin-001", reading(fill_pct=61), door("open"), deposit(1250))
        message = receive_until(socket, "bin-001")
        assert [device["id"] for device in message["devices"]] == ["bin-001"]
        assert message["devices"][0]["fill_pct"] == 61
        assert [event["kind"] for event in message["events"]] == ["deposit"]  # the rest goes on all the time
        store.records("bin-001", fault())
        assert receive_until(socket, "bin-001")["devices"][0]["level"] == 2


def test_a_stranger_hears_nothing(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect(LIVE, headers=ORIGIN):
        pass


@pytest.mark.parametrize("headers", [{}, {"origin": "http://elsewhere.test"}])
def test_a_page_from_elsewhere_hears_nothing(operator: TestClient, headers: dict[str, str]) -> None:
    with pytest.raises(WebSocketDisconnect), operator.websocket_connect(LIVE, headers=headers):
        pass


def test_a_page_whose_session_ends_hears_no_more(operator: TestClient, store: Store) -> None:
    with operator.websocket_connect(LIVE, headers=ORIGIN) as socket:
        socket.receive_json()
        operator.post("/logout", headers=ORIGIN)
        store.records("bin-001", deposit())
        messages = iter(socket.receive_json, None)
        with pytest.raises(WebSocketDisconnect):
            list(itertools.islice(messages, 3))  # one may have been on its way


def test_a_slow_page_is_owed_a_bounded_amount() -> None:
    page, hub = Page("en", "UTC"), Hub()
    hub._pages.add(page)
    for n in range(10_000):
        hub.publish([f"bin-{n % 3}"], [n])
    told = page.take()
    assert told.devices == {"bin-0", "bin-1", "bin-2"}
    assert told.events == tuple(range(10_000 - MAX_EVENTS, 10_000))
    assert page.take().events == ()
