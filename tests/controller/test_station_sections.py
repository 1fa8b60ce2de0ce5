"""Stations in site.toml, and the keys by which they may be known."""

import hashlib
import json

import pytest

from controller.cli import main
from controller.config import ConfigError, load_site
from controller.core.place import Place
from controller.panel.desk import Knock
from controller.panel.whereabouts import ONLY, Whereabouts
from tests.controller.room import site_text

KEY = "k" * 43
DIGEST = hashlib.sha256(KEY.encode()).hexdigest()
LAB = '[[station]]\nname = "hot lab"\nplaces = ["hot_lab"]\naddress = ["192.0.2.10"]\n'
BED = f'[[station]]\nname = "room 7"\nplaces = ["bedside"]\nkey_sha256 = "{DIGEST}"\n'
BOTH = BED.replace('["bedside"]', '["hot_lab", "bedside"]')
EITHER = "must have either address or key_sha256: by one of them it is known"
DIGITS = "must be an address in digits: 192.0.2.10 or 2001:db8::10"


def site(stations: str = "", real: bool = False):
    text = site_text("/journals") + stations
    if real:
        text = text.replace("simulated = true", "simulated = false")
    return load_site(text)


def problems(stations: str, real: bool = False):
    with pytest.raises(ConfigError) as caught:
        site(stations, real)
    return [(one.field, one.value, one.rule) for one in caught.value.problems]


@pytest.mark.parametrize(
    ("stations", "found"),
    [
        (LAB, ("station.places", "(absent)", "must hold bedside at one station")),
        (BED, ("station.places", "(absent)", "must hold hot_lab at one station")),
        (LAB + BED.replace("room 7", "hot lab"), ("station.name", "'hot lab'", "must be unique")),
        (LAB + BED.replace(f'key_sha256 = "{DIGEST}"', 'address = ["::ffff:192.0.2.10"]'),
         ("station.address", "'192.0.2.10'", "must be unique")),
        (BOTH + BED.replace("room 7", "room 8"),
         ("station.key_sha256", f"'{DIGEST}'", "must be unique")),
        (BOTH + LAB.replace('address = ["192.0.2.10"]', ""), ("station", "'hot lab'", EITHER)),
        (BOTH + LAB + f'key_sha256 = "{"0" * 64}"\n', ("station", "'hot lab'", EITHER)),
        (BOTH + LAB.replace("192.0.2.10", "192.0.2.0/24"),
         ("station[1].address[0]", "'192.0.2.0/24'", DIGITS)),
        (BOTH + LAB.replace("192.0.2.10", "hotlab.ward"),
         ("station[1].address[0]", "'hotlab.ward'", DIGITS)),
    ],
)  # fmt: skip
def test_a_station_is_refused_by_field_value_and_rule(stations, found):
    assert problems(stations) == [found]


@pytest.mark.parametrize("places", ["[]", '["ward"]', '"hot_lab"'])
def test_a_place_is_the_hot_lab_or_the_bedside(places):
    field, _, _ = problems(BOTH + LAB.replace('["hot_lab"]', places))[0]
    assert field.startswith("station[1].places")


@pytest.mark.requirement("T2.14")
def test_a_real_site_says_which_machine_stands_where():
    rule = "is required where devices are real: which machine stands where"
    assert ("station", "(absent)", rule) in problems("", real=True)
    found = problems(LAB + "people = {pin_passes = 1}\n", real=True)
    assert "station" not in [field for field, _, _ in found]
    assert site().station == ()


@pytest.mark.parametrize(
    ("address", "key", "name"),
    [
        ("192.0.2.10", "", "hot lab"),
        ("::ffff:192.0.2.10", "", "hot lab"),
        ("192.0.2.11", "", None),
        ("", "", None),
        ("192.0.2.11", KEY, "room 7"),
        ("192.0.2.10", KEY, "room 7"),
        ("192.0.2.10", KEY[1:] + "x", "hot lab"),
        ("192.0.2.11", DIGEST, None),
    ],
)
def test_a_station_is_known_by_its_address_or_its_key(address, key, name):
    standing = Whereabouts(site(LAB + BED).station).of(Knock(place=address, key=key))
    assert (None if standing is None else standing.name) == name


def test_where_none_is_named_everybody_stands_in_both_places():
    standing = Whereabouts(site().station).of(Knock(place="192.0.2.10"))
    assert standing is ONLY
    assert standing.places == frozenset(Place)


def test_a_new_key_is_told_once_with_what_the_site_keeps_of_it(capsys):
    told = []
    for _ in range(2):
        assert main(["station", "key", "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0]["key"] != told[1]["key"]
    for one in told:
        assert hashlib.sha256(one["key"].encode()).hexdigest() == one["key_sha256"]
        known = Whereabouts(site(LAB + BED.replace(DIGEST, one["key_sha256"])).station)
        found = known.of(Knock(key=one["key"]))
        assert found is not None
        assert found.name == "room 7"
    assert main(["station", "key"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("key, typed once at the station: ")
    assert lines[1].startswith('for its section in site.toml: key_sha256 = "')


def test_the_check_of_a_site_says_which_stations_it_has(tmp_path, capsys):
    path = tmp_path / "site.toml"
    path.write_text(site_text(tmp_path) + LAB + BOTH)
    assert main(["check", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "station hot lab: hot lab" in lines
    assert "station room 7: hot lab and bedside" in lines
