"""The contract between devices and gateways: JSON Schema per message, an AsyncAPI document, examples.

This folder knows nothing of any program. What a schema says is what the gateway's types accept and what the
firmware sends; tests hold both to it. No code lives here but this loader.
"""

import json
from importlib.resources import files
from typing import Any

MESSAGES = ("up-records", "up-state", "up-replies", "down-ack", "down-commands", "down-desired")


def load(name: str) -> dict[str, Any]:
    """Return `<name>.json` as plain data: one of MESSAGES, `record` or `common`. Raises FileNotFoundError.

    `$ref`s between the files are relative to this folder.
    """
    schema: dict[str, Any] = json.loads((files(__package__) / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def load_example(path: str) -> bytes:
    """Return the bytes of an example, as named in `examples/index.json`. Raises FileNotFoundError."""
    return (files(__package__) / "examples" / path).read_bytes()
