"""Killed at any record, refused any write: nothing that was promised is lost, and judges see it."""

import argparse
import json
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from controller.core.state import Pumped
from controller.journal_file import read
from controller.store import JOURNAL
from simulators.bench import crash, kept
from simulators.bench.evidence import Witness
from simulators.bench.failing_vfs import Operation
from simulators.bench.faults import AtRecord, AtWrite, fault, fault_as_dict, fault_from
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case
from simulators.bench.stops import drives
from simulators.bench.trial import Trial

S = 1_000_000_000
FEW = crash.Extent(2, tuple(Operation))


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    crash.add_crash(parser.add_subparsers())
    return parser.parse_args(["crash", *arguments])


def test_every_moment_is_broken_in_every_way_that_there_is():
    names = list(crash.names(FEW))
    assert len(names) == len(set(names))
    assert [name for name in names if name.startswith("handed")] == ["handed:0", "handed:1"]
    found = {way: [n for n in names if n.startswith(f"{way}:")] for way in crash.OPERATIONS}
    assert {way: len(those) for way, those in found.items()} == {
        "torn": 5, "full": 3, "io_error": 4, "short": 1, "locked": 1,
    }  # fmt: skip


def test_a_name_is_a_session():
    (killed,) = crash.case_of("handed:12").faults
    assert (killed.kind, killed.when) == ("killed", AtRecord(12, durable=False))
    slow, killed = crash.case_of("behind:2").faults
    assert (slow.kind, slow.when, killed.when) == ("slow", AtRecord(0), AtRecord(2, durable=False))
    first, second = crash.case_of("twice:30").faults
    assert (first.when, second.when) == (AtRecord(30), AtRecord(37))
    (refused,) = crash.case_of("short:8").faults
    assert (refused.when, refused.word("error")) == (AtWrite(8), "short")
    assert {crash.case_of(f"torn:{n}").people for n in range(1, 7)} == {"end", "resume"}


@pytest.mark.parametrize("name", ["durable", "durable:x", "sun:1", "io_error:0", "torn:-1"])
def test_a_name_that_cannot_be_is_refused(name):
    with pytest.raises(ValueError, match=r"is not way|must be"):
        crash.case_of(name)


def test_its_faults_go_through_toml_and_json():
    whens = (AtRecord(4, durable=False), AtWrite(9))
    for one in (fault("process", "killed", when, 1.0) for when in whens):
        assert fault_from(json.loads(json.dumps(fault_as_dict(one)))) == one
    with pytest.raises(ValueError, match="durable"):
        fault_from({"place": "process", "kind": "killed", "record": 1, "durable": "no"})


@pytest.fixture(scope="module")
def extent():
    return crash.extent()


def test_a_treatment_has_hundreds_of_records_and_writes(extent):
    assert extent.records > 200
    assert extent.operations.count(Operation.SYNC) > 200
    assert extent.operations.count(Operation.WRITE) > 500


