"""The JSON schema (draft 2020-12) of a settings dataclass: editors complete keys with it and mark faults."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: dict[Any, str] = {int: "integer", float: "number", str: "string", bool: "boolean"}


def of(cls: type) -> dict[str, Any]:
    """The JSON schema, as an object, of a file that `schema.read_file(cls, ...)` reads: types, ranges, defaults,
    required keys.
    """
    return {"$schema": DRAFT, "title": f"{cls.__module__}.{cls.__name__}", **_table(cls)}


def _table(cls: type) -> dict[str, Any]:
    hints, fields = get_type_hints(cls), dataclasses.fields(cls)
    needed = [f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    properties = {each.name: _property(hints[each.name], each) for each in fields}
    table = {"type": "object", "properties": properties, "additionalProperties": False}
    return table | ({"required": needed} if needed else {})


def _property(hint: Any, field: "dataclasses.Field[Any]") -> dict[str, Any]:
    found = _type(hint, field.metadata)
    return found | ({"default": field.default} if isinstance(field.default, bool | int | float | str) else {})


def _type(hint: Any, limits: Mapping[str, Any]) -> dict[str, Any]:
    """What a value may be; limits: a number's range, for an array that of each item."""
    union = get_origin(hint) in (Union, types.UnionType)
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] if union else [hint]
    if len(kinds) > 1:
        return {"anyOf": [_type(kind, limits) for kind in kinds]}
    kind = kinds[0]
    if dataclasses.is_dataclass(kind):
        return _table(kind)  # type: ignore[arg-type]
    if get_origin(kind) is tuple:
        return {"type": "array", "items": _type(get_args(kind)[0], limits)}
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": _type(get_args(kind)[1], limits)}
    words = {"min": "minimum", "max": "maximum"} if kind in (int, float) else {}
    return {"type": _SCALARS[kind]} | {word: limits[end] for end, word in words.items() if end in limits}
