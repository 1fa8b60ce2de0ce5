"""``isodrip journal replay``: what it prints, for which files, and with which code it ends."""

import pytest

from controller.cli import main
from controller.journal_file import connect_sqlite, create_file, write_rows
from controller.replay import records_of
from tests.controller.golden_journals import KEPT, newest, release_of, rows, said, saved, seq_of


@pytest.fixture
def complete():
    return newest("complete")


def test_a_complete_treatment_ends_closed(capsys):
    path = max(KEPT.glob("*-complete.jsonl"), key=release_of)
    code, found, _ = said(capsys, path)
    (journal,) = found["journals"]
    assert (code, found["ok"], journal["verdict"]) == (0, True, "equal")
    assert (journal["boots"], journal["undecided"], journal["first"]) == (0, 0, None)
    assert journal["decisions"] == sum(r.kind == "decision" for r in records_of(path))
    end = journal["end"]
    assert (end["phase"], end["outcome"], end["run_open"]) == ("CLOSED", "complete", False)
    low_nl, high_nl = end["pumped_nl"]["drug"]
    assert low_nl == high_nl > 19_000_000
    assert end["head"] == records_of(path)[-1].hash


def test_a_crash_between_event_and_decision_is_no_difference(capsys):
    path = max(KEPT.glob("*-crashed.jsonl"), key=release_of)
    _, found, _ = said(capsys, path)
    (journal,) = found["journals"]
    assert (journal["verdict"], journal["boots"], journal["undecided"]) == ("equal", 1, 1)
    assert journal["refusals"] == 1
    assert (journal["end"]["phase"], journal["end"]["unbounded"]) == ("UNCERTAIN", True)
    low_nl, high_nl = journal["end"]["pumped_nl"]["drug"]
    assert low_nl < high_nl


def test_a_journal_and_its_export_give_the_same(capsys, tmp_path, complete):
    connection = create_file(tmp_path / "journal.sqlite", connect_sqlite, "OFF")
    write_rows(connection, rows(complete))
    connection.close()
    export = saved(tmp_path / "export", complete)
    code, found, _ = said(capsys, tmp_path / "journal.sqlite", export)
    journal, exported = ({**one, "file": ""} for one in found["journals"])
    assert (code, journal["verdict"], journal) == (0, "equal", exported)


@pytest.mark.parametrize("told", [7, None, "Stop", [7]])
def test_commands_that_are_none_are_a_difference_too(capsys, tmp_path, complete, told):
    decision = seq_of(complete, phase="INFUSING")
    kind, body, *stamps = complete[decision]
    complete[decision] = (kind, {**body, "commands": told}, *stamps)
    code, found, _ = said(capsys, saved(tmp_path / "j", complete))
    assert (code, found["journals"][0]["verdict"]) == (1, "different")


def test_an_altered_command_is_reported_at_its_event(capsys, tmp_path, complete):
    decision = seq_of(complete, phase="INFUSING")
    kind, body, *stamps = complete[decision]
    stop = {"type": "Stop", "epoch": 99, "reason": "nobody knows"}
    complete[decision] = (kind, {**body, "commands": [stop]}, *stamps)
    code, found, _ = said(capsys, saved(tmp_path / "j", complete))
    (journal,) = found["journals"]
    assert (code, found["ok"], journal["verdict"], journal["differences"]) == (
        1,
        False,
        "different",
        1,
    )
    assert journal["first"] == {
        "seq": decision - 1,
        "event": "StartConfirmed",
        "phase": "ARMED",
        "recorded": {**body, "commands": [stop]},
        "replayed": body,
        "error": "",
    }


# --- what people read ---------------------------------------------------------------------------


