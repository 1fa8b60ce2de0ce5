"""Dataclasses of the core to plain JSON values and back, by their type hints and nothing else.

Enums travel as their values, flags as integers, tuples as lists. An unknown or missing field is
an error that names it: a journal is read exactly or not at all. Only a field that a later version
added (`firmware_interfaces.readings.ADDED`) may be missing, and is where it holds its default.
"""

import types
import typing
from dataclasses import fields, is_dataclass
from enum import Enum, IntFlag
from functools import cache
from typing import Any, Final, TypeVar

T = TypeVar("T")


class CodecError(ValueError):
    """A value that does not fit its type, with the path to it."""


_PLAIN: Final = frozenset({int, str, bool, type(None)})


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))


@cache
def _added(cls: Any) -> dict[str, Any]:
    """Fields that older records lack, with what was so before."""
    return {field.name: field.default for field in fields(cls) if field.metadata.get("added")}


def plain(value: Any) -> Any:
    """``value`` as dicts, lists, strings, integers, booleans and None."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, IntFlag):
        return int(value)
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        added = _added(type(value))
        return {
            name: plain(held)
            for name in _names(type(value))
            for held in (getattr(value, name),)
            if name not in added or held != added[name]
        }
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    raise CodecError(f"a {type(value).__name__} has no place in the core: {value!r}")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _dataclass(cls: type, value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise CodecError(f"{path}: expected an object for {cls.__name__}")
    hints = _hints(cls)
    differing = (set(value) ^ set(hints)) - (_added(cls).keys() - set(value))
    if differing:
        raise CodecError(f"{path}: fields differ from {cls.__name__}: {differing}")
    return cls(**{name: _value(hints[name], value[name], f"{path}.{name}") for name in value})


def _tuple(args: tuple[Any, ...], value: Any, path: str) -> Any:
    if not isinstance(value, list):
        raise CodecError(f"{path}: expected a list")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_value(args[0], item, f"{path}[]") for item in value)
    if len(args) != len(value):
        raise CodecError(f"{path}: expected {len(args)} items")
    return tuple(_value(arg, item, f"{path}[]") for arg, item in zip(args, value, strict=True))


def _member(hint: type[Enum], value: Any, path: str) -> Enum:
    try:
        member = hint(value)
    except ValueError as error:
        raise CodecError(f"{path}: {error}") from error
    # An enum also takes what merely equals a value: True for 1, and any number for a flag.
    spelt = plain(member)
    if type(value) is not type(spelt) or value != spelt:
        raise CodecError(f"{path}: {value!r} is not how {spelt!r} is written")
    return member


def _value(hint: Any, value: Any, path: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        (hint,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
        return _value(hint, value, path)
    if origin is tuple:
        return _tuple(typing.get_args(hint), value, path)
    hint = getattr(hint, "__supertype__", hint)
    if is_dataclass(hint):
        return _dataclass(typing.cast(type, hint), value, path)
    if issubclass(hint, Enum):
        return _member(hint, value, path)
    if type(value) is not hint:
        raise CodecError(f"{path}: expected {hint.__name__}, got {value!r}")
    return value


def revive(cls: type[T], value: Any) -> T:
    """An instance of ``cls`` from what `plain` made of one. Raises `CodecError` naming the path."""
    result: T = _value(cls, value, cls.__name__)
    return result
