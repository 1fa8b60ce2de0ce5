"""Perturbed tables: every entry of every table has its rows, and none of them is believed."""

import argparse
import json
from dataclasses import replace
from decimal import Decimal
from enum import Enum
from fractions import Fraction

import pytest

from drivers import new_era_program
from firmware_interfaces import capintec, new_era
from simulators.bench import perturb, perturbed_new_era, perturbed_outcome
from simulators.bench.perturbation import FACTORS, Dialect, neighbours, remembered, scaled
from simulators.bench.perturbed_line import Interpreter, at_another_speed, resampled
from simulators.bench.perturbed_new_era import ADAPTER as NE1000
from simulators.bench.perturbed_outcome import HAZARD, INSIDE, NEVER_MET, REFUSED, TRIPPED
from simulators.bench.perturbed_report import document, lines
from simulators.bench.residual_hazards import HAZARDS, hazard_of
from simulators.bench.trial import Trial
from simulators.devices.new_era_commands import HANDLERS

BELIEVED_NOWHERE = {
    new_era.When: "when a pump takes a setting: the simulator has rules of its own",
    capintec.ErrorCode: "how an error reply is framed is not public: nothing tells one",
}
"""Enumerations of the vocabularies that stand on no wire."""


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    perturb.add_perturb(parser.add_subparsers())
    return parser.parse_args(["perturb", *arguments])


def entries(device):
    return {(row.table, row.entry) for row in perturb.ROWS.values() if row.device == device}


# --- every entry has a row ------------------------------------------------------------------------


@pytest.mark.requirement("C14")
@pytest.mark.parametrize("device", perturb.ADAPTERS)
def test_every_entry_of_every_table_has_a_row(device):
    tables = perturb.ADAPTERS[device].tables
    wanted = {(table, entry) for table, named in tables.items() for entry in named}
    assert entries(device) >= wanted


@pytest.mark.parametrize(("vocabulary", "device"), [(new_era, "ne1000"), (capintec, "crc55")])
def test_every_enumeration_of_a_vocabulary_is_perturbed_or_stands_on_no_wire(vocabulary, device):
    tables = [set(named) for named in perturb.ADAPTERS[device].tables.values()]
    for name, kind in vars(vocabulary).items():
        ours = isinstance(kind, type) and issubclass(kind, Enum)
        if ours and kind.__module__ == vocabulary.__name__ and kind not in BELIEVED_NOWHERE:
            spelt = [{member.value for member in kind}, {member.name for member in kind}]
            assert any(table in spelt for table in tables), name


def test_every_command_and_every_number_of_one_is_altered():
    assert {entry for table, entry in entries("ne1000") if table == "command"} == {
        name or "status" for name in new_era.COMMANDS
    }
    told = {
        name for name, row in new_era.COMMANDS.items() if any(c in "0123456789" for c in row.reply)
    }
    numbers = {entry for table, entry in entries("ne1000") if table == "number"}
    flags = {"PF", "AL", "LOC", "BUZ"}
    assert told - numbers - flags == {"DIS"}
    assert perturb.ADAPTERS["ne1000"].tables["counter"] == ("infused", "withdrawn")


def test_a_command_that_the_table_gains_has_rows_at_once(monkeypatch):
    row = replace(new_era.COMMANDS["RAT"], name="NEW")
    monkeypatch.setitem(new_era.COMMANDS, "NEW", row)
    names = {row.entry for row in (*perturbed_new_era._commands(), *perturbed_new_era._numbers())}
    assert "NEW" in names


def test_every_field_of_a_reading_is_altered():
    assert {entry for table, entry in entries("crc55") if table == "field"} == {
        "tag", "nuclide", "activity", "unit",
    }  # fmt: skip


def test_no_two_rows_have_one_name():
    rows = [row for adapter in perturb.ADAPTERS.values() for row in adapter.rows]
    assert len(rows) == len(perturb.ROWS)


@pytest.mark.requirement("C14")
def test_each_hazard_names_rows_that_there_are():
    assert all(any(hazard.names(name) for name in perturb.ROWS) for hazard in HAZARDS)
    assert hazard_of("ne1000:number:SAF:told:x10") is None


# --- how an entry is altered ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "factor", "shown"),
    [
        ("20.00", Fraction(10), "200.0"),
        ("116.7", Fraction(10), "1167."),
        ("116.7", Fraction(1, 60), "1.945"),
        ("0.974", Fraction(60), "58.44"),
        ("5", Fraction(1, 2), "2"),
        ("1639", Fraction(10), "16390"),
    ],
)
def test_a_number_is_scaled_as_a_display_shows_it(text, factor, shown):
    assert scaled(text, factor) == shown


