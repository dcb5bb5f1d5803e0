"""docs/checks.md is what the table says."""

from pathlib import Path

from gateway.checks import CHECKS
from gateway.checks.limits import Limits, described
from gateway.checks.page import checks_page

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"


def test_the_page_about_checks_is_the_one_that_the_table_makes() -> None:
    assert PAGE.read_text("utf-8") == checks_page(), "run: huishou config checks > docs/checks.md"


def test_the_page_lists_every_rule_and_every_limit_and_nothing_is_left_to_fill_in() -> None:
    page = checks_page()
    for rule in CHECKS:
        assert f"| {rule.number} | `{rule.code}` |" in page
    assert {name for name, _, _ in described()} == set(Limits.__struct_fields__)
    assert not {"{decode}", "{record}", "{numbering}", "{limits}", "{next}"} & set(page.split())
