"""docs/checks.md: made of the table, its limits, and `page.template` around them; and codes in words."""

from importlib import resources

import msgspec

from gateway.checks.limits import described
from gateway.checks.model import Check, Stage
from gateway.checks.table import CHECKS
from gateway.codes import CODES


def checks_page() -> str:
    """The whole page."""
    page = (resources.files("gateway.checks") / "page.template").read_text("utf-8")
    for stage in Stage:
        page = page.replace(
            f"{{{stage.value}}}\n", "".join(_row(rule) for rule in CHECKS if rule.stage is stage)
        )
    limits = (f"| `{name}` | {_plain(default)} | {why} |\n" for name, default, why in described())
    return page.replace("{limits}\n", "".join(limits)).replace("{next}", str(CHECKS[-1].number + 1))


def explain(code: str, lang: str = "en") -> tuple[str, str]:
    """What a code means and what to do about it; `lang`: en or zh."""
    words = CODES[code]
    return (words.zh, words.zh_do) if lang == "zh" else (words.en, words.en_do)


def _row(rule: Check) -> str:
    kinds = ", ".join(str(kind.__struct_config__.tag) for kind in rule.kinds) or "all"
    return f"| {rule.number} | `{rule.code}` | {kinds} | {rule.rule} | {rule.effect.value} |\n"


def _plain(default: object) -> str:
    return "none" if default is None else msgspec.json.encode(default).decode()
