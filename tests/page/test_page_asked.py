"""What was asked of a device, on its page: commands and what became of them, settings and revisions."""

import html
import json
import re
import struct
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from gateway.command_codes import COMMAND_CODES
from gateway.commands.catalogue import COMMANDS
from gateway.commands.dispatch import Dispatch
from gateway.commands.model import Word
from gateway.commands.reader import FILE, Asked, Wanted
from gateway.commands.store import CommandStore, new_id
from gateway.config import Config
from gateway.journal import JournalReader, Reply
from gateway.web.asked import SHOWN, asked_view
from gateway.web.messages import MESSAGES
from tests.page.kit import Store, caught_up, now_ms, until

DEVICE = "bin-001"
LANGUAGES = ("en", "zh-CN")


class Desk:
    """Somebody who asks, and intake's dispatcher over the same store."""

    def __init__(self, config: Config, store: Store) -> None:
        self._journal = store.journal
        self._reader = JournalReader(config.store.path)
        self.db = CommandStore(config.store.path)
        self._dispatch = Dispatch(config.store.path, self._reader, lambda *_: None, now_ms)

    def close(self) -> None:
        self._dispatch.close()
        self._reader.close()
        self.db.close()

    def ask(self, name: str, device: str = DEVICE, who: str = "li", **args: Any) -> str:
        id_ = new_id(now_ms())
        self.db.ask(id_, device, name, args, who, now_ms(), now_ms() + 60_000, b"{}", retain=False)
        return id_

    def send(self) -> None:
        self._dispatch.look(ready=True)

    def reply(self, id_: str, state: str, code: str = "", result: Any = None) -> None:
        """What a device says, journaled and joined."""
        body: dict[str, Any] = {"v": 1, "id": id_, "state": state, "t": now_ms()}
        body |= {"code": code} if code else {}
        body |= {} if result is None else {"result": result}
        self._journal.append([Reply(now_ms(), DEVICE, json.dumps(body).encode())])
        self.send()

    def desire(self, rev: int, **config: Any) -> None:
        values = {key.replace("__", "."): value for key, value in config.items()}
        self.db.desire(Wanted(DEVICE, rev, values, "wang", now_ms(), b"{}"))


@pytest.fixture
def desk(config: Config, store: Store) -> Iterator[Desk]:
    found = Desk(config, store)
    yield found
    found.close()


def page(operator: TestClient, lang: str = "en", device: str = DEVICE) -> str:
    """The panel's text, as a person reads it."""
    text = operator.get(f"/devices/{device}/now", headers={"accept-language": lang}).text
    panel = re.search(r'<section class="panel asked".*?</section>', text, re.DOTALL)
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", panel[0]).split())) if panel else ""


def test_a_command_is_followed_from_asking_to_its_last_word(operator: TestClient, desk: Desk) -> None:
    assert "No commands so far." in page(operator)
    id_ = desk.ask("unlock", bay=1)
    assert "unlock bay=1 Unlock a bay or the cargo door not sent yet asked by li" in page(operator)
    desk.send()
    assert "sent, no answer yet" in page(operator)
    assert "may be begun until" in page(operator)
    desk.reply(id_, "accepted")
    assert "accepted" in page(operator)
    desk.reply(id_, "done", result={"bay": 1, "door": "unlocked"})
    assert "done bay 1 · unlocked asked by li" in page(operator)
    assert "last word" in page(operator)
    assert "may be begun until" not in page(operator)
    assert "打开投放口或货厢锁 已完成 1 号箱 · 已解锁 li 下达" in page(operator, "zh-CN")


def test_what_went_wrong_is_explained_with_what_to_do(operator: TestClient, desk: Desk) -> None:
    desk.reply(desk.ask("unlock", bay=2), "refused", "busy")
    desk.reply(desk.ask("unlock", bay=1), "failed", "lock-jammed")
    desk.reply(desk.ask("locate"), "failed", "not-begun")
    desk.reply(desk.ask("zero", bay=1), "failed", "of-a-newer-firmware")
    english, chinese = page(operator), page(operator, "zh-CN")
    assert english.index("of-a-newer-firmware") < english.index("before it began"), "newest first"
    assert "Nothing was done: ask again." in english
    assert "设备在执行前重新启动。 → 未执行任何操作：请重试。" in chinese
    assert "busy with a visitor" in english
    assert "The bolt did not follow. → Press the door shut" in english


def test_the_black_box_is_read_on_the_page(operator: TestClient, desk: Desk) -> None:
    event = struct.pack("<IHBB16s", 1_790_000_000, 7, 1, 3, b"safe")
    result = {"boot": 7, "cause": "power-on", "events": b64encode(event * 3).decode()}
    desk.reply(desk.ask("events"), "done", result=result)
    assert "Black box: 3 events, start 7: power on" in page(operator)
    assert "黑匣子：3 个事件，第 7 次启动：上电" in page(operator, "zh-CN")
    desk.reply(desk.ask("events"), "done", result={"events": "!!"})
    assert "The answer is no black box." in page(operator)


def test_a_self_test_names_the_parts(operator: TestClient, desk: Desk) -> None:
    broken = {"part": "scale0", "driver": "hx711", "ok": False, "code": "scale-silent", "detail": "no edge"}
    desk.reply(desk.ask("self-test"), "failed", "self-test-failed", result={"parts": [broken, 7], "tried": 9})
    text = page(operator)
    assert "Parts tried: 9" in text
    assert "scale0 ✗ The scale's converter gives no value. (no edge) → Check the converter's supply" in text