def test_people_read_where_and_what(capsys, tmp_path, complete):
    decision = seq_of(complete, phase="INFUSING")
    del complete[decision:]
    complete.append(("decision", {"event": decision - 1, "phase": "HELD", "commands": []}, 0, 0))
    path = saved(tmp_path / "j", complete)
    assert main(["journal", "replay", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    where = f"event {decision - 1}, StartConfirmed in ARMED"
    assert lines[0] == f"{path}: decided otherwise first at {where} (1 in all)"
    assert lines[1] == f"  recorded: HELD; no command (on event {decision - 1})"
    assert lines[2].startswith('  replayed: INFUSING; {"epoch":')
    assert lines[4].startswith("  ends in INFUSING; drug pumped 0.000 .. 0.000 mL by the last")
    assert lines[5] == f"  head {records_of(path)[-1].hash}"


def test_people_read_which_limits_came_and_went(capsys, tmp_path, complete):
    kind, header, *stamps = complete[0]
    limits = {**header["limits"], "moon_phase": 3}
    del limits["barrel_nl"]
    complete[0] = (kind, {**header, "limits": limits}, *stamps)
    assert main(["journal", "replay", str(saved(tmp_path / "j", complete))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  limits taken at their default: barrel_nl" in lines
    assert "  limits that are none any more: moon_phase" in lines


# --- files that cannot be replayed --------------------------------------------------------------


def test_a_line_that_was_altered_breaks_the_chain(capsys, tmp_path, complete):
    seq = seq_of(complete, type="StartConfirmed")
    lines = saved(tmp_path / "j", complete).read_text().splitlines()
    lines[seq] = lines[seq].replace('"who":"ab"', '"who":"cd"')
    (tmp_path / "j").write_text("\n".join(lines) + "\n")
    code, found, stderr = said(capsys, tmp_path / "j")
    (journal,) = found["journals"]
    assert (code, journal["verdict"], journal["broken_seq"]) == (2, "unreadable", seq)
    assert journal["reason"] == f"record {seq}: was altered: its hash differs"
    assert stderr == f"isodrip: {tmp_path / 'j'}: {journal['reason']}\n"


def test_a_line_that_is_missing_breaks_the_chain(capsys, tmp_path, complete):
    lines = saved(tmp_path / "j", complete).read_text().splitlines()
    (tmp_path / "j").write_text("\n".join(lines[:5] + lines[6:]))
    code, found, _ = said(capsys, tmp_path / "j")
    assert (code, found["journals"][0]["reason"]) == (2, "record 5: missing: the next record is 6")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "record 0: missing: the journal has no header"),
        (b"SQLite format 3\0 but no more", "record 0: cannot be read: "),
        (b"\xff\xfe", "record 0: is no line of a journal: "),
        (b"{}\n", "record 0: is no line of a journal: its fields are not a record's"),
        (b"[]\n", "record 0: is no line of a journal: its fields are not a record's"),
        (
            (
                b'{"seq":0,"mono_ns":0,"utc_ns":0,"kind":"header",'
                b'"body":{"a":0.5},"prev":"","hash":""}'
            ),
            "record 0: is no line of a journal: body.a = 0.5: floats are refused",
        ),
    ],
)
def test_a_file_that_is_no_journal_is_refused(capsys, tmp_path, content, reason):
    (tmp_path / "j").write_bytes(content)
    code, found, _ = said(capsys, tmp_path / "j")
    assert code == 2
    assert found["journals"][0]["reason"].startswith(reason)


def test_an_export_stands_in_its_canonical_form(capsys, tmp_path, complete):
    text = saved(tmp_path / "j", complete[:3]).read_text()
    (tmp_path / "j").write_text(text.replace('{"body":', '{ "body":', 1))
    code, found, _ = said(capsys, tmp_path / "j")
    assert (code, found["journals"][0]["reason"]) == (
        2,
        "record 0: is not in its canonical form",
    )


def test_the_site_s_journal_is_no_treatment(capsys, tmp_path):
    code, found, _ = said(capsys, saved(tmp_path / "j", [("header", {"site": "here"}, 0, 0)]))
    assert (code, found["journals"][0]["reason"]) == (2, "must be the journal of a treatment")


def test_many_files_are_all_told_and_the_worst_counts(capsys, tmp_path, complete):
    good = saved(tmp_path / "good", complete)
    del complete[seq_of(complete, phase="INFUSING")]
    other = saved(tmp_path / "other", complete)
    code, found, _ = said(capsys, other, good)
    assert (code, [one["verdict"] for one in found["journals"]]) == (1, ["different", "equal"])
    code, found, stderr = said(capsys, good, tmp_path / "none", tmp_path, other)
    told = [one["verdict"] for one in found["journals"]]
    assert (code, told) == (2, ["equal", "unreadable", "unreadable", "different"])
    assert "must be readable: No such file or directory" in stderr


def test_no_file_is_wrong_use(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["journal", "replay"])
    assert ended.value.code == 2
    capsys.readouterr()