@pytest.mark.requirement("P9", "S1", "S4")
@pytest.mark.parametrize("way", crash.WAYS)
def test_a_sample_of_each_way_breaks_nothing(extent, way):
    names = list(crash.names(extent, [way]))
    begin = 3 * list(crash.WAYS).index(way) + 1
    assert crash.crash(names[begin :: len(names) // 3], 1, None).broken == []


@pytest.mark.parametrize("name", ["twice:1", "twice:25", "torn:6", "full:7", "torn:-1"])
def test_before_a_session_while_it_boots_and_as_it_ends_nothing_breaks_either(extent, name):
    way, _, number = name.partition(":")
    last = len(extent.operations) - 5
    assert crash.crash([f"{way}:{last if number == '-1' else number}"], 1, None).broken == []


def test_what_was_tried_is_counted_and_said_how_to_repeat(tmp_path, monkeypatch, capsys):
    def run(jobs, workers, heard, attempted):
        assert attempted is crash.attempted
        for name, _case in jobs:
            broken = ("K1: lost",) if name == "torn:2" else ()
            heard(Trial(name, "complete", "none", broken, (), 0.0, 1, 1.0, 0.1))

    monkeypatch.setattr(crash, "run_all", run)
    monkeypatch.setattr(crash, "extent", lambda: FEW)
    results = str(tmp_path / "crash.jsonl")
    assert crash.crash_main(parsed("--results", results, "--way", "torn", "--json")) == 4
    told = json.loads(capsys.readouterr().out)
    assert (told["sessions"], told["violations"]) == (5, 1)
    assert told["broken"][0]["command"] == "isodrip-bench crash --only torn:2"
    assert crash.crash_main(parsed("--results", results, "--stride", "20")) == 0
    with pytest.raises(ValueError, match="at least 1"):
        crash.crash_main(parsed("--stride", "0"))


# --- the judges ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A treatment killed while its drug ran: its stage, its evidence and its journals."""
    witness = Witness()
    case = Case(1, 1.0, faults=(fault("process", "killed", AtRecord(120), 3.0),))
    told = rehearse(case, tmp_path_factory.mktemp("given"), witness.watching())
    return witness.stage, witness.testify(told)


def test_what_holds_is_found_to_hold(given):
    assert list(kept.not_kept(*given)) == []


def test_a_record_that_is_not_there_is_lost_and_so_is_another_in_its_place(given):
    stage, evidence = given
    session, site = sorted({path for path, *_ in stage.disk.kept}, key=lambda path: path.name)
    for path, number, found in (
        (session, 20_000, "1 records of .* are lost, the first is 20000"),
        (site, 10_000, "the first is 10000"),
        (site.with_name("gone.sqlite"), 0, "No such file"),
    ):
        more = [*stage.disk.kept, (path, number, "event", "{}")]
        told: Any = SimpleNamespace(directory=stage.directory, disk=SimpleNamespace(kept=more))
        (text,) = kept._lost(told)
        assert text.startswith("K1: ")
        assert re.search(found, text)
    assert evidence.rehearsal.boots == 2


def test_a_record_that_was_written_again_is_another(given):
    stage, _ = given
    path, number, kind, _body = stage.disk.kept[7]
    more = [*stage.disk.kept, (path, number, kind, '{"other": 1}')]
    told: Any = SimpleNamespace(directory=stage.directory, disk=SimpleNamespace(kept=more))
    assert list(kept._lost(told)) == [
        f"K1: record {number} of {path.name} was written twice and not the same"
    ]


def test_another_decision_is_found(given, monkeypatch):
    differing = SimpleNamespace(differences=[SimpleNamespace(seq=7)])
    monkeypatch.setattr(kept, "replay", lambda _records: differing)
    found = [text for text in kept.not_kept(*given) if text.startswith("K2")]
    assert found == ["K2: judged anew, record 7 decides otherwise"]


@pytest.mark.parametrize("more_nl", [-100_000.0, 700_000.0])
def test_an_interval_that_does_not_hold_the_truth_is_found(given, monkeypatch, more_nl):
    truth = kept._drug_nl
    monkeypatch.setattr(kept, "_drug_nl", lambda evidence, at: truth(evidence, at) + more_nl)
    (found,) = kept.not_kept(*given)
    assert found.startswith("K3: record ")
    assert "does not hold" in found


def test_a_volume_that_falls_is_found(given, monkeypatch):
    states = list(kept._states(list(read(_journal(given)))))
    record, last = states[-1]
    fallen = replace(last, drug=Pumped(last.drug.low_nl - 1, last.drug.high_nl))
    monkeypatch.setattr(kept, "_states", lambda _records: [*states, (record, fallen)])
    (found,) = kept.not_kept(*given)
    assert "pumped for drug fell" in found


def test_a_stop_that_is_late_after_a_failed_write_is_found(given):
    _, evidence = given
    drive = max(drives(evidence), key=lambda one: (one.stop_ns or 0) - one.run_ns)

    def found(failed_ns, boots=1):
        told: Any = SimpleNamespace(
            machine=SimpleNamespace(boots=boots), disk=SimpleNamespace(refused_ns=failed_ns)
        )
        return list(kept._went_on(told, evidence))

    assert any(text.startswith("K4: STOP was sent") for text in found([drive.run_ns + S]))
    assert any(text.startswith("K4: RUN was sent") for text in found([drive.run_ns - 1]))
    assert found([drive.run_ns + S], boots=2) == found([]) == []


def _journal(given):
    stage, evidence = given
    return stage.directory / evidence.rehearsal.session / JOURNAL
