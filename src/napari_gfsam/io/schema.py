"""Plain JSON values back to frozen dataclasses, with the name of the field that is wrong."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from typing import Any, Union, get_args, get_origin, get_type_hints


def build(cls: Any, data: Any, where: str = "") -> Any:
    """Build a dataclass from a dictionary, checking names and kinds.

    Parameters
    ----------
    cls
        A dataclass whose fields are plain values, `StrEnum` members, dataclasses, ``tuple[X, ...]``, mappings or
        unions of these.
    data
        What `dataclasses.asdict` gave, after a trip through JSON or not.
    where
        Name of the value, for messages.

    Raises
    ------
    ValueError
        If a name is missing or unknown, or a value is of the wrong kind.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{where or 'the whole'} is not a group of named values.")
    known = {field.name: field for field in fields(cls)}
    for name in data:
        if name not in known:
            raise ValueError(f"{_join(where, name)} is not a known name.")
    for name, field in known.items():
        if name not in data and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{_join(where, name)} is missing.")
    hints = get_type_hints(cls)
    return cls(**{name: _convert(hints[name], value, _join(where, name)) for name, value in data.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _convert_union(get_args(hint), value, where)
    if is_dataclass(hint):
        return build(hint, value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} is not a list.")
        return tuple(_convert(get_args(hint)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping:
        if not isinstance(value, dict):
            raise ValueError(f"{where} is not a group of named values.")
        return {key: _convert(get_args(hint)[1], item, _join(where, key)) for key, item in value.items()}
    return _plain(hint, value, where)


def _convert_union(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in hints:
        return None
    tried = [hint for hint in hints if hint is not type(None)]
    for hint in tried[:-1]:
        if get_origin(hint) is None and type(value) is hint:
            return value
    return _convert(tried[-1], value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    if hint is float and type(value) is int:
        return float(value)
    if issubclass(hint, StrEnum):
        return _member(hint, value, where)
    if type(value) is not hint:
        raise ValueError(f"{where} is {value!r}, not of the kind {hint.__name__}.")
    return value


def _member(hint: type[StrEnum], value: Any, where: str) -> StrEnum:
    try:
        return hint(value)
    except ValueError as error:
        raise ValueError(f"{where} is {value!r}, not one of {', '.join(hint)}.") from error


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
