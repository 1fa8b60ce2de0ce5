"""Each promise holds without a fault; each judge finds it broken in evidence made to break it."""

import json
from dataclasses import replace

import pytest

from simulators.bench.evidence import BEGIN_NS, Blow, Witness
from simulators.bench.faults import AtTime, InPhase, fault
from simulators.bench.judges import JUDGES, judged, tail_nl
from simulators.bench.rehearsal import rehearse
from simulators.bench.stage import Case
from simulators.bench.stops import STOP_WITHIN_NS, drives
from simulators.bench.streams import Stage, To
from simulators.bench.volumes import HAND_NS

S = 1_000_000_000


def evidence_of(case, directory):
    witness = Witness()
    return witness.testify(rehearse(case, directory, witness.watching()))


@pytest.fixture(scope="module")
def nominal(tmp_path_factory):
    return evidence_of(Case(1, 1.0), tmp_path_factory.mktemp("nominal"))


@pytest.fixture(scope="module")
def occluded(tmp_path_factory):
    faults = (fault("device", "occlusion", InPhase("INFUSING", 10.0)),)
    case = Case(1, 3.0, people="none", faults=faults)
    return evidence_of(case, tmp_path_factory.mktemp("occluded"))


def found(evidence, rule):
    return [violation.id for violation in JUDGES[rule](evidence)]


def with_rehearsal(evidence, **changed):
    return replace(evidence, rehearsal=replace(evidence.rehearsal, **changed))


def with_pump_wire(evidence, keep):
    seen = evidence.rehearsal.seen
    kept = tuple(one for one in seen["pump"] if keep(one))
    return with_rehearsal(evidence, seen={**seen, "pump": kept})


def with_journal(evidence, change):
    lines = tuple(json.dumps(change(record)) for record in evidence.journal if change(record))
    return with_rehearsal(evidence, export=lines)


def with_moves(evidence, change):
    return replace(evidence, moves=tuple(change(move) for move in evidence.moves))


def infusion(evidence):
    return next(
        m for m in evidence.moves if m.syringe == "drug" and m.to == "patient" and m.flow_nl_s
    )


def is_stp(seen):
    return seen.to is To.DEVICE and b"STP" in seen.data


def without_act(name):
    return lambda record: {} if record["body"].get("type") == name else record


@pytest.mark.parametrize("rule", JUDGES)
def test_a_treatment_without_a_fault_keeps_every_promise(nominal, rule):
    assert JUDGES[rule](nominal) == ()


def test_an_occlusion_breaks_none_and_is_seen_on_the_wire(occluded):
    assert judged(occluded) == ()
    drive = drives(occluded)[-1]
    at_ns, what = drive.seen[0]
    assert what == "alarm S"
    assert drive.stop_ns is not None
    assert drive.stop_ns - at_ns < STOP_WITHIN_NS


def test_s1_more_than_was_released(nominal):
    samples = nominal.rehearsal.samples
    more = replace(samples[-1], drug_out_nl=nominal.usable_nl + 30_000)
    broken = with_rehearsal(nominal, samples=(*samples[:-1], more))
    assert found(broken, "S1") == ["S1"]
    assert found(replace(broken, blind=True), "S1") == []


def test_s2_a_minute_faster_than_the_profile(nominal):
    fast = with_moves(nominal, lambda move: replace(move, flow_nl_s=move.flow_nl_s * 1.2))
    assert found(fast, "S2") == ["S2"]
    assert found(replace(fast, blind=True), "S2") == []


@pytest.mark.parametrize(("factor", "by_keys"), [(1.11, []), (1.13, ["S2"])])
def test_s2_what_keys_moved_is_no_rate_of_the_program_s_and_no_more(nominal, factor, by_keys):
    fast = with_moves(nominal, lambda move: replace(move, flow_nl_s=move.flow_nl_s * factor))
    assert found(fast, "S2") == ["S2"]
    pressed_ns = infusion(nominal).at_ns + 5 * S
    assert found(replace(fast, blows=(Blow(pressed_ns, "keypad_take_over"),)), "S2") == by_keys


def test_s6_more_air_than_a_sensor_would_let_pass(nominal):
    assert found(replace(nominal, air_nl=200_000.0), "S6") == []
    airy = replace(nominal, air_nl=200_001.0)
    assert found(airy, "S6") == ["S6"]
    assert found(replace(airy, blind=True), "S6") == []


