"""Later judgements (`huishou journal replay --apply`) reach the page: lists, sums, charts and states."""

import pytest
from starlette.testclient import TestClient

from gateway.config import Config
from gateway.journal import Judged, Outcome, SqliteJournal
from gateway.journal.model import Rejudged
from gateway.web.projection.store import StateReader
from tests.page.kit import LOG, Store, deposit, now_ms, until
from tests.page.test_page_projection import caught_up, content, projecting


def _judgement(config: Config, seq: int, outcome: Outcome, *codes: str) -> None:
    journal = SqliteJournal(config.store.path)
    journal.revise(now_ms(), [Rejudged("bin-001", LOG, Judged(seq, outcome, codes))], "rules 1, devices 2")
    journal.close()


def test_a_record_that_is_judged_anew_counts_from_then_on_and_no_more_when_taken_back(
    config: Config, store: Store
) -> None:
    store.records("bin-001", deposit(500), outcome=Outcome.QUARANTINED, codes=("unknown-device",))
    with projecting(config) as (projector, _):
        caught_up(projector, config)
        reader = StateReader(projector.file)
        (entry,) = reader.recent()
        assert (entry.outcome, reader.tallies(0).get("quarantined")) == ("quarantined", 1)
        assert "bin-001" not in reader.deposits_since(0)

        _judgement(config, entry.seq or 0, Outcome.FLAGGED, "clock-ahead")
        until(lambda: reader.recent()[0].outcome == "flagged", "the list says so")
        assert reader.recent()[0].codes == ("clock-ahead",)
        assert reader.deposits_since(0)["bin-001"] == (1, 500)
        until(lambda: bool(projector.states["bin-001"].deposits), "the state too")
        assert {k: v for k, v in reader.tallies(0).items() if v} == {"flagged": 1, "deposited_g": 500}

        _judgement(config, entry.seq or 0, Outcome.QUARANTINED, "session-twice")
        until(lambda: reader.recent()[0].outcome == "quarantined", "taken back")
        assert "bin-001" not in reader.deposits_since(0)
        assert {k: v for k, v in reader.tallies(0).items() if v} == {"quarantined": 1}
    first = content(projector.file)
    projector.file.unlink()
    with projecting(config) as (again, _):
        caught_up(again, config)
        until(lambda: StateReader(again.file).recent()[0].codes == ("session-twice",), "revisions too")
    assert content(again.file) == first


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "judged anew: accepted with doubts"), ("zh-CN", "重新判定：接收（有疑点）")]
)
def test_the_list_of_refusals_says_what_became_of_an_entry(
    operator: TestClient, config: Config, store: Store, lang: str, words: str
) -> None:
    store.records("bin-001", deposit(500), outcome=Outcome.QUARANTINED, codes=("unknown-device",))
    headers = {"accept-language": lang}
    assert words not in operator.get("/refused", headers=headers).text
    _judgement(config, 0, Outcome.FLAGGED, "clock-ahead")
    page = operator.get("/refused", headers=headers).text
    assert words in page
    assert 'class="reasons"' not in page, "no reason to choose from is left"
