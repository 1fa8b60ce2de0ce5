"""Fuzz targets of what people show, type and are kept as: badges, PINs, the file of people."""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from typing import Final

from controller.chain import Record, canonical, digest, line_of
from controller.clinic.people import BADGE, PIN, badge_rule, pin_rule
from controller.panel.api import Api
from controller.panel.desk import Knock
from controller.people_file import PeopleBroken, people_of
from simulators.bench.badges import BEARERS, bench_people
from simulators.bench.stations import HOT_LAB_KEY
from tests.fuzz.asked import knocking
from tests.fuzz.given import Choices, Form, json_form, text_of
from tests.fuzz.papers import NOW_NS

SHOWN: Final = json_form({"badge": BEARERS[1].badge})
KEY: Final = json_form({"key": HOT_LAB_KEY})
LEAVING: Final = json_form({"operator": BEARERS[1].id})


@cache
def _records() -> tuple[Record, ...]:
    return bench_people(NOW_NS).records


@cache
def _forms() -> tuple[Form, ...]:
    return tuple(json_form(one.body) for one in _records())


def people_file(data: bytes) -> None:
    """A file of people: what is taken is written back letter by letter, else it is refused."""
    choices = Choices(data)
    raw = choices.number() % 4 == 0
    text = text_of(choices.rest()) if raw else "".join(_lines(choices))
    try:
        found = people_of(text)
    except PeopleBroken as error:
        assert str(error).startswith("people: ")
        return
    assert found.text == text
    assert len(found.changes) == len(found.records) - 1


def _lines(choices: Choices) -> Iterator[str]:
    """Lines whose chain holds, with one body spoiled; or a line spoiled after it was chained."""
    spoilt, prev = choices.number() % len(_records()), _records()[0].prev
    for seq, record in enumerate(_records()):
        body = record.body
        if seq == spoilt:
            text = _forms()[seq].spoiled(choices)
            with suppress(ValueError, RecursionError):
                body = json.loads(text)
        try:
            facts = (seq, 0, record.utc_ns, record.kind, canonical(body))
            hashed = digest(facts, prev)
        except (ValueError, AttributeError):
            return
        yield line_of(Record(seq, 0, record.utc_ns, record.kind, body, prev, hashed)) + "\n"
        prev = hashed


def badges_and_pins(data: bytes) -> None:
    """What is shown and typed: of a rule's making, or refused; answers tell neither of them."""
    choices = Choices(data)
    word = text_of(choices.word())
    assert not badge_rule(word) or not BADGE.fullmatch(word)
    assert pin_rule(word) or PIN.fullmatch(word)
    api: Api = knocking().api
    knock = Knock(text_of(choices.word()), "10.0.0.1", word)
    raw = choices.number() % 4 == 0
    shown = choices.rest() if raw else SHOWN.spoiled(choices).encode(errors="replace")
    answer, token = api.come(shown, knock)
    assert answer.status in (200, 401, 403, 422, 429)
    assert bool(token) == (answer.status == 200)
    settled, key = api.settle(shown, knock)
    assert settled.status in (200, 401, 422)
    assert bool(key) == (settled.status == 200)
    left = api.go(shown if raw else LEAVING.spoiled(choices).encode(errors="replace"), knock)
    assert left.status in (200, 422)
    typed = choices.rest() if raw else KEY.spoiled(choices).encode(errors="replace")
    settled, key = api.settle(typed, knock)
    assert settled.status in (401, 422)
    assert not key
