"""Journals judged anew: those of every release, and some in which one thing is not as it was."""

import re

import pytest

from controller.core.limits import limits_as_dict, limits_from
from controller.core.step import step
from controller.records import NoRecord, record_of_journal
from controller.replay import NotReplayable, records_of, replay
from controller.sessions import fold_state, judged, limits_of
from tests.controller.golden_journals import KEPT, chained, newest, seq_of

GOLDEN = sorted(KEPT.glob("*.jsonl"))
BYTES_MAX = 300_000


def first_difference(facts):
    """The first turn of a replay that is decided otherwise."""
    return replay(chained(facts)).differences[0]


@pytest.fixture
def complete():
    return newest("complete")


@pytest.fixture
def crashed():
    return newest("crashed")


# --- what was kept ------------------------------------------------------------------------------


@pytest.mark.requirement("C6")
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_golden_journal_is_decided_as_it_was(path):
    records = records_of(path)
    found = replay(records)
    assert [(t.seq, t.event, t.recorded, t.replayed, t.error) for t in found.differences] == []
    limits = limits_of(records[0].body, limits_from({}))
    assert found.state == fold_state(found.session, records, limits)
    assert path.name.startswith(f"{found.release}-")
    assert path.stat().st_size < BYTES_MAX


def test_the_readme_names_every_golden_journal():
    named = re.findall(r"^\| `(.+?\.jsonl)` \| (.+?) \|", (KEPT / "README.md").read_text(), re.M)
    assert sorted(named) == [(path.name, path.name.split("-")[0]) for path in GOLDEN]
    assert {path.stem.split("-")[1] for path in GOLDEN} >= {"complete", "occluded", "crashed"}


def test_stamps_are_rebased_by_a_boot(crashed):
    boot = seq_of(crashed, type="Booted")
    before, after = crashed[boot - 1][1]["mono_ns"], crashed[boot][1]["mono_ns"]
    assert after > before
    facts = [*crashed]
    facts[boot] = ("event", {**crashed[boot][1], "mono_ns": before - 1}, *crashed[boot][2:])
    assert first_difference(facts).seq >= boot


@pytest.mark.parametrize("length", [1, 2, 60, 120])
def test_any_prefix_is_decided_as_it_was(complete, length):
    assert replay(chained(complete[:length])).differences == ()


def test_a_journal_that_ends_before_a_decision(complete):
    decision = seq_of(complete, phase="INFUSING")
    found = replay(chained(complete[:decision]))
    assert found.differences == ()
    assert [turn.seq for turn in found.turns if turn.undecided] == [decision - 1]
    assert found.state.run is not None
    assert found.state.run.live


# --- what is not as it was ----------------------------------------------------------------------


def test_an_altered_phase_is_reported(complete):
    decision = seq_of(complete, phase="INFUSING")
    kind, body, *stamps = complete[decision]
    complete[decision] = (kind, {**body, "phase": "HELD"}, *stamps)
    assert first_difference(complete).seq == decision - 1


def test_a_number_is_not_a_truth_value(complete):
    decision = next(
        seq
        for seq, (kind, body, *_) in enumerate(complete)
        if kind == "decision" and any(told.get("epoch") == 1 for told in body["commands"])
    )
    kind, body, *stamps = complete[decision]
    told = [{**c, "epoch": True} if c.get("epoch") == 1 else c for c in body["commands"]]
    complete[decision] = (kind, {**body, "commands": told}, *stamps)
    assert first_difference(complete).recorded["commands"] == told


def test_a_decision_for_another_event_is_reported(complete):
    decision = seq_of(complete, phase="INFUSING")
    kind, body, *stamps = complete[decision]
    complete[decision] = (kind, {**body, "event": decision - 2}, *stamps)
    assert first_difference(complete).seq == decision - 1


def test_an_altered_event_is_reported_where_it_is_decided_otherwise(complete):
    first, second = (
        seq for seq, fact in enumerate(complete) if fact[1].get("type") == "ReleaseSigned"
    )
    kind, body, *stamps = complete[second]
    complete[second] = (kind, {**body, "who": complete[first][1]["who"]}, *stamps)
    found = first_difference(complete)
    assert (found.seq, found.event, found.phase) == (second, "ReleaseSigned", "ASSAYED")
    assert found.recorded["phase"] == "RELEASED"
    assert found.replayed["commands"][0]["type"] == "Refuse"


@pytest.mark.requirement("C6")
def test_an_altered_counter_is_reported_at_its_poll(complete):
    begun = seq_of(complete, phase="INFUSING")
    polls = [n for n, fact in enumerate(complete) if fact[1].get("type") == "PumpRead"]
    seq = next(poll for poll in polls if poll > begun + 40)
    kind, body, *stamps = complete[seq]
    status = {**body["status"], "infused_nl": body["status"]["infused_nl"] + 15_000_000}
    complete[seq] = (kind, {**body, "status": status}, *stamps)
    found = first_difference(complete)
    assert (found.seq, found.event, found.phase) == (seq, "PumpRead", "INFUSING")
    assert found.recorded is None
    assert found.replayed["commands"][0]["type"] == "Stop"


