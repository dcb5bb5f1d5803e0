"""All targets, and the inputs that once broke one: kept in `corpus/<target>/`, replayed by the tests."""

import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.target import Target
from tests.fuzz.targets import GROUPS

CORPUS = Path(__file__).parent / "corpus"


def all_targets() -> list[Target]:
    """Every target of every group."""
    return [target for group in GROUPS for target in _targets(group)]


def group_of(target: Target) -> str:
    """The group that a target belongs to."""
    groups = (group for group in GROUPS if target in _targets(group))
    return next(groups)


def _targets(group: str) -> tuple[Target, ...]:
    targets: tuple[Target, ...] = importlib.import_module(f"tests.fuzz.targets.{group}").TARGETS
    return targets


def found(target: Target) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each input that once broke a target."""
    for file in sorted((CORPUS / target.name).glob("*")):
        yield file.name, file.read_bytes()
