"""Logs: every event has a code and fields, in text and in JSON; what repeats is counted."""

import importlib
import io
import json
import logging
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gateway
from gateway import logs
from gateway.cli.tables import TABLES, filled
from gateway.logs import BURST, WINDOW_S, Event, JsonLines, LogConfig, Repeats, TextLines

_TEST = Event("test-event", "{sink} took {seconds:.1f} s", level=logging.WARNING, doc="Only in tests.")
_QUIET = Event("test-quiet", "nothing of note", doc="Only in tests.")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What a process of the name `intake` logs; logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    found = io.StringIO()
    logs._repeats._seen.clear()
    logs.set_up("intake", LogConfig(), found)
    yield found
    root.handlers[:] = handlers
    root.setLevel(level)
    logs._handler = None


def test_text_is_for_people(stream: io.StringIO) -> None:
    _TEST(sink="influxdb", seconds=3.21)
    _QUIET()
    first, second = stream.getvalue().splitlines()
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(stamp + r" intake WARNING influxdb took 3\.2 s \[test-event\]", first)
    assert re.fullmatch(stamp + r" intake INFO nothing of note", second)


def test_json_has_every_fact_as_a_field(stream: io.StringIO) -> None:
    logs.change(LogConfig(format="json"))
    _TEST(sink="influxdb", seconds=3.21, more=[1, 2], path=io)
    try:
        raise OSError("no space")  # noqa: TRY301
    except OSError as err:
        _QUIET(error=err)
    logging.getLogger("old").warning("kept as it was [bad-devices]: %s", "why")
    first, second, third = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["code"] == "test-event"
    assert first["level"] == "warning"
    assert first["process"] == "intake"
    assert (first["sink"], first["seconds"], first["more"]) == ("influxdb", 3.21, [1, 2])
    assert first["text"] == "influxdb took 3.2 s"
    assert "OSError: no space" in second["error"]
    assert (third["code"], third["text"]) == ("bad-devices", "kept as it was [bad-devices]: why")


@given(st.text(max_size=50), st.text(max_size=50))
def test_a_json_line_is_one_line_whatever_is_in_it(sink: str, more: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "{sink}", None, None)
    record.event, record.fields = _TEST, {"sink": sink, "more": more}
    line = JsonLines("web").format(record)
    assert "\n" not in line
    assert "\r" not in line
    assert json.loads(line)["more"] == more


def test_the_level_and_the_format_may_change_while_it_runs(stream: io.StringIO) -> None:
    logs.change(LogConfig(level="error"))
    _TEST(sink="a", seconds=1)
    assert stream.getvalue() == ""
    logs.change(LogConfig(level="debug", format="json"))
    _TEST(sink="b", seconds=1)
    assert json.loads(stream.getvalue())["sink"] == "b"


def record(text: str) -> logging.LogRecord:
    made = logging.LogRecord("x", logging.INFO, "x.py", 1, text, None, None)
    made.event = _QUIET
    return made


def test_what_repeats_is_said_some_times_and_then_counted() -> None:
    now_s = 0.0
    repeats = Repeats(lambda: now_s)
    passed = [repeats.filter(record("same")) for _ in range(BURST + 20)]
    assert passed == [True] * BURST + [False] * 20
    assert repeats.filter(record("other"))  # not held back with it
    assert repeats.due() == []
    now_s = WINDOW_S
    (summed,) = repeats.due()
    assert TextLines("web").format(summed).endswith("same (repeated 20 more times)")
    assert repeats.due() == []
    assert repeats.filter(record("same"))


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from("abc")), max_size=200))
def test_no_repeat_is_lost_from_the_count(said: list[tuple[int, str]]) -> None:
    now_s, counted = 0.0, 0
    repeats = Repeats(lambda: now_s)
    for pause_s, text in said:
        now_s += pause_s
        made = record(text)
        if repeats.filter(made):
            counted += 1 + int(getattr(made, "repeated", 0))
    now_s += WINDOW_S
    counted += sum(int(getattr(one, "repeated", 0)) for one in repeats.due())
    assert counted == len(said)


def test_different_texts_without_end_are_bounded() -> None:
    repeats = Repeats(lambda: 0.0)
    assert all(repeats.filter(record(f"text {n}")) for n in range(5 * logs.MAX_KEYS))
    assert len(repeats._seen) <= logs.MAX_KEYS


def test_one_code_means_one_thing() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        Event("test-event", "something else", doc="")
    with pytest.raises(ValueError, match="taken"):
        Event("test-other", "{time} passes", doc="")


def declared() -> dict[str, Event]:
    for module in pkgutil.walk_packages(gateway.__path__, "gateway."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {code: event for code, event in Event.declared.items() if not code.startswith("test-")}


def test_every_event_of_the_gateway_is_well_formed_and_explained() -> None:
    events = declared()
    assert len(events) > 25
    for code, event in events.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code), code
        assert event.doc.strip().endswith("."), code
        assert event.text.strip(), code


def test_the_page_of_alarms_and_codes_is_current() -> None:
    """`huishou config tables docs/alarms.md` makes it."""
    page = Path(gateway.__file__).parent.parent / "docs" / "alarms.md"
    text = page.read_text("utf-8")
    assert filled(text) == text
    assert text.count("<!-- table:") == len(TABLES)
