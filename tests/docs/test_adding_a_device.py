"""The page on adding a device speaks of files, names and commands that there are."""

import importlib
import re
from pathlib import Path

import pytest

from controller.core.alarms import CHANNELS
from controller.device_sections import KINDS
from firmware_interfaces.crc15 import CODES, CODES_BY_HOST, Unit, agreed_unit
from simulators.bench.cli import _parser
from simulators.bench.device_set import CALIBRATOR_KINDS, PUMP_KINDS, SITE_LINES
from simulators.devices.simulate import KINDS as SIMULATED

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "adding-a-device.md").read_text("utf-8")
LINKS = re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE)
MODULES = re.findall(r"`((?:drivers|simulators|controller)\.[\w.]+)`", PAGE)
COMMANDS = re.findall(r"^isodrip-bench (.+)$", PAGE, re.M)
UNIT_WORDS = {
    None: "undefined",
    Unit.MICROCURIE: "uCi",
    Unit.MILLICURIE: "mCi",
    Unit.CURIE: "Ci",
    Unit.MEGABECQUEREL: "MBq",
    Unit.GIGABECQUEREL: "GBq",
}


@pytest.mark.parametrize("link", LINKS)
def test_every_link_leads_to_a_file(link):
    assert (DOCS / link).is_file()


@pytest.mark.parametrize("name", MODULES)
def test_every_name_is_one_of_the_program(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, member = name.rpartition(".")
        assert hasattr(importlib.import_module(module), member)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_bench_is_one(command):
    assert _parser().parse_args(command.split()).command


def test_the_table_of_unit_codes_is_that_of_the_vocabulary():
    rows = re.findall(r"^\| (\d) \| (\w+) \| (\w+) \| (\w+) \|$", PAGE, re.M)
    assert rows == [
        (str(code), *(UNIT_WORDS[host.get(code)] for host in CODES_BY_HOST.values()), _taken(code))
        for code in CODES
    ]


def _taken(code):
    try:
        return UNIT_WORDS[agreed_unit(code)]
    except ValueError:
        return "refused"


def test_every_kind_has_all_of_its_rows():
    assert set(CHANNELS) == set(SITE_LINES) == set(SIMULATED) == KINDS
    assert set(PUMP_KINDS) | set(CALIBRATOR_KINDS) == KINDS
