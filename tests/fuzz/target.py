"""What a fuzz target is, and what all of them hold against the code: refusals have codes from our tables."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import schemas
from gateway.alarm_codes import ALARMS
from gateway.codes import CODES

# Beside the tables of reasons and of alarms: what configuration and devices files are refused with.
_OTHERS = frozenset({"bad-config", "bad-devices", "journal-failed"})


class Target(NamedTuple):
    """`run` takes any bytes and raises when an invariant is broken; `seeds` are good and bad starting points.

    `words`: what libFuzzer may put into inputs. `json`: inputs are JSON, and are mutated as such as well.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...] = ()
    json: bool = False
    max_bytes: int = 4096
    timeout_s: int = 5
    weight: int = 1  # its share of the time


class BrokenError(AssertionError):
    """An invariant does not hold."""


def require(holds: object, what: str, *facts: object) -> None:
    """Raise `BrokenError` unless it holds. (Not `assert`: a fuzz run must not depend on -O.)"""
    if not holds:
        raise BrokenError(f"{what}: {', '.join(map(repr, facts))}"[:2000])


def require_code(code: str) -> None:
    """A refusal's code must be one that people can look up."""
    require(code in CODES or code in ALARMS or code in _OTHERS, "a code that no table explains", code)


def examples(channel: str) -> list[bytes]:
    """The example messages of the contract on a channel such as `up/records`, good ones and bad ones."""
    index = schemas.example_index()
    found = [*index["good"], *index["bad"]]
    return [schemas.load_example(one["file"]) for one in found if one["topic"].endswith(channel)]
