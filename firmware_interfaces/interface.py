"""What an interface control document says of a device: a form that each device's tables fill in.

Data only. The tables that driver, simulated firmware and tests use are the ones that stand here, so
the document cannot say anything else; how it looks is ``interface_document``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from firmware_interfaces.register import Register


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a device that is asked in words.

    ``text`` is what is sent, ``form`` the form of its parameters ("" for none), ``reply`` an
    example of the answer. ``energises`` says that something may move, ``writes`` that a setting may
    change.
    """

    text: str
    name: str
    meaning: str
    form: str
    when: str
    reply: str
    writes: bool
    energises: bool
    source: str


@dataclass(frozen=True, slots=True)
class Word:
    """One code of a table: what is on the wire, and its name here."""

    code: str | int
    name: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class CodeTable:
    """The codes that one place of an answer can hold."""

    name: str
    meaning: str
    words: tuple[Word, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A limit, a time or another number of the device, in the unit that the program counts in."""

    name: str
    value: int
    unit: str
    meaning: str
    source: str


@dataclass(frozen=True, slots=True)
class Interface:
    """All that is known of one kind of device and used.

    ``limits`` bound what may be asked, ``timing`` when. ``watchdog`` says what the device does when
    nobody speaks to it; ``observable`` and ``not_observable`` give each fact about the world and
    how the device shows it, or why it cannot. ``unconfirmed`` are facts no public source settles,
    ``rules`` what an answer must keep to be believed, ``site_toml`` how a site names the device.
    """

    kind: str
    title: str
    purpose: str
    link: str
    framing: str
    watchdog: str
    sources: tuple[str, ...]
    commands: tuple[Command, ...]
    registers: tuple[Register, ...]
    codes: tuple[CodeTable, ...]
    limits: tuple[Figure, ...]
    timing: tuple[Figure, ...]
    observable: Mapping[str, str]
    not_observable: Mapping[str, str]
    unconfirmed: tuple[str, ...]
    rules: tuple[str, ...] = ()
    site_toml: str = ""
    warning: str = ""


def words_of(members: Iterable[Enum]) -> tuple[Word, ...]:
    """The codes of an enumeration, in its order."""
    return tuple(Word(one.value, one.name, one.name.lower().replace("_", " ")) for one in members)