def test_s3_before_two_people_have_released(nominal):
    assert found(with_journal(nominal, without_act("ReleaseSigned")), "S3") == ["S3"]

    def by_one(record):
        body = record["body"]
        return {**record, "body": {**body, "who": "ab"}} if "who" in body else record

    assert found(with_journal(nominal, by_one), "S3") == ["S3"]


def test_s3_drug_into_the_line_before_the_start(nominal):
    assert found(with_journal(nominal, without_act("StartConfirmed")), "S3") == ["S3"]


def test_s3_more_than_a_drop_at_the_seat(nominal):
    def more(move):
        seats = move.syringe == "drug" and move.to == "open" and move.flow_nl_s > 0
        return replace(move, flow_nl_s=1e6) if seats else move

    assert found(with_moves(nominal, more), "S3") == ["S3"]


def test_s4_stop_comes_late_or_never(occluded):
    late = with_pump_wire(occluded, lambda seen: not is_stp(seen))
    assert "S4" in found(late, "S4")


def test_s4_the_plunger_goes_on_after_stop(nominal):
    def for_ever(move):
        rests = (
            move.syringe == "drug" and move.to == "patient" and move.at_ns > infusion(nominal).at_ns
        )
        return replace(move, flow_nl_s=1000.0) if rests else move

    assert "S4" in found(with_moves(nominal, for_ever), "S4")


def test_s4_the_plunger_outlives_the_last_word(nominal):
    middle_ns = infusion(nominal).at_ns + 20 * S

    def heard_early(seen):
        return seen.to is To.HOST or seen.stage is Stage.LEFT or seen.at_ns < middle_ns

    assert "S4" in found(with_pump_wire(nominal, heard_early), "S4")


@pytest.mark.parametrize(("kind", "bound_s"), [("killed", 5.5), ("consumer_hung", 7.2)])
def test_s4_the_daemon_is_gone_and_the_plunger_moves(nominal, kind, bound_s):
    moving = infusion(nominal)
    blown = replace(nominal, blows=(Blow(moving.at_ns + S, kind),))
    assert found(blown, "S4") == ["S4"]
    end_ns = nominal.moves[nominal.moves.index(moving) + 1].at_ns
    for before_s, expected in ((bound_s - 0.1, []), (bound_s + 0.1, ["S4"])):
        blow = Blow(end_ns - round(before_s * S), kind, end_ns)
        assert found(replace(nominal, blows=(blow,)), "S4") == expected


def test_s4_a_program_that_hangs_is_gone_once_it_was_killed(nominal):
    moving = infusion(nominal)
    hung = Blow(moving.at_ns - 20 * S, "consumer_hung")
    for restarted_s, expected in ((-1, []), (1, ["S4"])):
        dead = Blow(moving.at_ns - 15 * S, "killed", moving.at_ns + restarted_s * S)
        before = tuple(move for move in nominal.moves if move.at_ns >= moving.at_ns)
        blown = replace(nominal, moves=before, blows=(hung, dead))
        assert sorted(set(found(blown, "S4"))) == expected


def test_s5_a_run_that_nobody_asked_for(nominal):
    assert found(with_journal(nominal, without_act("FlushRequested")), "S5") == ["S5"]


def test_s5_a_setting_after_a_stop_that_nobody_asked_for(nominal):
    assert found(with_journal(nominal, without_act("FlushRequested")), "S5") == ["S5"]
    stale = with_journal(nominal, without_act("ArmRequested"))
    (violation,) = JUDGES["S5"](stale)
    assert violation.text.endswith("was sent after STOP, nobody had asked")


def test_s3_a_key_moves_what_no_poll_could_have_stopped(nominal):
    unasked = with_journal(nominal, without_act("StartConfirmed"))
    for after_s, expected in ((0.0, []), (2.0, ["S3"])):
        moving = infusion(nominal)
        pressed = replace(unasked, blows=(Blow(moving.at_ns, "keypad_take_over"),))
        stops_ns = moving.at_ns + HAND_NS + round(after_s * S)

        def until(move, moving=moving, stops_ns=stops_ns):
            later = move.at_ns > moving.at_ns and move.syringe == "drug"
            return replace(move, at_ns=min(move.at_ns, stops_ns)) if later else move

        assert found(with_moves(pressed, until), "S3") == expected


