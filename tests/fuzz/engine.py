"""One target under libFuzzer: `python -m tests.fuzz.engine GROUP TARGET [libFuzzer's options] CORPUS`.

Coverage comes from atheris, which instruments the gateway's and the firmware's Python as it is imported; what
is in C (msgspec, SQLite) it does not see, so inputs that are JSON are also mutated as JSON.
"""

import contextlib
import copy
import importlib
import json
import logging
import random
import sys
from collections.abc import Callable
from typing import Any

import atheris  # type: ignore[import-untyped]

from tests.fuzz.target import Target

_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**63, 2**64, -(2**63)),
    *(
        1.5,
        1e300,
        -0.0,
        "",
        "a",
        "ntp",
        "none",
        "back",
        "gnss",
        "reading",
        "deposit",
        "5eed0042",
        "津A·12345",
    ),
    *("\x00", "\\", "a b,c=d", "x" * 65, [], {}, [[]], {"seq": 1}),
)


def find(group: str, name: str) -> Target:
    """A target; imports, and so instruments, only its own group. Raises StopIteration: there is none."""
    targets: tuple[Target, ...] = importlib.import_module(f"tests.fuzz.targets.{group}").TARGETS
    return next(target for target in targets if target.name == name)


def mutate_json(data: bytes, dice: random.Random) -> bytes | None:
    """Other JSON, a few steps away; None: the bytes are no JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        value = _mutated(value, dice)
    separators = dice.choice(((",", ":"), (", ", ": ")))
    text = json.dumps(value, ensure_ascii=dice.random() < 0.5, separators=separators)
    return text.encode("utf-8", "surrogatepass")


def _mutated(value: Any, dice: random.Random) -> Any:
    """The value with one thing changed in it, somewhere."""
    if not isinstance(value, dict | list) or not value or dice.random() < 0.05:
        return copy.deepcopy(dice.choice(_VALUES))  # what is put in may be altered there
    where = dice.choice(list(value)) if isinstance(value, dict) else dice.randrange(len(value))
    step = dice.random()
    if step < 0.6:
        value[where] = _mutated(value[where], dice)
    elif step < 0.7:
        del value[where]
    elif step < 0.8 and isinstance(value, list):
        value.insert(where, json.loads(json.dumps(value[where])))
    elif step < 0.9:
        other = dice.choice(list(value)) if isinstance(value, dict) else dice.randrange(len(value))
        value[where], value[other] = value[other], value[where]
    elif isinstance(value, dict):
        value[dice.choice(("seq", "t", "kind", "extra", "recs", "first", str(where)))] = None
    return value


def _mutator(target: Target) -> Callable[[bytes, int, int], bytes]:
    def mutate(data: bytes, most: int, seed: int) -> bytes:
        dice = random.Random(seed)
        if dice.random() < 0.6:
            with contextlib.suppress(RecursionError, ValueError):
                other = mutate_json(data, dice)
                if other is not None and len(other) <= most:
                    return other
        return bytes(atheris.Mutate(data, most))

    return mutate


def main() -> None:
    logging.disable()
    with atheris.instrument_imports(include=["gateway", "edge"]):
        target = find(*sys.argv[1:3])
    arguments = [sys.argv[0], *sys.argv[3:], f"-max_len={target.max_bytes}", f"-timeout={target.timeout_s}"]
    custom = {"custom_mutator": _mutator(target)} if target.json else {}
    atheris.Setup(arguments, target.run, **custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
