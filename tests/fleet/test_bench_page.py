"""Tables of docs/performance.md are written from results, each in its place."""

import pytest

from simulators.bench.load import Series
from simulators.bench.page import PAGE, PageError, fill, render
from simulators.bench.profile import by_function

BENCHES = ("intake", "devices", "latency", "flood", "profile")
WHERE = {"date": "2026-11-21", "cpu": "Some CPU", "cores": 2, "python": "3.11.7", "load_before": 0.1}


@pytest.mark.parametrize("bench", BENCHES)
def test_the_page_has_a_place_for_each_table(bench: str) -> None:
    assert "| written |" in fill(PAGE.read_text("utf-8"), bench, "| written |")


def test_a_table_replaces_the_former_one_and_nothing_else() -> None:
    page = "before\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nafter\n"
    once = fill(page, "x", "new \\1 text")
    assert once == "before\n<!-- bench:x -->\nnew \\1 text\n<!-- /bench:x -->\nafter\n"
    assert fill(once, "x", "new \\1 text") == once


def test_a_missing_place_is_said() -> None:
    with pytest.raises(PageError, match="bench:x"):
        fill("nothing here", "x", "table")


def test_every_figure_of_a_flood_stands_in_its_table() -> None:
    ack = {"p50_ms": 12.5, "p99_ms": 40}
    run = {"flood": "garbage", "flood_messages_per_s": 20_000, "freed_per_s": 900.4, "left": 0.95, "ack": ack}
    text = render({"bench": "flood", **WHERE, "runs": [run]})
    assert "| garbage | 20,000 | 900 | 95.0% | 12.5 | 40 |" in text
    assert "2026-11-21, 2 cores of an Some CPU" in text


def test_growth_is_a_slope_with_an_honest_error() -> None:
    flat = Series([float(s) for s in range(0, 600, 2)], [0.0] * 300, [100_000_000] * 300)
    assert flat.growth() == (0.0, 0.0)
    grows = Series(flat.at_s, flat.cpu_s, [100_000_000 + int(s * 1e6 / 3600 * 5) for s in flat.at_s])
    slope, error = grows.growth()
    assert slope == pytest.approx(5.0, abs=0.01)
    assert error < 0.01
    # Memory that wanders in long waves grows by chance as much as this: the error must admit it.
    waves = Series(flat.at_s, flat.cpu_s, [100_000_000 + (int(s) // 100 % 2) * 1_000_000 for s in flat.at_s])
    slope, error = waves.growth()
    assert abs(slope) < 2 * error


def test_a_look_counts_for_the_innermost_function_of_the_gateway() -> None:
    looks = by_function(
        "run (threading.py:9);commit (gateway/intake/committer.py:4);flush (gateway/journal/rows.py:7);"
        "executemany (sqlite3) 3\n"
        "<module> (gateway/cli/x.py:1);_find (importlib/_bootstrap.py:2) 2\n"
        "poll (selectors.py:3) 1\n"
    )
    assert looks == {
        ("gateway/journal/rows.py", "flush"): 3,
        ("(start)", "imports"): 2,
        ("(other)", "poll"): 1,
    }
