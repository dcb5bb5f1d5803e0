"""What a reply means for a command, and when there is nothing more to wait for. Pure.

| state | it stands so | ended |
|---|---|---|
| `waiting` | not sent yet | no |
| `sent` | sent, nothing heard; or refused for a reason that may pass (MAYBE) | no |
| `accepted` | the device has it on flash | no |
| `done` `failed` `refused` | the device's word | yes |
| `expired` | it can no longer be begun, and was not | yes |
| `unknown` | nobody knows whether it was carried out | by the device's word only |

Without an answer a command is `expired` GRACE_MS after its expiry when it was never sent, else `unknown`. A
device answers a repeated command from its memory, so the truth may still come: then it replaces `unknown`.
"""

from enum import StrEnum

from msgspec import Struct

GRACE_MS = 60_000  # a device's clock may be off; a reply is on its way for a while
MAYBE = frozenset({"clock-unknown", "busy", "exp-too-far", "supply-low"})
"""Codes of a refusal of what was not begun and may yet be (docs/devices.md)."""
_UNKNOWN = frozenset({"interrupted", "forgotten"})
FIRST_MS, LONGEST_MS = 5_000, 300_000  # between two copies of a command while its device is there


class Word(StrEnum):
    """The states of a command."""

    WAITING = "waiting"
    SENT = "sent"
    ACCEPTED = "accepted"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


ENDED = frozenset({Word.DONE, Word.FAILED, Word.REFUSED, Word.EXPIRED})


class Standing(Struct, frozen=True):
    """How a command stands. `ended`: no reply changes it any more."""

    state: Word
    code: str = ""
    ended: bool = False


RESTORED = Standing(Word.UNKNOWN, "restored", ended=True)
"""Open in a backup that was restored: never sent again. A late word of the device may still replace it."""


def heard(now: Standing, state: str, code: str) -> Standing:
    """After a reply with this state and code."""
    if now.ended and now != RESTORED:
        return now
    if state == "accepted":
        return Standing(Word.ACCEPTED) if now.state is not Word.UNKNOWN else now
    if state == "refused" and code in MAYBE:
        return now if now.state is Word.UNKNOWN else Standing(now.state, code)
    if code in _UNKNOWN and state in ("failed", "refused"):
        return Standing(Word.UNKNOWN, code, ended=True)
    return Standing(Word(state), code, ended=True)


def overdue(now: Standing, exp_ms: int, now_ms: int) -> Standing:
    """As time passes without an answer."""
    if now.ended or now_ms <= exp_ms + GRACE_MS or now.state is Word.UNKNOWN:
        return now
    if now.state is Word.WAITING:
        return Standing(Word.EXPIRED, "never-sent", ended=True)
    return Standing(Word.UNKNOWN, now.code or "no-answer")


def pause_ms(copies: int) -> int:
    """From the copy of this number (1: the first) to the next, while the device is there."""
    return min(FIRST_MS << min(max(copies - 1, 0), 10), LONGEST_MS)