def test_an_altered_limit_is_reported_where_it_first_matters(complete):
    kind, header, *stamps = complete[0]
    limits = {**header["limits"], "seat_rate_ul_h": header["limits"]["seat_rate_ul_h"] // 2}
    complete[0] = (kind, {**header, "limits": limits}, *stamps)
    found = first_difference(complete)
    assert (found.event, found.phase) == ("SeatRequested", "RELEASED")
    assert found.seq == seq_of(complete, type="SeatRequested")


def test_another_epoch_in_the_header_is_reported_at_the_first_command(complete):
    kind, header, *stamps = complete[0]
    complete[0] = (kind, {**header, "epoch": header["epoch"] + 7}, *stamps)
    found = first_difference(complete)
    (told,) = [c for c in found.recorded["commands"] if "epoch" in c]
    (now,) = [c for c in found.replayed["commands"] if "epoch" in c]
    assert now == {**told, "epoch": told["epoch"] + 7}


def test_a_missing_decision_amid_events_is_reported(complete):
    decision = seq_of(complete, phase="INFUSING")
    recorded = complete.pop(decision)[1]
    found = first_difference(complete)
    assert (found.seq, found.recorded, found.replayed) == (decision - 1, None, recorded)


def test_a_decision_after_no_event_is_reported(complete):
    decision = seq_of(complete, phase="INFUSING")
    complete.insert(decision, complete[decision])
    found = first_difference(complete)
    assert (found.seq, found.event) == (decision + 1, "")
    assert found.error == "a decision that follows no event"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "SunRose"}, "'SunRose' is no event of this version"),
        ({"weather": 1}, "fields differ from StartConfirmed: {'weather'}"),
        ({"who": 7}, "StartConfirmed.who: expected str, got 7"),
    ],
)
def test_an_event_that_this_version_cannot_read_is_reported(complete, change, said):
    seq = seq_of(complete, type="StartConfirmed")
    kind, body, *stamps = complete[seq]
    complete[seq] = (kind, {**body, **change}, *stamps)
    found = first_difference(complete)
    assert (found.seq, found.replayed) == (seq, None)
    assert said in found.error


def test_a_judgement_that_fails_is_reported(complete, monkeypatch):
    real = judged

    def failing(state, event, limits):
        if type(event).__name__ == "ArmRequested":
            raise ZeroDivisionError("nought")
        return real(state, event, limits)

    monkeypatch.setattr("controller.replay.judged", failing)
    found = first_difference(complete)
    assert (found.event, found.error) == (
        "ArmRequested",
        "the judgement fails: ZeroDivisionError: nought",
    )


def test_a_step_that_fails_is_judged_as_the_daemon_judges_it(complete, monkeypatch):
    real = step

    def failing(state, event, limits):
        if type(event).__name__ == "StartConfirmed":
            raise ZeroDivisionError("nought")
        return real(state, event, limits)

    monkeypatch.setattr("controller.sessions.step", failing)
    found = first_difference(complete)
    assert (found.event, found.replayed["phase"]) == ("StartConfirmed", "STOPPED")
    assert found.replayed["commands"][0]["type"] == "Stop"


# --- what is no session -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"session": 7}, "must be the journal of a treatment"),
        ({"versions": []}, "must be the journal of a treatment"),
        ({"limits": []}, "header cannot be read: limits: expected an object"),
        ({"limits": {"lag_ns": "1"}}, "header cannot be read: Limits.lag_ns: expected int"),
        ({"epoch": "1"}, "header cannot be read: int: expected int"),
    ],
)
def test_a_header_that_no_session_has_is_refused(complete, change, why):
    kind, header, *stamps = complete[0]
    complete[0] = (kind, {**header, **change}, *stamps)
    with pytest.raises(NotReplayable, match=why):
        replay(chained(complete))


def test_an_event_without_a_name_is_a_difference(complete):
    kind, body, *stamps = complete[1]
    complete[1] = (kind, {**body, "type": ["AssayRequested"]}, *stamps)
    assert "is no event of this version" in first_difference(complete).error


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"session": None}, "must be the journal of a treatment"),
        ({"operators": {"ab": "Anna"}}, "must have a whole header: operators.ab = 'Anna'"),
        ({"kinds": None}, "must have a whole header: kinds = None"),
        ({"order": "{}"}, "must have an order and a regimen that can be read: schema"),
        ({"regimen_text": "="}, "must have an order and a regimen that can be read: regimen"),
    ],
)
def test_a_journal_without_a_whole_header_has_no_record(complete, change, why):
    kind, header, *stamps = complete[0]
    complete[0] = (kind, {**header, **change}, *stamps)
    with pytest.raises(NoRecord, match=why):
        record_of_journal(chained(complete), limits_from({}))


# --- limits that came and went ------------------------------------------------------------------


def test_limits_that_came_and_went_are_named(complete):
    newer = replay(chained(complete)).limits_defaulted
    kind, header, *stamps = complete[0]
    limits = {**header["limits"], "moon_phase": 3}
    del limits["barrel_nl"]
    complete[0] = (kind, {**header, "limits": limits}, *stamps)
    found = replay(chained(complete))
    assert set(found.limits_defaulted) == {"barrel_nl", *newer}
    assert found.limits_unknown == ("moon_phase",)
    assert header["limits"]["barrel_nl"] == limits_as_dict(limits_from({}))["barrel_nl"]
    assert found.differences == ()
