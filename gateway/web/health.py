"""What an operator must know of the gateway itself: whether what the page shows is fed."""

from pathlib import Path
from typing import Any

from gateway.journal import JournalError
from gateway.metrics import snapshot
from gateway.web.i18n import translator
from gateway.web.projection.concerns import Level
from gateway.web.view import View

BEHIND_S = 120  # the writer catches up in seconds; longer means that its server is away

Facts = dict[str, Any]


def gateway_facts(store: Path, now_ms: int) -> Facts | None:
    """How the gateway is (gateway.metrics); None when the store cannot be read."""
    try:
        return snapshot(store, now_ms)
    except JournalError:
        return None


def warnings(facts: Facts | None, lang: str) -> list[View]:
    """What is to be told, the worst first: `level` as for devices, `text`."""
    t = translator(lang)
    if facts is None:
        return [{"level": int(Level.ALARM), "text": t("health.store")}]
    found: list[View] = []
    if not facts["processes"]["intake"]["up"]:
        found.append({"level": int(Level.ALARM), "text": t("health.intake")})
    if not facts["sum_ok"]:
        found.append({"level": int(Level.ALARM), "text": t("health.sum")})
    writer, behind_s = facts["processes"]["writer"], facts["writer"]["behind_s"]
    if not writer["up"] or behind_s > BEHIND_S:
        minutes = int(behind_s // 60)
        found.append({"level": int(Level.WARN), "text": t("health.writer", minutes=minutes)})
    return found
