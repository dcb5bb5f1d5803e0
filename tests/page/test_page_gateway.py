"""What the page says of the gateway itself: alarms with what to do, the sum, the stages."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from gateway.alarm_codes import ALARMS
from gateway.config import Config
from gateway.delays import Histogram
from gateway.web.health import Rates, span_text
from tests.page.kit import Store, caught_up, deposit, now_ms, reading, until


def say(config: Config, name: str, **facts: Any) -> None:
    """As if a process had said it just now."""
    now = now_ms()
    common = {"name": name, "pid": 1, "started_ms": now - 60_000, "beat_ms": now, "said_ms": now}
    text = json.dumps({**common, "state": "well", "cpu_s": 3.0, "rss_bytes": 50_000_000, **facts})
    (config.store.path / f"{name}.status.json").write_text(text)


@pytest.fixture
def well(operator: TestClient, store: Store, config: Config) -> Callable[..., None]:
    """Everything runs; `intake` may say more."""

    def all_say(**intake: Any) -> None:
        delay = Histogram()
        delay.observe_all([0.02] * 100)
        broker = {"connected": True, "subscribed": True}
        more = {"broker": broker, "queue": 3, "reconnects": 0, "delays": {"receive_journal": delay.facts()}}
        say(config, "intake", **{**more, **intake})
        say(config, "writer")
        say(config, "web")
        say(config, "gateway", children={"intake": {"restarts": 2}})

    store.records("bin-001", deposit(), reading(fill_pct=10))
    store.refuse("bin-001", b"{{")
    until(lambda: caught_up(operator), "the projection catches up")
    all_say()
    return all_say


def page(operator: TestClient, lang: str = "en") -> str:
    return operator.get("/gateway", headers={"accept-language": lang}).text


def test_a_gateway_that_is_well_says_so(operator: TestClient, well: Callable[..., None]) -> None:
    until(lambda: "All is well. No alarm stands." in page(operator), "no alarm is shown")
    text = page(operator)
    assert "Every record that arrived is accounted for." in text
    assert "≤ 25\u00a0ms" in text
    assert operator.get("/readyz").json() == {
        "status": "ready",
        "checks": {"intake": True, "broker": True, "journal": True},
        "reasons": [],
    }
    facts = operator.get("/api/gateway").json()
    assert (facts["records"]["received"], facts["sum_ok"], facts["alarms"]) == (3, True, [])


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_an_alarm_says_what_it_is_and_what_to_do(
    operator: TestClient, well: Callable[..., None], lang: str
) -> None:
    well(alarms=[{"code": "journal-full", "detail": "<b>0 bytes</b>", "since_ms": now_ms() - 60_000}])
    told = ALARMS["journal-full"]
    wanted = (told.zh, told.zh_do) if lang == "zh-CN" else (told.en, told.en_do)
    until(lambda: wanted[0] in page(operator, lang), "the alarm is shown")
    fragment = operator.get("/gateway/now", headers={"accept-language": lang}).text
    for text in (fragment, page(operator, lang)):
        assert all(words in text for words in wanted)
        assert "&lt;b&gt;0 bytes" in text
        assert 'data-mood="bad"' in text
    assert wanted[0] in operator.get("/", headers={"accept-language": lang}).text
    ready = operator.get("/readyz")
    assert ready.status_code == 503
    assert [one["code"] for one in ready.json()["reasons"]] == ["journal-full"]


def test_a_process_that_is_down_is_told(
    operator: TestClient, well: Callable[..., None], config: Config
) -> None:
    (config.store.path / "writer.status.json").unlink()
    until(lambda: "Writer: A process of the gateway is not running." in page(operator), "told")
    assert "does not run" in page(operator)
    assert operator.get("/readyz").status_code == 200  # the writer is not needed for that


def test_the_page_is_behind_the_gate(client: TestClient) -> None:
    assert client.get("/gateway").status_code == 303
    assert client.get("/api/gateway").status_code == 401


def test_rates_are_means_over_the_last_minute() -> None:
    rates = Rates()
    assert rates.per_s() is None
    for second in range(0, 300, 5):
        rates.add(
            {
                "now_ms": second * 1000,
                "records": {"received": 20 * second},
                "messages": {"up/records": second},
            }
        )
    assert rates.per_s() == pytest.approx((20.0, 1.0))
    rates.add({"now_ms": 300_000, "problem": "no disk"})
    for second in range(300, 400, 5):  # a journal that was restored counts less than before
        rates.add({"now_ms": second * 1000, "records": {"received": 5}, "messages": {}})
    assert rates.per_s() == (0.0, 0.0)


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (119, "119 s", "119 秒"),
        (3_600, "1 h", "1 小时"),
        (7_000, "117 min", "117 分钟"),
        (172_800, "2 d", "2 天"),
    ],
)
def test_spans_in_words(seconds: float, en: str, zh: str) -> None:
    assert (span_text(seconds, "en"), span_text(seconds, "zh-CN")) == (en, zh)
