"""The operators' page of a live city, in a real Chromium: what an operator sees, and what a killed page
costs."""

import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from gateway.journal import JournalReader
from gateway.processes import status
from simulators.servers.process import wait_until
from tests.city.conftest import Demo

pytestmark = pytest.mark.city

CITY = ["--bins", "6", "--trucks", "6", "--days", "0.2", "--shift", "0.2", "--visits", "30"]
DEVICES = 6 + 6 + 2  # and two weighbridges
PATIENCE_MS = 60_000


def _sign_in(page: Page, demo: Demo) -> None:
    address, user, password = demo.page
    page.goto(address)
    page.fill("#name", user)
    page.fill("#password", password)
    page.click("button.primary")
    page.wait_for_url(address + "/")


def _ids(rows: Locator) -> set[str | None]:
    return set(rows.evaluate_all("rows => rows.map(row => row.dataset.id)"))


def _told_fill(journal: JournalReader) -> set[str | None]:
    rows, at = journal.read(0, 100_000), b'"fill_pct"'
    return {row.device for row in rows if any(at in record.raw for record in row.records())}


def test_an_operator_sees_the_city_move(start_demo: Callable[..., Demo], tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    assert chromium is not None, "no chromium here: run scripts/debian-packages"
    demo = start_demo(*CITY)
    demo.wait_for("the whole city is live")
    demo.wait_for("page      up")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(locale="en-GB")
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        _sign_in(page, demo)

        expect(page.locator("#devices > li")).to_have_count(DEVICES, timeout=PATIENCE_MS)
        city_map = page.locator("x-map[data-ready=true]")
        expect(city_map).to_be_visible(timeout=PATIENCE_MS)
        page.wait_for_function(
            f"() => Number(document.querySelector('x-map').dataset.markers) >= {DEVICES}", timeout=PATIENCE_MS
        )
        # A truck is somewhere else now, and what happens comes in by itself.
        where = city_map.get_attribute("data-moved")
        assert where
        expect(city_map).not_to_have_attribute("data-moved", where, timeout=PATIENCE_MS)
        newest = page.locator("#ticker li").first
        expect(newest).to_be_visible(timeout=PATIENCE_MS)
        expect(newest).not_to_have_text(newest.inner_text(), timeout=PATIENCE_MS)
        # The page shows a fill for just those bins that have told one: which woke up by now is chance, but
        # bin-006, on a modem, has no sensor.
        filled = page.locator("#devices li[data-unit=bin]").filter(has=page.locator(".fill", has_text="%"))
        with JournalReader(tmp_path / "run" / "store") as journal:
            agree = wait_until(lambda: _ids(filled) == _told_fill(journal) != set(), PATIENCE_MS / 1000)
            assert agree, f"{_ids(filled)} show a fill, {_told_fill(journal)} told one"
            assert "bin-006" not in _told_fill(journal)

        page.goto(demo.page[0] + "/devices/bin-001")
        expect(page.locator("h1")).to_be_visible()
        browser.close()
    assert not problems, problems


def test_a_killed_page_comes_back_and_intake_never_notices(
    start_demo: Callable[..., Demo], tmp_path: Path
) -> None:
    store = tmp_path / "run" / "store"
    demo = start_demo(*CITY)
    demo.wait_for("the whole city is live")
    demo.wait_for("page      up")
    address = demo.page[0]
    assert wait_until(lambda: _healthy(address), 20)
    before = status(store, _now_ms())
    with JournalReader(store) as journal:
        received = journal.counters().received
        os.kill(before["web"]["pid"], signal.SIGKILL)
        assert wait_until(lambda: not _healthy(address), 10)
        assert wait_until(lambda: _healthy(address), 30), demo.text
        assert wait_until(lambda: journal.counters().received > received, 60), "nothing came in any more"
    after = status(store, _now_ms())
    assert after["web"]["pid"] != before["web"]["pid"]
    assert after["intake"]["pid"] == before["intake"]["pid"]


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(address + "/healthz", timeout=2) as answer:  # noqa: S310 (our own)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