def test_s5_motion_after_a_confirmed_stop(nominal):
    def creeps(move):
        rests = move.flow_nl_s == 0 and move.syringe == "flush" and move.out_nl > 0
        return replace(move, flow_nl_s=500.0) if rests else move

    assert found(with_moves(nominal, creeps), "S4").count("S5") == 1


@pytest.mark.requirement("T4.6")
def test_s5_the_tail_is_measured_and_bounded(nominal):
    assert 100_000 < tail_nl(nominal) < 300_000

    def gushes(move):
        rests = move.flow_nl_s == 0 and move.syringe == "drug" and move.to == "patient"
        return replace(move, out_nl=move.out_nl - 2e6) if rests else move

    assert found(with_moves(nominal, gushes), "S5") == ["S5"]


def test_l1_broken_off_or_not_on_time(nominal):
    assert found(with_rehearsal(nominal, broken_off="BrokenOff: infuse"), "L1") == ["L1"]
    assert found(replace(nominal, duration_s=61.0), "L1") == ["L1"]
    assert found(replace(nominal, duration_s=61.0, faulty=True), "L1") == []


def test_l1_asks_nothing_where_nobody_looked_at_the_patient(nominal):
    away = replace(nominal.rehearsal.case, people="away")
    for people, row, expected in (
        (away, "site_check_missed", []),
        (away, "rate_high", ["L1"]),
        (nominal.rehearsal.case, "site_check_missed", ["L1"]),
    ):
        stopped = with_rehearsal(nominal, case=people, broken_off=f"infuse: STOPPED, {row}")
        assert found(stopped, "L1") == expected


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (
            {"commands": [{"type": "RaiseAlarm", "alarm": "lag", "evidence": " "}]},
            "without evidence",
        ),
        ({"commands": [{"type": "Stop", "epoch": 9, "reason": ""}]}, "without a reason"),
        ({"commands": [{"type": "Stop", "epoch": 9, "reason": "trip: lag"}]}, "no alarm names"),
        ({"commands": [], "phase": "STOPPED"}, "nothing says why"),
    ],
)
def test_l2_a_stop_without_its_cause(nominal, changed, text):
    last = max(r["seq"] for r in nominal.journal if r["kind"] == "decision")

    def change(record):
        if record["seq"] == last - 1 and record["kind"] == "event":
            return {**record, "body": {"type": "Ticked"}}
        return (
            {**record, "body": {**record["body"], **changed}} if record["seq"] == last else record
        )

    violations = JUDGES["L2"](with_journal(nominal, change))
    assert [text in violation.text for violation in violations] == [True]


def test_acts_after_a_boot_are_in_the_world_s_own_time(tmp_path):
    faults = (
        fault("clock", "step", AtTime(30.0), seconds=3600.0),
        fault("process", "killed", AtTime(50.0), 10.0),
    )
    evidence = evidence_of(Case(1, 1.0, faults=faults), tmp_path)
    assert [blow.kind for blow in evidence.blows] == ["step", "killed"]
    assert all(0 <= act.at_ns <= evidence.end_ns for act in evidence.acts)
    assert any(act.at_ns > 60 * S for act in evidence.acts)
    shown = max(record["mono_ns"] for record in evidence.journal) - BEGIN_NS
    assert shown > 3600 * S


def test_a_basic_line_is_not_heard_by_a_pump_with_a_watchdog(nominal):
    pump = nominal.rehearsal.seen["pump"]
    at_ns = infusion(nominal).at_ns + S
    basic = replace(pump[0], at_ns=at_ns, stage=Stage.HEARD, data=b"0STP\r")
    seen = tuple(sorted((*pump, basic), key=lambda one: one.at_ns))
    heard = with_rehearsal(nominal, seen={**nominal.rehearsal.seen, "pump": seen}).obeyed
    assert [said for said in heard if said.at_ns == at_ns] == []


def test_a_witness_of_nothing_has_nothing_to_say(nominal):
    with pytest.raises(ValueError, match="nothing has been rehearsed"):
        Witness().testify(nominal.rehearsal)
