"""What a rule is given, what it says, and what a row of the table is. Pure."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from msgspec import Struct

from gateway.checks.limits import DEFAULTS, Limits
from gateway.checks.past import Past
from gateway.contract_types import RecordBase
from gateway.devices import Device
from gateway.journal.model import Outcome


class Stage(Enum):
    """Who finds it: the decoder, a rule of this package, or the journal from the numbering alone."""

    DECODE = "decode"
    RECORD = "record"
    NUMBERING = "numbering"


class Effect(Enum):
    """What becomes of the record.

    `RETIME`: flagged, and the time of arrival replaces its own. `REFUSE`: a whole message is quarantined.
    """

    FLAG = "flagged"
    RETIME = "flagged, takes the time of arrival"
    QUARANTINE = "quarantined"
    REFUSE = "message quarantined whole"


class Case(Struct, frozen=True, gc=False):
    """One record with what it is judged by.

    `past`: what the log said before, empty when nothing is known. `received_ms`: ms since 1970 UTC.
    """

    record: Any
    device: Device
    received_ms: int
    past: Past = Past()
    limits: Limits = DEFAULTS


class Verdict(Struct, frozen=True, gc=False):
    """What the checks say of a record. `t_ms`: the time given to it, None: its own stands."""

    outcome: Outcome = Outcome.ACCEPTED
    codes: tuple[str, ...] = ()
    detail: str = ""
    t_ms: int | None = None


Find = Callable[[Case], str | None]
"""A rule: what it found, in words with numbers, or None. Its docstring is its text in docs/checks.md."""


class Check(Struct, frozen=True):
    """A row of the table.

    `kinds`: which records it looks at; empty: all. `words`: what it finds, where no function of this
    package says it (`find` None: another stage finds it).
    """

    number: int
    code: str
    effect: Effect
    find: Find | None = None
    kinds: tuple[type[RecordBase], ...] = ()
    stage: Stage = Stage.RECORD
    words: str = ""

    @property
    def rule(self) -> str:
        """The rule in words, for the documentation."""
        return self.words or " ".join(((self.find and self.find.__doc__) or "").split())
