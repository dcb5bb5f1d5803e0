"""TOML text into a typed msgspec struct, with every mistake found in one pass.

`msgspec.convert` stops at the first error and ignores unknown keys; an operator wants to see all that is
wrong at once, and a misspelt key must not silently leave a default in force. So tables are walked here, and
msgspec judges each value.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, get_args, get_origin

import msgspec
from msgspec import UNSET
from msgspec.structs import FieldInfo, fields

S = TypeVar("S", bound=msgspec.Struct)


class Problem(msgspec.Struct, frozen=True):
    """One mistake in a configuration: which key, what came, what was expected, what to do."""

    key: str
    got: str
    expected: str
    do: str

    def __str__(self) -> str:
        return f"{self.key}: got {self.got}, expected {self.expected}. {self.do}"


class ConfigError(Exception):
    """A configuration that must not be used. `problems` lists every mistake; `code` is stable."""

    code = "bad-config"

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{file}: {len(problems)} problem(s) [{self.code}]\n{lines}")


def read_struct(
    file: Path, struct: type[S], hints: dict[str, str] | None = None, text: str | None = None
) -> S:
    """Read `file` as a `struct`; `Path` fields are taken relative to the file's directory.

    `hints` maps a key path such as `mqtt.port` to a sentence that says what to do when it is wrong.
    `text`: what to read instead of the file's own. Raises ConfigError with all problems found.
    """
    try:
        table = tomllib.loads(file.read_text("utf-8") if text is None else text)
    except FileNotFoundError:
        raise ConfigError(
            file, [Problem("(file)", "nothing", "a TOML file", "Create it, or pass another with --config.")]
        ) from None
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(
            file,
            [Problem("(file)", str(err), "a readable UTF-8 file", "Check its permissions and encoding.")],
        ) from None
    except tomllib.TOMLDecodeError as err:
        problem = Problem("(syntax)", str(err), "TOML 1.0", "Correct the line; strings need quotes in TOML.")
        raise ConfigError(file, [problem]) from None
    reader = _Reader(file.absolute().parent, hints or {})
    value = reader.struct(table, struct, "")
    if reader.problems or value is None:
        raise ConfigError(file, reader.problems)
    return value


class _Reader:
    """Walks one document and collects problems; a part that has one comes back as None."""

    def __init__(self, base: Path, hints: dict[str, str]) -> None:
        self.base = base
        self.hints = hints
        self.problems: list[Problem] = []

    def struct(self, table: Any, struct: type[S], path: str) -> S | None:
        if not isinstance(table, dict):
            self._refuse(path, table, f"a table [{path}]")
            return None
        known = {field.encode_name: field for field in fields(struct)}
        before = len(self.problems)
        for key in table.keys() - known.keys():
            near = difflib.get_close_matches(key, known, n=1)
            do = f"Did you mean `{near[0]}`?" if near else f"Remove it; known here: {', '.join(known)}."
            self.problems.append(Problem(_join(path, key), "an unknown key", "a known key", do))
        values: dict[str, Any] = {}
        for key, field in known.items():
            if key in table:
                values[field.name] = self._value(table[key], field.type, _join(path, key))
            elif field.required:
                self.problems.append(
                    Problem(_join(path, key), "nothing", _type_name(field.type), self._hint(_join(path, key)))
                )
            elif _is_path(field.type):
                default = default_of(field)
                values[field.name] = None if default is None else self.base / default
            elif _is_struct(field.type):  # an absent table has defaults too, among them paths
                values[field.name] = self.struct({}, field.type, _join(path, key))
        if len(self.problems) > before:
            return None
        try:
            # Converting the built struct runs its `__post_init__` and so its rules over several fields.
            return struct(**values)
        except ValueError as err:
            self.problems.append(Problem(path or "(file)", "a contradiction", str(err), self._hint(path)))
            return None

    def _value(self, value: Any, kind: Any, path: str) -> Any:
        inner = _list_of_struct(kind)
        if inner is not None:
            if not isinstance(value, list):
                return self._refuse(path, value, f"an array of tables [[{path}]]")
            return [self.struct(item, inner, f"{path}[{index}]") for index, item in enumerate(value)]
        if _is_struct(kind):
            return self.struct(value, kind, path)
        if _is_path(kind):
            if not isinstance(value, str) or not value:
                return self._refuse(path, value, "a path in quotes")
            return self.base / value
        try:
            return msgspec.convert(value, kind, strict=True)
        except msgspec.ValidationError as err:
            return self._refuse(path, value, f"{_type_name(kind)} ({err})")

    def _refuse(self, path: str, value: Any, expected: str) -> None:
        self.problems.append(Problem(path, repr(value)[:80], expected, self._hint(path)))

    def _hint(self, path: str) -> str:
        return self.hints.get(path, "Correct it, or remove the key to use its default.")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def default_of(field: FieldInfo) -> Any:
    """A field's default value; None also for a field that has none."""
    if field.default_factory not in (UNSET, msgspec.NODEFAULT):
        return field.default_factory()
    return None if field.default in (UNSET, msgspec.NODEFAULT) else field.default


def _is_path(kind: Any) -> bool:
    return kind is Path or Path in get_args(kind)


def _is_struct(kind: Any) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, msgspec.Struct)


def _list_of_struct(kind: Any) -> type[msgspec.Struct] | None:
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        if _is_struct(inner):
            return inner
    return None


def _type_name(kind: Any) -> str:
    if hasattr(kind, "__metadata__"):  # Annotated[…]: the plain type says enough beside msgspec's own words
        kind = get_args(kind)[0]
    if isinstance(kind, type) and get_origin(kind) is None:
        return {"str": "text in quotes", "int": "a whole number", "bool": "true or false"}.get(
            kind.__name__, kind.__name__
        )
    return str(kind).replace("typing.", "")