@pytest.mark.parametrize(
    ("revs", "in_force", "wanted"),
    [
        ((), None, "Nothing was set from afar"),
        ((), 0, "As provisioned"),
        ((1, 2), None, "Revision 2 is wished; the device has not said which one is in force."),
        ((1, 2), 1, "Revision 2 is wished, 1 is in force."),
        ((1, 2), 2, "Revision 2 is in force, as wished. set by wang"),
        ((1, 2), 5, "Revision 5 is in force; the newest that this gateway has set is 2."),
    ],
)
def test_settings_wished_and_in_force(
    operator: TestClient,
    desk: Desk,
    store: Store,
    revs: tuple[int, ...],
    in_force: int | None,
    wanted: str,
) -> None:
    for rev in revs:
        desk.desire(rev, wake_s=600 + rev, bay__2__full_pct=80, network__password="geheim")
    if in_force is not None:
        store.state(DEVICE, online=True, rev=in_force)
        until(lambda: wanted in page(operator), wanted)
    text = page(operator)
    assert wanted in text
    assert "geheim" not in text
    if revs:
        assert "What was set (3) Time from one look to the next 602 s" in text
        assert "(hidden)" in text
        assert "停止投放的满溢度 80 %" in page(operator, "zh-CN")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("settings-refused", "Revision 2 was refused by the device; 1 stays in force."),
        ("settings-rolled-back", "Revision 2 was tried and rolled back; 1 is in force."),
    ],
)
def test_settings_that_the_device_would_not_have(
    operator: TestClient, desk: Desk, store: Store, code: str, words: str
) -> None:
    desk.desire(2, wake_s=600)
    raised = {"t": now_ms(), "clock": "ntp", "kind": "fault", "part": "settings", "code": code}
    store.records(DEVICE, {**raised, "state": "raised", "detail": "rev 1: of yesterday"})
    store.state(DEVICE, online=True, rev=1)
    until(lambda: "Revision 2 is wished, 1 is in force." in page(operator), "it is another's fault")
    store.records(DEVICE, {**raised, "state": "raised", "detail": "rev 2: wrong"})
    until(lambda: words in page(operator), words)
    store.records(DEVICE, {**raised, "state": "cleared"})
    until(lambda: "Revision 2 is wished, 1 is in force." in page(operator), "cleared")


def test_only_the_newest_are_listed_and_only_the_devices_own(operator: TestClient, desk: Desk) -> None:
    for n in range(SHOWN + 2):
        desk.ask("unlock", bay=n)
    desk.ask("reboot", device="truck-01")
    text = page(operator)
    assert text.count("asked by li") == SHOWN
    assert f"bay={SHOWN + 1}" in text
    assert "bay=1 " not in text
    assert "huishou device commands bin-001" in text
    assert "reboot" not in text
    assert "reboot" in page(operator, device="truck-01")
    assert page(operator, device="bridge-1") == "", "a station takes none"


def test_an_unreadable_file_takes_nothing_else_from_the_page(
    operator: TestClient, config: Config, store: Store
) -> None:
    (config.store.path / FILE).write_bytes(b"x" * 8192)
    store.state(DEVICE, online=True, fw="9.9.9")
    until(lambda: caught_up(operator), "the projection catches up")
    answer = operator.get(f"/devices/{DEVICE}")
    assert answer.status_code == 200
    assert "Commands and settings cannot be read now." in answer.text
    until(lambda: "9.9.9" in operator.get(f"/devices/{DEVICE}").text, "the rest is there")


def test_looking_makes_no_file(operator: TestClient, config: Config) -> None:
    assert "No commands so far." in page(operator)
    assert not (config.store.path / FILE).exists()


def test_an_open_page_is_told_when_something_is_asked_and_answered(operator: TestClient, desk: Desk) -> None:
    with operator.websocket_connect(
        "ws://gateway.test/live", headers={"origin": "http://gateway.test"}
    ) as live:
        assert live.receive_json()["whole"]
        for act in (lambda: desk.ask("unlock", bay=1), desk.send, lambda: desk.desire(1, wake_s=600)):
            act()
            told = (live.receive_json()["devices"] for _ in range(10))  # a beat comes every 10 s at least
            assert [device["id"] for device in next(devices for devices in told if devices)] == [DEVICE]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    ),
    st.sampled_from(["events", "parts", "bay", "door", "x"]),
    st.sampled_from(["", "busy", "scale-silent", "?"]),
)
def test_whatever_a_device_answers_is_shown(value: Any, key: str, code: str) -> None:
    for lang in LANGUAGES:
        for state in Word:
            asked = Asked(
                "c1", DEVICE, "events", {}, "li", 1, 2, b"", 0, 1, 1, state, code, True, {key: value}, 3
            )
            (shown,) = asked_view([asked], None, None, lang)["commands"]
            texts = [shown["result"], shown["title"], *(line["text"] for line in shown["lines"])]
            assert all(c.isprintable() or c in "\n\t" for text in texts for c in text)


def test_every_state_command_and_code_has_words_in_both_languages() -> None:
    assert {f"command.{state}" for state in Word} == {key for key in MESSAGES if key.startswith("command.")}
    assert all(entry.en and entry.zh for entry in COMMANDS)
    assert all(row.en and row.zh and row.zh_do and row.en_do for row in COMMAND_CODES.values())
