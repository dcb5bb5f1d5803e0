"""Whether the gateway really takes data now: what `/readyz` answers. Pure.

Ready: intake lives and speaks, it is subscribed at its broker, and the journal takes what comes. The
writer is not needed for that: the journal keeps what a database cannot take yet.
"""

from msgspec import Struct

from gateway.alarms import Facts, conditions

# Conditions with which nothing can be taken in. They count at once, without their on-delay.
STOPPING = frozenset(
    {
        "intake-stalled",
        "broker-away",
        "broker-refused",
        "session-taken",
        "journal-full",
        "journal-io",
        "journal-locked",
        "journal-failed",
        "store-unreadable",
    }
)


class Readiness(Struct, frozen=True):
    """`checks`: each thing that is needed, and whether it is so; `reasons`: what is not, code and detail."""

    ready: bool
    checks: dict[str, bool]
    reasons: list[dict[str, str]]


def readiness(facts: Facts) -> Readiness:
    """From gateway.metrics.look."""
    intake = facts["processes"]["intake"]
    stopping = [one for one in conditions(facts) if one.code in STOPPING]
    codes = {one.code for one in stopping}
    checks = {
        "intake": bool(intake["up"]) and "intake-stalled" not in codes,
        "broker": _subscribed(facts) and not codes & {"broker-away", "broker-refused", "session-taken"},
        "journal": not any(code.startswith(("journal-", "store-")) for code in codes),
    }
    reasons = [{"code": one.code, "detail": one.detail} for one in stopping]
    if not intake["up"]:
        reasons.append({"code": "process-down", "detail": f"intake: {intake['state']}"})
    elif not checks["broker"] and not reasons:
        reasons.append({"code": "broker-away", "detail": f"not subscribed yet: {intake.get('state', '')}"})
    return Readiness(all(checks.values()), checks, reasons)


def _subscribed(facts: Facts) -> bool:
    intake = facts["processes"]["intake"]
    return bool(intake["up"]) and bool((intake.get("broker") or {}).get("subscribed"))
