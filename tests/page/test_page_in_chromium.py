"""The page in a real Chromium, against the real web process over a real store."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from gateway.commands.model import Standing, Word
from gateway.commands.reader import Wanted
from gateway.commands.store import CommandStore
from gateway.config import Config
from tests.page.kit import PASSWORD, Store, deposit, door, fault, now_ms, position, reading

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), "install Debian's chromium: apt-get install chromium fonts-noto-cjk"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


class Web:
    """The web process, as `huishou gateway web` runs it."""

    def __init__(self, config: Config) -> None:
        self.address = f"http://127.0.0.1:{config.web.port}"
        self._command = [sys.executable, "-m", "gateway", "gateway", "web", "--config", str(config.file)]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:  # ends with the process, so a failed start is an end of this wait
            said.append(line)
            if "page and API at" in line:
                return
        raise AssertionError("the web process ended before it served:\n" + "".join(said))

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.communicate(timeout=20)


@pytest.fixture
def web(config: Config, store: Store) -> Iterator[Web]:
    """Running, with something to show."""
    minute = 60_000
    store.records(
        "bin-001", *(reading(fill_pct=n, battery_mv=3900, t=now_ms() - (50 - n) * minute) for n in range(50))
    )
    store.records("bin-001", deposit(1250))
    store.records("bin-002", fault())
    store.records("truck-01", *(position(391200000 + 200 * n, 1171500000) for n in range(5)))
    store.state("truck-01", online=True, next=None)
    store.refuse("bin-001", b"<script>alert(1)</script>\xe2\x80\xae\xff")
    with CommandStore(config.store.path) as commands:
        args = {"part": "<b>" + "x" * 60}
        commands.ask("c0", "bin-001", "self-test", args, "li", now_ms(), now_ms(), b"", retain=False)
        broken = {"part": "scale0", "ok": False, "code": "scale-silent", "detail": "y" * 200}
        failed = Standing(Word.FAILED, "self-test-failed", ended=True)
        commands.stands("c0", failed, now_ms(), {"parts": [broken], "tried": 1})
    found = Web(config)
    found.start()
    yield found
    found.end()


@pytest.fixture
def address(web: Web) -> str:
    return web.address


@pytest.fixture
def context(browser: Browser, complaints: list[str], web: Web) -> Iterator[BrowserContext]:
    """Closed before the web process ends, or its pages would complain."""
    found = browser.new_context(
        locale="en-GB", timezone_id="Asia/Shanghai", viewport={"width": 1440, "height": 900}
    )
    found.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    found.on("weberror", lambda error: complaints.append(str(error.error)))
    yield found
    found.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Errors in the console, violations of the Content-Security-Policy among them: there must be none."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def page(context: BrowserContext, address: str) -> Page:
    """The city page, logged in and live."""
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Name").fill("op")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#contact[data-state=live]")).to_have_text("Live")
    expect(page.locator("x-map[data-ready]")).to_be_visible()
    return page


def test_the_city_shows_its_devices_and_what_is_wrong_first(page: Page) -> None:
    rows = page.locator("#devices li")
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("<b>South</b>")  # a name is text, whatever it holds
    expect(rows.first).to_contain_text("load cell is not connected")
    expect(page.locator("x-map")).to_have_attribute("data-markers", "4")
    expect(page.locator("[data-count=alarms] dd")).to_have_text("1")
    expect(page.locator("#warnings")).to_contain_text(
        "A process of the gateway is not running"
    )  # it is not, here
    expect(page.locator("#ticker")).to_contain_text("1.25 kg")


def test_what_comes_in_appears_without_reloading(page: Page, store: Store) -> None:
    store.records("bin-001", deposit(2340), reading(fill_pct=97), door("forced"))
    expect(page.locator("#ticker")).to_contain_text("2.34 kg")
    row = page.locator('#devices li[data-id="bin-001"]')
    expect(row.locator(".fill")).to_have_text("97 %")
    expect(row).to_have_attribute("data-level", "2")
    expect(page.locator("[data-count=alarms] dd")).to_have_text("2")
    store.records("truck-01", position(391222220, 1171533330))
    expect(page.locator("x-map")).to_have_attribute("data-moved", "truck-01 39.122222 117.153333")


def test_find_and_filter(page: Page) -> None:
    shown = page.locator("#devices li:visible")
    page.keyboard.press("/")
    page.keyboard.type("north")
    expect(shown).to_have_count(1)
    page.get_by_role("searchbox").fill("no such place")
    expect(page.get_by_text("No device matches.")).to_be_visible()
    page.get_by_role("searchbox").fill("")
    page.locator("label", has_text="Trucks").click()
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("Truck 1")
    page.locator("label", has_text="Attention").click()
    expect(shown).to_have_count(1)


def test_a_device_is_picked_from_the_list_and_let_go_with_escape(page: Page) -> None:
    page.locator('#devices li[data-id="bin-001"] a').click()
    card = page.locator("#card")
    expect(card.get_by_role("heading")).to_contain_text("North Gate")
    page.keyboard.press("Escape")
    expect(card).to_be_hidden()
    page.locator('#devices li[data-id="bin-001"] a').click()
    card.get_by_role("link", name="Open details").click()
    expect(page).to_have_url(re.compile("/devices/bin-001$"))


def test_a_device_page_has_charts_and_stays_fresh(page: Page, store: Store, address: str) -> None:
    page.goto(f"{address}/devices/bin-001")
    expect(page.locator("x-chart canvas")).to_have_count(6)
    expect(page.locator("#contact[data-state=live]")).to_be_visible()
    store.records("bin-001", reading(fill_pct=88), deposit(3330))
    expect(page.locator("#now")).to_contain_text("88 %")
    expect(page.locator("#now")).to_contain_text("3.33 kg")
    with CommandStore(store.config.store.path) as commands:
        commands.desire(Wanted("bin-001", 1, {"wake_s": 900}, "li", now_ms(), b""))
        page.get_by_text("What was set (1)").click()
        commands.ask("c1", "bin-001", "locate", {}, "li", now_ms(), now_ms() + 60_000, b"", retain=False)
        newest = page.locator(".commands > li").first
        expect(newest).to_contain_text("locate Buzz and blink not sent yet asked by li")
        expect(page.get_by_text("900 s")).to_be_visible()  # what was opened stays open


def test_the_language_is_switched_and_remembered(page: Page, address: str) -> None:
    page.get_by_role("button", name="切换到中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_role("heading", name="设备")).to_be_visible()
    expect(page.locator("#devices li").first).to_contain_text("称重传感器未连接")
    expect(page.locator("#contact[data-state=live]")).to_have_text("实时")
    page.goto(f"{address}/records")
    expect(page.get_by_role("heading", name="记录")).to_be_visible()


def test_records_are_filtered_in_place(page: Page, address: str) -> None:
    page.goto(f"{address}/records")
    expect(page.locator(".sum")).to_have_text("58 in: 57 accepted + 0 flagged + 1 refused + 0 twice ✓")
    page.get_by_label("Kind").select_option("deposit")
    expect(page.locator("#result tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("kind=deposit"))
    page.get_by_text("Exact text").click()
    expect(page.locator("#result pre")).to_contain_text('"net_g": 1250')


def test_what_was_refused_is_explained_and_shown_safely(page: Page, address: str) -> None:
    page.goto(f"{address}/refused")
    entry = page.locator("article")
    expect(entry).to_contain_text("The message is not valid JSON.")
    entry.locator("summary").click()
    expect(entry.locator("pre")).to_have_text("<script>alert(1)</script>\\u202e\\xff")


def test_the_page_says_when_the_gateway_is_away_and_comes_back_with_it(
    page: Page, web: Web, store: Store, complaints: list[str]
) -> None:
    web.end(signal.SIGKILL)
    expect(page.locator("#contact[data-state=lost]")).to_contain_text("No contact")
    store.records("bin-001", deposit(4440))  # intake goes on meanwhile
    web.start()
    expect(page.locator("#contact[data-state=live]")).to_have_text("Live")
    expect(page.locator("#ticker")).to_contain_text("4.44 kg")
    complaints[:] = [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text]


def test_nothing_is_wider_than_a_phone(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/devices/bin-001", "/devices/truck-01", "/records", "/refused"):
        page.goto(address + path)
        expect(page.locator("#contact[data-state=live]")).to_be_visible()
        page.evaluate("() => document.querySelectorAll('details').forEach((one) => (one.open = true))")
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), path