@pytest.mark.parametrize("factor", FACTORS.values())
def test_what_was_meant_otherwise_is_told_as_it_was_set(factor):
    take, tell = remembered(factor)
    for text in ("116.7", "26.59", "0.974", "5"):
        assert tell(take(text)) == text


def test_what_was_never_set_is_told_by_the_factor():
    _, tell = remembered(Fraction(10))
    assert Decimal(tell("12.50")) == Decimal("1.25")


def test_neighbours_are_the_next_and_the_one_before():
    assert list(neighbours("ab")) == [("a", "next", "b"), ("b", "next", "a")]
    assert ("a", "previous", "c") in list(neighbours("abc"))
    assert list(neighbours("a")) == []


@pytest.mark.parametrize(
    ("text", "name"), [("RAT20.00MH", "RAT"), ("", ""), ("VOLML", "VOL"), ("PF0", "PF")]
)
def test_a_text_begins_with_its_command(text, name):
    assert perturbed_new_era.name_of(text) == name


def test_every_command_that_a_neighbour_is_taken_for_is_one_that_the_pump_has():
    own = {*HANDLERS, "RUN", "SAF", ""}
    assert set(new_era.COMMANDS) <= own
    assert "PUR" in own


@pytest.mark.parametrize("data", [b"", b"\x00", b"0RUN\r", bytes(range(256))])
def test_at_one_speed_a_line_carries_what_was_sent(data):
    assert resampled(data, 19200, 19200) == data


def test_at_another_speed_nothing_arrives_as_it_was_sent():
    for speed in (300, 1200, 2400, 9600, 38400):
        dialect = at_another_speed(19200, speed)
        assert b"RUN" not in dialect.hears(b"0RUN\r0STP\r0RUN\r")
        assert b"00S" not in dialect.says(b"\x0200S\x03")


class Parrot:
    """A firmware that answers every packet with the same reply."""

    baud = 19200
    bits_per_character = 10

    def __init__(self, reply):
        self.heard, self._reply = b"", reply

    def feed(self, data, now_ns):
        self.heard += data
        return self._reply

    def process(self, now_ns):
        return b""


def test_a_dialect_alters_what_is_heard_and_what_is_said():
    parrot = Parrot(b"\x0200S20.00MH\x03")
    dialect = Dialect(
        takes=lambda text: text.replace("RAT", "VOL"),
        tells=lambda asked, text: text.replace("MH", "MM") if asked == "RAT" else text,
    )
    pump = Interpreter(parrot, NE1000.grammar(), dialect)
    assert not pump.met
    assert pump.feed(b"0RAT\r", 0) == b"\x0200S20.00MM\x03"
    assert parrot.heard == b"0VOL\r"
    assert pump.met


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (b"0RAT\r", b"\x0200S20.00MH\x03"),
        (bytes.fromhex("020530365303"), bytes.fromhex("0207303053aaa603")),
    ],
)
def test_without_a_difference_every_byte_passes_unaltered(asked, told):
    parrot = Parrot(told)
    pump = Interpreter(parrot, NE1000.grammar(), Dialect())
    assert pump.feed(asked, 0) == told
    assert parrot.heard == asked
    assert not pump.met


# --- whole treatments --------------------------------------------------------------------------


SAMPLE = {
    "crc55:unit:MEGABECQUEREL:told:next": REFUSED,
    "crc55:factor:Cs137:told:used": REFUSED,
    "crc55:framing:checksum:told:+33": REFUSED,
    "ne1000:command:DIR:taken:without effect": REFUSED,
    "ne1000:number:RAT:told:/10": REFUSED,
    "ne1000:number:RAT:meant:x2": TRIPPED,
    "ne1000:volume_unit:ML:meant:/10": TRIPPED,
    "ne1000:prompt:I:told:next": TRIPPED,
    "ne1000:command:RUN:taken:as PUR": TRIPPED,
    "ne1000:baud:9600:meant:set to 9600": REFUSED,
    "ne1000:error:?NA:told:next": INSIDE,
    "ne1000:word:AL 1:meant:next": INSIDE,
    "ne1000:word:BUZ 1:taken:next": NEVER_MET,
    "ne1000:word:TRG SP:meant:next": HAZARD,
}


