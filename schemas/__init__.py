"""The contract between devices and gateways: JSON Schema per message, an AsyncAPI document, examples.

This folder knows nothing of any program. What a schema says is what the gateway's types accept and what the
firmware sends; tests hold both to it. No code lives here but this loader.

Two rules go beyond what JSON Schema 2020-12 can say: an integer is written without fraction and exponent (1.0
is none), and in `up/records` a record that does not follow `record.json` is refused alone. Change a bound
here first, then in `gateway.contract_types`; `tests/contract` fails until both say the same.
"""

import json
from importlib.resources import files
from typing import Any

MESSAGES = ("up-records", "up-state", "up-replies", "down-ack", "down-commands", "down-desired")


def load(name: str) -> dict[str, Any]:
    """Return `<name>.json` as plain data: one of MESSAGES, `record` or `common`. Raises FileNotFoundError.

    `$ref`s between the files are relative to this folder.
    """
    schema: dict[str, Any] = json.loads((files(__package__) / f"{name}.json").read_bytes())
    return schema


def load_text(name: str) -> str:
    """Return a file of this folder as text, such as `asyncapi.yaml`. Raises FileNotFoundError."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def example_index() -> dict[str, list[dict[str, Any]]]:
    """The examples: `good` and `bad`, each with `file`, `topic`, `about`; bad ones also `code`, `record`."""
    index = json.loads(load_example("index.json"))
    return {"good": index["good"], "bad": index["bad"]}


def load_example(path: str) -> bytes:
    """Return the bytes of an example, as named in the index. Raises FileNotFoundError."""
    return (files(__package__) / "examples" / path).read_bytes()
