"""The guide says what the program does: its actions, its hands, its words, its table of alarms."""

import json
import re
import runpy
from pathlib import Path

import pytest

from controller.panel.actions import BY_NAME
from simulators.bench.hands import VERBS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide.md").read_text("utf-8")
ACTS = re.findall(r"^ *act (\w+) (\w+)(?: (['\"].*))?$", GUIDE, re.M)
HANDS = re.findall(r"^hand (\w+)(.*)$", GUIDE, re.M)
INLINE = re.findall(r"`(?:act|hand) (\w+)", GUIDE)
WORDS = [" ".join(said.split()) for said in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", GUIDE)]
SENTENCES = [said for said in WORDS if len(said.split()) > 3]


def _fields(given):
    if not given:
        return {}
    plain = given[1:-1].replace('\\"', '"').replace("$(barrel)", "12.3")
    return json.loads("{" + plain + "}")


@pytest.mark.parametrize(("name", "who", "given"), ACTS)
def test_every_action_of_the_guide_is_one_with_this_body(name, who, given):
    body = {"action_id": "1", "session": "S", "operator": who, **_fields(given)}

    BY_NAME[name].body.model_validate_json(json.dumps(body))


def test_every_action_of_the_program_stands_in_the_guide():
    named = {name for name, *_ in ACTS} | set(INLINE)

    assert set(BY_NAME) - named == set()


@pytest.mark.parametrize(("verb", "given"), HANDS)
def test_every_hand_of_the_guide_is_a_verb_with_these_arguments(verb, given):
    assert tuple(pair.partition("=")[0] for pair in given.split()) == VERBS[verb][1]


@pytest.mark.parametrize("said", SENTENCES)
def test_words_in_italics_are_the_programs_own(said):
    rooms = ((ROOT / room).rglob("*.py") for room in ("controller", "drivers"))
    source = "".join(path.read_text("utf-8") for room in rooms for path in room)

    assert said.casefold() in " ".join(source.split()).casefold()


@pytest.mark.requirement("T3.23")
def test_the_table_of_alarms_is_made_from_the_programs_own():
    tool = runpy.run_path(str(ROOT / "tools" / "alarm_table.py"))

    assert tool["with_table"](GUIDE, tool["table"]()) == GUIDE


def test_a_guide_without_markers_is_refused():
    tool = runpy.run_path(str(ROOT / "tools" / "alarm_table.py"))

    with pytest.raises(ValueError, match="alarms:begin"):
        tool["with_table"]("no markers", "a table")


@pytest.mark.requirement("T3.21")
def test_the_table_names_what_no_device_here_can_see():
    hidden = runpy.run_path(str(ROOT / "tools" / "alarm_table.py"))["table"]().partition(
        "**Not observable here**"
    )[2]

    assert re.findall(r"`(\w+)`", hidden) == [
        "hose_rupture",
        "container_empty",
        "container_low",
        "pressure_high",
        "air",
        "door_or_clamp",
        "syringe_unseated",
        "battery_low",
        "site_rate",
        "area_rate",
    ]
