"""The unit proof as the daemon meets it: whose it is, whether it holds, what it makes of a code."""

import json
import time
from datetime import UTC, datetime

import pytest

from controller.cli import main
from controller.config import ConfigError, load_site, read_site
from controller.devices import Lines, calibrator_of
from controller.people_file import write_people
from controller.service import setting_of
from controller.units_known import (
    NOT_ASKED,
    UnitsKnown,
    units_by,
    units_known_of,
    units_text,
)
from drivers.crc15 import Crc15
from firmware_interfaces.crc15 import Unit
from firmware_interfaces.units import Nanoseconds
from simulators.bench.unit_proving import bench_unit_proof
from tests.controller.room import PINS, people_of_room, site_text

SERIAL = 'kind = "crc15"\nserial = "15R-BENCH"'


def text_of(directory="j", lines=SERIAL, **changes):
    text = site_text(directory).replace('kind = "crc55"', lines)
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


STATION = """
[[station]]
name = "both"
places = ["hot_lab", "bedside"]
address = ["127.0.0.1"]
"""
SITE = load_site(text_of())
PROOF = bench_unit_proof(text_of(), datetime(2026, 3, 1, tzinfo=UTC))


def edited(**changes):
    return json.dumps({**json.loads(PROOF), **changes})


@pytest.mark.requirement("C8")
def test_a_proof_makes_its_codes_worth_what_it_proved():
    known = units_by(SITE, PROOF)
    assert known.units == {2: Unit.MICROCURIE, 3: Unit.MILLICURIE}
    assert known.seen.startswith("SHA-256 ")
    assert [known.unit_of(code) for code in (2, 3, 5, 6)] == [
        Unit.MICROCURIE, Unit.MILLICURIE, Unit.MEGABECQUEREL, Unit.GIGABECQUEREL,
    ]  # fmt: skip
    assert units_text(known).startswith(
        "calibrator: unit codes proven: 2 is microcurie, 3 is millicurie (SHA-256 "
    )


@pytest.mark.requirement("C8")
@pytest.mark.parametrize("code", [1, 4])
def test_a_code_that_it_did_not_prove_stays_ambiguous(code):
    with pytest.raises(ValueError, match=r"is ambiguous .*refused until.*; SHA-256 "):
        units_by(SITE, PROOF).unit_of(code)


@pytest.mark.requirement("C8")
@pytest.mark.parametrize(
    ("site", "proof", "why"),
    [
        (SITE, "{", "strict JSON"),
        (SITE, edited(passed=False), "must be what the rows say"),
        (SITE, edited(serial="15R-0007"), "it is of crc15 15R-0007, site.toml names crc15 15R-BEN"),
        (SITE, edited(simulated=False), "real proof, simulated site"),
        (load_site(text_of(true="false") + STATION), PROOF, "simulated proof, real s"),
        (load_site(text_of(lines='kind = "crc15"')), PROOF, r"site.toml names crc15 \(no serial\)"),
    ],
    ids=["no JSON", "altered", "another instrument", "real", "simulated", "no serial"],
)
def test_a_proof_that_does_not_hold_makes_no_code_worth_anything(site, proof, why):
    known = units_by(site, proof)
    assert known.units is None
    for code in (2, 3, 5, 6):
        with pytest.raises(ValueError, match=f"refused: the unit proof does not hold: .*{why}"):
            known.unit_of(code)
    assert "no reading will be taken" in units_text(known)


@pytest.mark.requirement("C8")
def test_an_instrument_that_failed_is_not_read_even_in_becquerels():
    told = json.loads(PROOF)
    row = told["rows"][0]
    row["measured"]["nuclide_shown"] = "I-131"
    row |= {
        "unit": None,
        "deviation_percent": None,
        "objection": "the instrument is set to I-131, the source is Cs-137",
    }
    known = units_by(SITE, json.dumps(told | {"passed": False}))
    assert known == UnitsKnown("the instrument failed it", None)


def test_without_a_proof_only_the_codes_count_that_all_hosts_read_alike(tmp_path):
    known = units_known_of(SITE)
    assert known.unit_of(5) is Unit.MEGABECQUEREL
    with pytest.raises(ValueError, match=r"names no calibrator.unit_proof: isodrip commission"):
        known.unit_of(3)
    path = tmp_path / "proof.json"
    named = load_site(text_of(lines=f'{SERIAL}\nunit_proof = "{path}"'))
    assert "cannot be read" in units_known_of(named).seen
    path.write_text(PROOF)
    assert units_known_of(named) == units_by(SITE, PROOF)


