"""Dataclasses of the core to plain JSON values and back, by their type hints and nothing else.

Enums travel as their values, flags as integers, tuples as lists. An unknown or missing field is
an error that names it: a journal is read exactly or not at all. Only a field that a later version
added (`firmware_interfaces.readings.ADDED`) may be missing, and is where it holds its default.
"""

import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum, IntFlag
from functools import cache, partial
from typing import Any, Final, TypeVar

T = TypeVar("T")


class CodecError(ValueError):
    """A value that does not fit its type, with the path to it."""

    def __init__(self, why: str, path: str = "") -> None:
        super().__init__(f"{path}: {why}" if path else why)
        self._why, self._path = why, path

    def within(self, place: str) -> "CodecError":
        """The same, seen from one step further out."""
        return CodecError(self._why, f"{place}{self._path}")


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


Reader = Callable[[Any], Any]
"""Takes a plain value and returns what it stands for; raises `CodecError` with the path below."""


@cache
def _readers(cls: type) -> dict[str, Reader]:
    return {name: _reader(hint) for name, hint in typing.get_type_hints(cls).items()}


@cache
def _reader(hint: Any) -> Reader:
    """How a value of ``hint`` is read: found once, since a journal holds a million of them."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        (held,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
        return partial(_optional, _reader(held))
    if origin is tuple:
        return _tuple_reader(typing.get_args(hint))
    hint = getattr(hint, "__supertype__", hint)
    if is_dataclass(hint):
        return partial(_dataclass, typing.cast(type, hint))
    return partial(_member if issubclass(hint, Enum) else _itself, hint)


def _tuple_reader(args: tuple[Any, ...]) -> Reader:
    if len(args) == 2 and args[1] is Ellipsis:
        return partial(_items, _reader(args[0]))
    return partial(_tuple, tuple(_reader(arg) for arg in args))


def _optional(reader: Reader, value: Any) -> Any:
    return None if value is None else reader(value)


def _dataclass(cls: type, value: Any) -> Any:
    if not isinstance(value, dict):
        raise CodecError(f"expected an object for {cls.__name__}")
    readers = _readers(cls)
    if value.keys() != readers.keys():
        differing = value.keys() ^ readers.keys()
        if differing - (_added(cls).keys() - value.keys()):
            raise CodecError(f"fields differ from {cls.__name__}: {differing}")
    held = {}
    for name, item in value.items():
        try:
            held[name] = readers[name](item)
        except CodecError as error:
            raise error.within(f".{name}") from error
    return cls(**held)


def _items(reader: Reader, value: Any) -> tuple[Any, ...]:
    return _tuple((reader,) * len(_listed(value)), value)


def _tuple(readers: tuple[Reader, ...], value: Any) -> tuple[Any, ...]:
    if len(_listed(value)) != len(readers):
        raise CodecError(f"expected {len(readers)} items")
    try:
        return tuple(reader(item) for reader, item in zip(readers, value, strict=True))
    except CodecError as error:
        raise error.within("[]") from error


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise CodecError("expected a list")
    return value


def _member(hint: type[Enum], value: Any) -> Enum:
    try:
        member = hint(value)
    except ValueError as error:
        raise CodecError(str(error)) from error
    # An enum also takes what merely equals a value: True for 1, and any number for a flag.
    spelt = plain(member)
    if type(value) is not type(spelt) or value != spelt:
        raise CodecError(f"{value!r} is not how {spelt!r} is written")
    return member


def _itself(hint: type, value: Any) -> Any:
    if type(value) is not hint:
        raise CodecError(f"expected {hint.__name__}, got {value!r}")
    return value


def revive(cls: type[T], value: Any) -> T:
    """An instance of ``cls`` from what `plain` made of one. Raises `CodecError` naming the path."""
    try:
        result: T = _reader(typing.cast(Any, cls))(value)
    except CodecError as error:
        raise error.within(cls.__name__) from error
    return result
