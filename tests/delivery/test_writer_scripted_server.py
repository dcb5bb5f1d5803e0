"""The writer against a server that answers by a script: the status table, over real HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from gateway.journal import Judged, Outcome
from gateway.writer.store import read_progress, read_refused
from simulators.servers.ports import free_port

NOW = 1_763_715_600_000
Reply = tuple[int, dict[str, str], str]


def line(seq: int, more: str = "", t: int | None = None) -> str:
    time = (NOW + seq if t is None else t) * 1_000_000 + seq
    return f"reading,clock=ntp,device=bin-001,log=0000abcd,site=nankai,unit=bin seq={seq}i{more} {time}"


def script(*replies: Reply) -> Callable[[list[str]], Reply]:
    """These answers, then 204 for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if left else (204, {}, "")


def test_accepted_and_flagged_records_are_written_quarantined_ones_are_not(bench: Any, server: Any) -> None:
    judged = {
        2: Judged(2, Outcome.QUARANTINED, ("net-mismatch",)),
        3: Judged(3, Outcome.FLAGGED, ("clock-none",), t_ms=NOW + 99),
    }
    bench.journal_readings(1, 2, 3, judged=judged, temp_dc=215)
    bench.start()
    bench.wait("up to date")
    assert server.taken == [line(1, ",temp_dc=215i"), line(3, ",temp_dc=215i", t=NOW + 99)]
    assert server.tokens == ["Token s3"]
    assert "bucket=huishou" in server.queries[0]
    assert "precision=ns" in server.queries[0]
    assert read_progress(bench.config.store.path).lines == 2


def test_a_new_start_goes_on_where_the_last_one_was_answered(bench: Any, server: Any) -> None:
    bench.journal_readings(1, 2)
    bench.start()
    bench.wait("up to date")
    bench.stop()
    bench.journal_readings(3)
    bench.start()
    bench.wait("up to date")
    assert server.taken == [line(1), line(2), line(3)]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_gets_the_same_bytes_again(bench: Any, server: Any, status: int) -> None:
    server.answer = script((status, {"Retry-After": "0"}, "later"), (status, {"Retry-After": "0"}, "later"))
    bench.journal_readings(1, 2)
    bench.start()
    assert f"({status})" in bench.wait("waiting", times=2)
    bench.wait("up to date")
    assert len(server.bodies) == 3
    assert len(set(server.bodies)) == 1
    assert server.taken == [line(1), line(2)]


def test_a_missing_server_is_waited_for_and_caught_up_with(make_bench: Any, server: Any) -> None:
    missing = f"http://127.0.0.1:{free_port()}"
    bench = make_bench(missing, "s3")
    bench.journal_readings(1)
    bench.start()
    assert missing in bench.wait("waiting")
    bench.stop()
    assert read_progress(bench.config.store.path).cursor == 0


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_no_stops_the_writer_with_its_reason_until_it_is_repaired(
    bench: Any, server: Any, status: int
) -> None:
    server.answer = script(*[(status, {}, "token lacks rights")] * 3)
    bench.journal_readings(1)
    bench.start()
    assert "token lacks rights" in bench.wait("stopped", times=2)
    bench.token_file.write_text("repaired")
    bench.wait("up to date")
    assert server.taken == [line(1)]
    assert server.tokens[-1] == "Token repaired"
    assert read_progress(bench.config.store.path).refused == 0


def test_a_missing_token_is_said_and_nothing_is_sent(bench: Any, server: Any) -> None:
    bench.token_file.unlink()
    bench.journal_readings(1)
    bench.start()
    assert "no token" in bench.wait("stopped")
    assert server.bodies == []
    bench.token_file.write_text("late")
    bench.wait("up to date")
    assert server.taken == [line(1)]


def test_a_body_that_is_too_large_is_halved(bench: Any, server: Any) -> None:
    server.answer = lambda lines: (413, {}, "too large") if len(lines) > 3 else (204, {}, "")
    bench.journal_readings(*range(1, 11))
    bench.start()
    bench.wait("up to date")
    assert server.taken == [line(seq) for seq in range(1, 11)]


@pytest.mark.parametrize("status", [400, 422])
def test_only_the_guilty_line_goes_to_quarantine_with_the_servers_words(
    bench: Any, server: Any, status: int
) -> None:
    def answer(lines: list[str]) -> Reply:
        bad = any("seq=7i" in one for one in lines)
        return (status, {}, "field type conflict") if bad else (204, {}, "")

    server.answer = answer
    bench.journal_readings(*range(1, 11))
    bench.start()
    bench.wait("up to date")
    assert server.taken == [line(seq) for seq in range(1, 11) if seq != 7]
    (refused,) = read_refused(bench.config.store.path)
    assert (refused.device, refused.log, refused.seq, refused.status) == ("bin-001", "0000abcd", 7, status)
    assert "field type conflict" in refused.words
    assert refused.line.decode() == line(7)
    progress = read_progress(bench.config.store.path)
    assert (progress.lines, progress.refused) == (9, 1)


def test_a_server_that_refuses_every_line_alike_quarantines_none(bench: Any, server: Any) -> None:
    server.answer = lambda _: (400, {}, "no such precision")
    bench.journal_readings(1, 2, 3)
    bench.start()
    assert "no such precision" in bench.wait("stopped")
    bench.stop()
    progress = read_progress(bench.config.store.path)
    assert (progress.cursor, progress.refused) == (0, 0)


def test_a_backlog_is_written_in_order_in_batches(bench: Any, server: Any) -> None:
    for start in range(1, 1001, 10):
        bench.journal_readings(*range(start, start + 10))
    bench.start()
    bench.wait("up to date")
    assert server.taken == [line(seq) for seq in range(1, 1001)]
    assert len(server.bodies) == 10


def test_a_record_that_cannot_be_decoded_is_refused_and_stops_nothing(bench: Any, server: Any) -> None:
    bench.journal_readings(1)
    texts = [
        b'{"seq":2,"t":5,"kind":"reading"}',
        b'{"seq":3,"t":%d,"clock":"ntp","kind":"reading"}' % (NOW + 3),
    ]
    bench.journal_texts(2, texts)  # as another version may have accepted it
    bench.journal_readings(4)
    bench.start()
    bench.wait("up to date")
    assert server.taken == [line(1), line(3), line(4)]
    (refused,) = read_refused(bench.config.store.path)
    assert (refused.seq, refused.status, refused.line) == (2, 0, texts[0])
    assert "bad-record" in refused.words
    assert "line-refused" in bench.conditions()
