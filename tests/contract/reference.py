"""The contract as an independent judge reads it: `json` and `jsonschema`, none of the gateway's code."""

import json
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import jsonschema
from hypothesis import strategies as st
from jsonschema.protocols import Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

import schemas

TEXT = st.text(st.characters(codec="utf-8"), max_size=70)
JSON_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**66), 2**66),
        st.sampled_from([0, 1, -1, 2**31, 2**32, 2**53, 2**63, 2**64, 1.0, -0.0, 1e3, 0.5, 1e300]),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXT,
        st.sampled_from(
            ["5eed0042", "5eed0042\n", "ntp", "reading", "a" * 32, "a" * 33, "津A·12345", "\x7f"]
        ),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["seq", "t", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


def parse(payload: bytes) -> Any:
    """Parse as the contract means JSON (I-JSON). Raises ValueError for whatever is not."""
    value = json.loads(
        payload.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_pairs
    )
    if _depth(value) > 32:
        raise ValueError("nested deeper than 32 levels")
    return value


def verdict(name: str, value: Any) -> bool:
    """Whether `value` follows the schema: a message's file, `record`, `record/<kind>`, or `envelope`.

    `envelope` is up-records without a word about what is in `recs`.
    """
    return bool(_validator(name).is_valid(value))


def inlined(schema: Any) -> Any:
    """The schema with every `$ref` replaced by what it points to (there are no cycles), for generators."""
    match schema:
        case {"$ref": str(ref), **rest}:
            file, pointer = ref.split("#") if "#" in ref else (ref, "")
            target: Any = schemas.load(file.removesuffix(".json") or "record")
            for part in pointer.strip("/").split("/") if pointer else []:
                target = target[part]
            return {**inlined(target), **inlined(rest)}
        case dict():
            return {
                k: inlined(v)
                for k, v in schema.items()
                if k not in ("$schema", "$defs", "description", "title")
            }
        case list():
            return [inlined(v) for v in schema]
        case _:
            return schema


def instances(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that follow an inlined schema of this project, with any mix of optional and unknown fields."""
    match schema:
        case {"const": value}:
            return st.just(value)
        case {"enum": values}:
            return st.sampled_from(values)
        case {"oneOf": options}:
            return st.one_of([instances(option) for option in options])
        case {"type": "object", "properties": properties, "required": required}:
            optional = sorted(set(properties) - set(required))
            return st.builds(
                lambda known, unknown: {**unknown, **known},
                st.fixed_dictionaries(
                    {name: instances(properties[name]) for name in required},
                    optional={name: instances(properties[name]) for name in optional},
                ),
                st.dictionaries(st.sampled_from(["new", "x y", "", "津"]), JSON_VALUES, max_size=2),
            )
        case {"type": "object"}:
            return st.dictionaries(TEXT, JSON_VALUES, max_size=3)
        case {"type": "array", "items": items, "maxItems": most, **rest}:
            return st.lists(instances(items), min_size=rest.get("minItems", 0), max_size=most)
        case {"type": "string", "pattern": pattern, "minLength": shortest, "maxLength": longest}:
            return st.from_regex(pattern).filter(lambda text: shortest <= len(text) <= longest)
        case {"type": "integer", "minimum": least, "maximum": most}:
            return st.integers(least, most)
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "null"}:
            return st.none()
    raise NotImplementedError(f"teach this generator about {schema}")


@cache
def _validator(name: str) -> Validator:
    # `$schema` is left out: jsonschema would take it as a reason to go back to its own reading of "integer".
    files = {n: schemas.load(n) for n in (*schemas.MESSAGES, "record", "common")}
    assert all(
        file.pop("$schema") == jsonschema.Draft202012Validator.META_SCHEMA["$id"] for file in files.values()
    )
    resources = [(f"{n}.json", DRAFT202012.create_resource(file)) for n, file in files.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    if name == "envelope":
        schema = schemas.load("up-records")
        del schema["$schema"], schema["properties"]["recs"]["items"]
    elif name.startswith("record/"):
        schema = {"$ref": f"record.json#/$defs/{name.removeprefix('record/')}"}
    else:
        schema = {"$ref": f"{name}.json"}
    # An integer is written as one: JSON Schema would take 1.0.
    integers = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, v: type(v) is int)
    extend: Callable[..., Callable[..., Validator]] = jsonschema.validators.extend
    return extend(jsonschema.Draft202012Validator, type_checker=integers)(schema, registry=registry)


def _depth(value: Any) -> int:
    if isinstance(value, dict | list):
        return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
    return 0


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is beyond a double's range")
    return number


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for key, value in pairs:
        for text in (key, value):
            if isinstance(text, str):
                text.encode()  # a lone surrogate raises UnicodeEncodeError, which is a ValueError
    return dict(pairs)
