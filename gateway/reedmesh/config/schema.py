"""TOML into frozen dataclasses: the types of the fields are the schema; all faults of a file are reported together.

A field may be int, float, str, bool, another dataclass, `tuple[X, ...]` (an array), `dict[str, X]` (a table whose keys
the operator chooses), or a union of these; `X | None` with a default is a key that may be left out. A number's range
stands in the field's metadata: `field(default=5, metadata={"min": 1, "max": 60})`, for an array that of each item.
"""

import dataclasses
import sys
import tomllib
import types
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from reedmesh.config import places
from reedmesh.errors import ConfigError

T = TypeVar("T")
Table = Mapping[str, Any]
_SCALARS: dict[Any, str] = {int: "a whole number", float: "a number", str: 'text in "quotes"', bool: "true or false"}


def read_file(cls: type[T], path: Path) -> T:
    """`cls` from the UTF-8 TOML file at `path`.

    Raises ConfigError, with a line for each fault, also for a missing file or one that is not TOML.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors begin a file with a byte order mark
        table = tomllib.loads(text)
    except OSError as e:
        raise ConfigError(f"{path}: {e.strerror}") from e
    except ValueError as e:  # TOMLDecodeError, which tells line and column, or UnicodeDecodeError
        raise ConfigError(f"{path}: {places.twice(str(e), text) or f'not TOML: {e}'}") from e
    return read_dataclass(cls, table, path, lines=places.lines(text))


def read_dataclass(
    cls: type[T],
    table: Table,
    file: Path | str,
    prefix: str = "",
    lines: Mapping[str, int] = types.MappingProxyType({}),
) -> T:
    """`cls` from a parsed table, whose keys are called `prefix` ("" or "broker.") and their name.

    Raises ConfigError with a line `<file>: <fault>` for every unknown, missing, wrong-typed or out-of-range key;
    items of arrays are counted from 0. lines: where keys stand in the file, which a fault then tells.
    """
    reader = _Reader()
    value = reader.dataclass(cls, table, prefix)
    if reader.faults:
        raise ConfigError(
            "\n".join(f"{file}: {_one_line(fault)}{_place(fault, lines or {})}" for fault in reader.faults)
        )
    assert isinstance(value, cls)
    return value


def _place(fault: str, lines: Mapping[str, int]) -> str:
    line = places.of_fault(fault, lines)
    return f" (line {line})" if line else ""


class _Reader:
    """Walks types and values together. A value that cannot be had becomes None, and its fault is noted."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def dataclass(self, cls: type, table: Table, prefix: str) -> object:
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for key in table:
            if key not in fields:
                free = [name for name in fields if name not in table] or list(fields)
                nearest = get_close_matches(key, free, n=1, cutoff=0.0)[0]
                self.faults.append(f'unknown key "{prefix}{key}"; did you mean "{prefix}{nearest}"?')
        values, hints = {}, get_type_hints(cls)
        for name, field in fields.items():
            if name in table:
                values[name] = self.value(hints[name], table[name], prefix + name, field.metadata)
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                self.faults.append(f'missing key "{prefix}{name}", {_expected(hints[name])}')
        return None if self.faults else cls(**values)

    def value(self, hint: Any, value: Any, key: str, limits: Mapping[str, Any]) -> object:
        kind = next((member for member in _members(hint) if _is(member, value)), None)
        if kind is None:
            self.faults.append(f'"{key}" must be {_expected(hint)}, not {_shown(value)}')
            return None
        if dataclasses.is_dataclass(kind):
            return self.dataclass(kind, value, key + ".")  # type: ignore[arg-type]
        if get_origin(kind) is tuple:
            return tuple(self.value(get_args(kind)[0], item, f"{key}[{i}]", limits) for i, item in enumerate(value))
        if get_origin(kind) is dict:
            return {name: self.value(get_args(kind)[1], item, f"{key}.{name}", limits) for name, item in value.items()}
        if fault := _out_of_range(value, limits):
            self.faults.append(f'"{key}" must be {fault}, not {value}')
        return kind(value)


def _members(hint: Any) -> list[Any]:
    """The types that a field may have: those of a union, but None, which TOML cannot say."""
    union = get_origin(hint) in (Union, types.UnionType)
    return [member for member in get_args(hint) if member is not type(None)] if union else [hint]


def _is(kind: Any, value: object) -> bool:
    """Whether `value` has the TOML type of `kind`: true is no number, but a whole number is a number."""
    if dataclasses.is_dataclass(kind) or get_origin(kind) is dict:
        return isinstance(value, dict)
    if get_origin(kind) is tuple:
        return isinstance(value, list)
    if kind is float and isinstance(value, float | int):
        return type(value) is not bool and abs(value) <= sys.float_info.max
    return type(value) is kind


def _out_of_range(value: Any, limits: Mapping[str, Any]) -> str | None:
    """What a number should have been, if it is not."""
    if type(value) not in (int, float) or limits.get("min", value) <= value <= limits.get("max", value):
        return None
    bounds = [f"{word} {limits[end]}" for word, end in (("at least", "min"), ("at most", "max")) if end in limits]
    return " and ".join(bounds)


def _expected(hint: Any) -> str:
    return " or ".join(dict.fromkeys(_described(member) for member in _members(hint)))


def _described(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"an array, each item {_expected(get_args(kind)[0])}"
    return _SCALARS.get(kind, "a table")


def _one_line(text: str) -> str:
    """Keys and values may hold line ends and worse, quoted; a message stays one line that a terminal can show."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def _shown(value: object) -> str:
    """A value in a message: tables and arrays by their kind, for they can be long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:40]}"'
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "an array"
    return str(value)