@pytest.mark.requirement("C14")
@pytest.mark.parametrize(("name", "outcome"), SAMPLE.items())
def test_a_sample_of_rows_is_believed_by_nobody(name, outcome):
    (found,) = perturb.perturb([name])
    assert (found.violations, found.outcome) == ((), outcome)
    assert found.cause or outcome in (INSIDE, NEVER_MET)


def test_a_pump_whose_status_query_purges_never_passes_the_self_test():
    (found,) = perturb.perturb(["ne1000:command:status:taken:as PUR"])
    assert found.violations == ()
    assert found.cause.startswith("self_test at ")


def test_another_pump_of_the_maker_is_refused():
    (found,) = perturb.perturb(["ne1000:number:VER:told:last digit dropped"])
    assert found.outcome == REFUSED
    assert "another device" in found.cause


def test_where_the_driver_does_not_read_back_a_violation_is_reported(monkeypatch, capsys):
    """The proof can fail: one check less, and the pump goes at the wrong rate."""
    monkeypatch.setattr(new_era_program.Expected, "check", lambda _self, _seen: None)
    monkeypatch.setattr("controller.core.device_events.mismatch", lambda _plan, _held: "")
    monkeypatch.setattr("controller.core.judge._evaluate", lambda _state, _limits: {})
    code = perturb.perturb_main(
        parsed("--only", "ne1000:number:RAT:taken:x2", "--results", "/dev/null", "--workers", "1")
    )
    assert code == 4
    assert "S2 at " in capsys.readouterr().out


def test_a_hazard_that_nobody_declared_is_a_violation(monkeypatch):
    monkeypatch.setattr(perturbed_outcome, "hazard_of", lambda _name: None)
    (found,) = perturb.perturb(["ne1000:word:TRG SP:meant:next"])
    assert [text[:2] for text in found.violations] == ["E "]


# --- told to people -------------------------------------------------------------------------------


def trial(name, outcome, cause="", violations=()):
    return Trial(name, outcome, cause, tuple(violations), (), 0.0, 1, 1.0, 0.1)


FOUND = [
    trial("ne1000:number:RAT:told:x10", REFUSED, "readback at 13.5 s: rate"),
    trial("ne1000:number:SAF:meant:x10", HAZARD, "S4 at 43.6 s: 50 s"),
    trial("ne1000:command:RUN:taken:as STP", TRIPPED, "a|b", ["S1 at 1.000 s: too much"]),
]


def test_the_document_has_every_row_and_every_hazard():
    text = document(FOUND)
    assert "3 rows, 1 violations." in text
    assert "| ne1000 | number RAT | told | x10 | refused | readback at 13.5 s: rate |" in text
    assert "| `ne1000:number:SAF:meant:x10` |" in text
    assert "**VIOLATION** tripped | S1 at 1.000 s: too much |" in text
    assert all(hazard.remedy in text for hazard in HAZARDS)


def test_what_was_broken_is_shown_with_the_command_that_shows_it_again():
    told = lines(FOUND)
    assert "violations 1 of 3 rows (SIMULATED)" in told
    assert "  isodrip-bench perturb --only 'ne1000:command:RUN:taken:as STP'" in told


def test_what_was_tried_is_not_tried_again(tmp_path, monkeypatch, capsys):
    tried = []

    def run(jobs, workers, heard, attempted):
        for name, case in jobs:
            tried.append((name, case.minutes))
            heard(trial(name, REFUSED))

    monkeypatch.setattr(perturb, "run_all", run)
    given = ["--only", "crc55:chamber:*", "--results", str(tmp_path / "found.jsonl")]
    written = tmp_path / "tables.md"
    assert perturb.perturb_main(parsed(*given, "--write", str(written))) == 0
    assert tried == [
        ("crc55:chamber:chamber:taken:+1", 1.0),
        ("crc55:chamber:chamber:told:+1", 1.0),
    ]
    assert perturb.perturb_main(parsed(*given, "--json")) == 0
    assert len(tried) == 2
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["rows"], found["violations"]) == (2, 0)
    assert found["outcomes"] == {"refused": 2}
    assert written.read_text("utf-8").startswith("# Perturbed tables")


def test_rows_are_listed_and_a_name_that_there_is_not_is_refused(capsys):
    assert perturb.perturb_main(parsed("--list")) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == list(perturb.ROWS)
    with pytest.raises(ValueError, match="no row is named 'sun:\\*'"):
        perturb.perturb_main(parsed("--only", "sun:*"))
