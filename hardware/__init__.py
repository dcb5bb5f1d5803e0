"""Boards, parts, wiring and Modbus register maps, as data; pages and pictures are made from it.

Firmware, gateway and simulators all read these files; nothing here reads them back. No code but this loader.
"""

import tomllib
from importlib.resources import files
from typing import Any


def load_board(name: str) -> dict[str, Any]:
    """Return `boards/<name>.toml` as plain data. Raises FileNotFoundError for a name that is not there."""
    return tomllib.loads((files(__package__) / "boards" / f"{name}.toml").read_text(encoding="utf-8"))


def load_register_map(name: str) -> dict[str, Any]:
    """Return `modbus/<name>.toml` as plain data. Raises FileNotFoundError for a name that is not there."""
    return tomllib.loads((files(__package__) / "modbus" / f"{name}.toml").read_text(encoding="utf-8"))