def test_record_0_says_which_proof_the_readings_rest_on():
    known = units_by(SITE, PROOF)
    assert setting_of(SITE, "{}", units=known).header["unit_proof"] == known.seen
    other = load_site(site_text("j"))
    assert units_known_of(other) is NOT_ASKED
    assert "unit_proof" not in setting_of(other, "{}").header


def test_the_driver_of_a_site_takes_its_units_from_the_proof():
    asked = []

    def open_(*line):
        asked.append(line)

    made = calibrator_of(
        SITE.calibrator, Lines(open_), lambda: Nanoseconds(0), units_by(SITE, PROOF)
    )
    assert isinstance(made, Crc15)
    assert asked == [(SITE.calibrator.port, 4800, "N")]
    assert made._unit_of(3) is Unit.MILLICURIE


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ('kind = "crc55"\nunit_proof = "x.json"', "calibrator.unit_proof"),
        ('kind = "crc15"\nbaud = 9600', "calibrator.baud"),
        ('kind = "crc15"\nchamber = 1', "calibrator.chamber"),
    ],
)
def test_a_key_that_would_do_nothing_is_refused(lines, field):
    with pytest.raises(ConfigError) as refused:
        load_site(text_of(lines=lines))
    assert [problem.field for problem in refused.value.problems] == [field]


def test_check_says_which_codes_are_proven(tmp_path, capsys):
    path = tmp_path / "site.toml"
    path.write_text(text_of(tmp_path))
    assert main(["check", str(path)]) == 0
    assert "unit codes proven: none (site.toml names no calibrator.unit_proof" in (
        capsys.readouterr().out
    )
    path.write_text(site_text(tmp_path))
    assert main(["check", str(path)]) == 0
    assert "unit codes" not in capsys.readouterr().out


@pytest.mark.requirement("C8")
def test_the_command_is_for_instruments_whose_codes_are_in_doubt(tmp_path, capsys):
    path = tmp_path / "site.toml"
    path.write_text(site_text(tmp_path))
    assert main(["commission", "calibrator", "--config", str(path), "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem["field"] == "calibrator.kind"


def test_an_older_proof_is_never_written_over(tmp_path, capsys):
    path, there = tmp_path / "site.toml", tmp_path / "there.json"
    path.write_text(text_of(tmp_path))
    there.write_text("older")
    options = ["--config", str(path), "--output", str(there)]
    assert main(["commission", "calibrator", *options]) == 2
    assert there.read_text() == "older"
    assert "must not be there yet" in capsys.readouterr().err


def test_an_instrument_that_is_not_there_is_missing(tmp_path, capsys, monkeypatch):
    path = tmp_path / "site.toml"
    path.write_text(text_of(tmp_path))
    people = read_site(path).people_path
    people.parent.mkdir(exist_ok=True)
    write_people(people, people_of_room(time.time_ns()))
    answers = iter(f"{said}\n" for who in ("ab", "cd") for said in (f"badge-{who}", PINS[who]))
    monkeypatch.setattr("sys.stdin.readline", lambda: next(answers))
    assert main(["commission", "calibrator", "--config", str(path), "--json"]) == 3
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["field"], problem["rule"]) == ("calibrator", "must answer")
    assert list((tmp_path / "commissioning").iterdir()) == []


@pytest.mark.requirement("I2")
@pytest.mark.parametrize(
    ("typed", "field", "rule"),
    [
        (("badge-xx",), "badge", "must be the badge of somebody of this site"),
        (("badge-adm",), "badge",
         "must be one of authorized_user, physicist, second_person, technician"),
        (("badge-ab", "999888"), "PIN of ab", "must be that person's PIN"),
        (("badge-ab", PINS["ab"], "badge-ab", PINS["ab"]), "second person",
         "must be another person"),
    ],
)  # fmt: skip
def test_whoever_commissions_is_recognised(tmp_path, capsys, monkeypatch, typed, field, rule):
    path = tmp_path / "site.toml"
    path.write_text(text_of(tmp_path))
    people = read_site(path).people_path
    write_people(people, people_of_room(time.time_ns()))
    answers = iter(f"{said}\n" for said in typed)
    monkeypatch.setattr("sys.stdin.readline", lambda: next(answers))
    assert main(["commission", "calibrator", "--config", str(path), "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["field"], problem["rule"]) == (field, rule)
    assert list((tmp_path / "commissioning").iterdir()) == []
