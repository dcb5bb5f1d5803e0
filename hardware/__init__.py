"""Boards, parts, wiring and Modbus register maps, as data; pages and pictures are made from it.

Firmware, gateway and simulators all read these files; nothing here reads them back. No code but this loader.
"""

import tomllib
from fractions import Fraction
from importlib.resources import files
from typing import Any

_FUNCTIONS = {"holding": 3, "input": 4}


def load_board(name: str) -> dict[str, Any]:
    """Return `boards/<name>.toml` as plain data; one with a `base` is that board but for what it says itself
    and for the parts that it does `without`. A part that names a register map (`map`) carries what the
    firmware needs of it (`registers`). Raises FileNotFoundError for a name that is not there.
    """
    board = _load("boards", name)
    if "base" in board:
        base = load_board(board.pop("base"))
        kept = {name: part for name, part in base["parts"].items() if name not in board.get("without", ())}
        energy = _over(base.get("energy", {}), board.get("energy", {}))
        board = {**base, **board, "parts": {**kept, **board.get("parts", {})}, "energy": energy}
    for part in board["parts"].values():
        if "map" in part:
            part["registers"] = _registers(load_register_map(part["map"]))
    return board


def load_register_map(name: str) -> dict[str, Any]:
    """Return `modbus/<name>.toml` as plain data. Raises FileNotFoundError for a name that is not there."""
    return _load("modbus", name)


def _over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`base`, but for what `own` says, table by table."""
    both = {key: _over(base[key], own[key]) for key in base.keys() & own if isinstance(base[key], dict)}
    return {**base, **own, **both}


def _load(folder: str, name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / folder / f"{name}.toml").read_text(encoding="utf-8"))


def _registers(register_map: dict[str, Any]) -> dict[str, Any]:
    """A map as the firmware's driver of such a part reads it: of a solar controller, whose groups name their
    lengths (`firmware/edge/drivers/mppt.py`), or of a transmitter (`…/transmitter.py`).
    """
    if "lengths" in register_map["groups"]["live"]:
        return _controller(register_map)
    registers = register_map["groups"]["live"]["registers"]
    start = registers[0]["address"]
    place = {register["name"]: register["address"] - start for register in registers}
    ends = [place[r["name"]] + (2 if r["type"].endswith("32") else 1) for r in registers]
    return {
        "function": _FUNCTIONS[register_map["table"]],
        "address": start,
        "lengths": [end for end in ends if end > max(place["counts"] + 1, place["status"])],
        "counts": place["counts"],
        "status": place["status"],
        "bits": next(register["bits"] for register in registers if register["name"] == "status"),
    }


def _controller(register_map: dict[str, Any]) -> dict[str, Any]:
    groups, values = {}, {}
    for name, group in register_map["groups"].items():
        start = group["registers"][0]["address"]
        groups[name] = [_FUNCTIONS[register_map["table"]], start, group["lengths"]]
        for register in group["registers"]:
            kind, factor = register["type"], Fraction(str(register.get("factor", 1)))
            size = 2 if kind.endswith("32") else 1
            signed = not kind.startswith("u")
            place = register["address"] - start
            values[register["name"]] = [name, place, size, signed, factor.numerator, factor.denominator]
    return {"groups": groups, "values": values}
