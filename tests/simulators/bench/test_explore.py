"""The exploration sees all that it says it sees, and finds rules of the judgement that are broken.

The last tests break one rule of the judgement each, and the shortest way to the damage is found.
"""

import json
from dataclasses import replace

import pytest

from controller.core import (
    bedside,
    custody,
    hot_lab,
    interruption,
    judge,
    late_entry,
    motion,
    table,
)
from controller.core import commands as c
from controller.core import events as e
from controller.core.profile import remaining
from controller.core.rules import done
from controller.core.state import Phase
from firmware_interfaces.readings import Permit
from firmware_interfaces.units import Nanoseconds
from simulators.bench.cli import main
from simulators.bench.explore import command
from simulators.bench.explore.abstraction import key
from simulators.bench.explore.moves import MOVES
from simulators.bench.explore.search import Bound, Found, Search, traps
from simulators.bench.explore.walks import (
    ARM,
    HOT_LAB,
    SALINE,
    SEAT,
    STATIONS,
    STOPPED,
    TO_DRUG,
    WALKS,
)

pytestmark = pytest.mark.timeout(300)

DRUG_MOUNTED = (*HOT_LAB, *SALINE, *SEAT)


@pytest.fixture(scope="module")
def found() -> Found:
    """Every move at every point of every walk."""
    return Search(Bound(1, len(STATIONS)), STATIONS).run()


@pytest.mark.requirement("S1", "S2", "S3", "S4", "S5", "T8.1", "C10", "T4.2", "T4.3")
def test_nothing_is_broken(found: Found) -> None:
    assert found.broken == {}
    assert found.breaches == 0
    assert found.transitions > 5_000


@pytest.mark.requirement("T2.12")
def test_every_event_is_told_in_every_phase(found: Found) -> None:
    missing = {(p, k) for p in Phase for k in table.EVENTS} - set(found.pairs)
    assert missing == set()


def test_every_command_is_given(found: Found) -> None:
    assert {kind.__name__ for kind in c.Command.__args__} == {k.__name__ for k in found.commands}


def test_every_event_has_a_move_and_every_move_its_own_name() -> None:
    assert {move.kind for move in MOVES} == set(table.EVENTS)
    assert len({move.name for move in MOVES}) == len(MOVES)


def test_drug_was_started_and_every_phase_expanded(found: Found) -> None:
    assert found.drug_starts >= 5
    assert set(found.phases) == set(Phase)


def test_a_state_that_was_not_expanded_is_no_trap(found: Found) -> None:
    assert traps(found) == 0
    assert traps(Found(edges={0: {1}, 1: {0}, 2: {3}, 3: set()}, closed={3})) == 2


@pytest.mark.parametrize("walk", WALKS, ids=range(len(WALKS)))
def test_a_walk_is_never_refused(walk: tuple[str, ...]) -> None:
    lines, safe = command.gone(walk)
    assert safe
    assert [line for line in lines if "Refuse" in line] == []


def test_a_whole_treatment_is_pumped_flushed_and_closed() -> None:
    found = Search(Bound(1, 1), WALKS[:1]).run()
    assert found.phases == {Phase.CLOSED: 1}


def test_a_bound_of_states_ends_it_and_says_so() -> None:
    few = Search(Bound(9, 3), [()]).run()
    assert (few.expanded, few.exhausted) == (3, False)


def test_the_abstraction_forgets_names_and_stamps_but_not_people() -> None:
    one, other, two = (
        _at((*HOT_LAB[:3], *signed)) for signed in (["release ab"], ["release cd"], HOT_LAB[3:])
    )
    assert key(one) == key(other) != key(two)
    assert key(one) == key(replace(one, state=replace(one.state, signatures=())))


def _at(way: tuple[str, ...]):
    search = Search(Bound(1, 1), [tuple(way)])
    return next(search._stations()).node


# --- the command --------------------------------------------------------------------------------


def test_the_command_counts(capsys) -> None:
    assert main(["explore", "--depth", "1", "--states", "3", "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert (seen["expanded"], seen["broken"], seen["depth"]) == (3, [], 1)


def test_the_command_tells_people(capsys) -> None:
    assert main(["explore", "--depth", "1", "--states", "3"]) == 0
    assert "3 expanded" in capsys.readouterr().out


def test_a_way_is_gone_again(capsys) -> None:
    assert main(["explore", "--way", "order ab > cancel ab withdrew > close ab"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1] for line in told] == ["ORDERED", "CLOSED", "CLOSED"]
    assert "Refuse (not in this phase" in told[-1]


@pytest.mark.parametrize("wrong", [["--way", "fly"], ["--depth", "0"], ["--states", "0"]])
def test_wrong_use_is_said(wrong: list[str]) -> None:
    assert main(["explore", *wrong]) == 2


def test_a_broken_rule_ends_with_four_and_its_way(capsys, monkeypatch) -> None:
    monkeypatch.setattr(hot_lab, "_unsigned", lambda *_: None)
    way = " > ".join((*HOT_LAB[:5], "release ab"))
    assert main(["explore", "--way", way]) == 4
    assert "BROKEN release: released by ('ab', 'ab')" in capsys.readouterr().out
    monkeypatch.setattr(command, "STATIONS", (HOT_LAB[:5],))
    assert main(["explore", "--depth", "1", "--states", "9"]) == 4
    assert f"isodrip-bench explore --way '{way}'" in capsys.readouterr().out


# --- rules of the judgement, broken one at a time ------------------------------------------------


def _search(depth: int, *stations: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The ways to what is broken, from the last of a station's moves on."""
    found = Search(Bound(depth, 600), stations, one=True).run()
    ways = {}
    for rule, one in found.broken.items():
        station = max((s for s in stations if one.way[: len(s)] == s), key=len, default=())
        ways[rule] = one.way[len(station) :]
    return ways


def _takes(monkeypatch, phase: Phase, event: type[e.Event], handler) -> None:
    monkeypatch.setitem(table.HANDLERS, (phase, event), handler)


def test_finds_one_person_who_releases_twice(monkeypatch) -> None:
    monkeypatch.setattr(hot_lab, "_unsigned", lambda *_: None)
    ways = _search(1, HOT_LAB[:5])
    assert ways["release"] == ("release ab",)


def test_finds_a_release_that_is_signed_where_the_container_is_not(monkeypatch) -> None:
    monkeypatch.setattr(custody, "not_signing", lambda *_: None)
    assert _search(1, HOT_LAB[:4])["custody"] == ("release cd",)


def test_finds_a_container_that_one_person_took_over(monkeypatch) -> None:
    monkeypatch.setattr(custody, "second_person", lambda *_: None)
    assert _search(1, HOT_LAB[:4])["two people"] == ("to the bedside ab ab",)


def test_finds_a_residual_measured_far_from_its_container(monkeypatch) -> None:
    monkeypatch.setattr(custody, "not_in_hot_lab", lambda *_: None)
    assert _search(1, HOT_LAB[:5])["custody"] == ("ask assay ab",)


def test_finds_a_patency_run_without_the_container(monkeypatch) -> None:
    monkeypatch.setattr(custody, "not_at_bedside", lambda *_: None)
    ways = _search(1, (*HOT_LAB, "to the hot lab ab cd"))
    assert ways["S3 release"] == ("patency run ab saline 10 mL 14430",)


def test_finds_a_syringe_that_one_person_mounted(monkeypatch) -> None:
    monkeypatch.setattr(bedside, "second_person", lambda *_: None)
    assert _search(1, (*HOT_LAB, *SALINE))["two people"] == ("seat run ab ab",)


def test_finds_a_resume_by_one_person(monkeypatch) -> None:
    real = interruption._resume_stopped

    def resumed(state, event, limits):
        return real(replace(state, resume_by="zz"), event, limits)

    monkeypatch.setattr(interruption, "_resume_stopped", resumed)
    assert _search(1, (*TO_DRUG, *STOPPED))["resume by two"] == ("resume ab False",)


def test_finds_permits_for_a_pump_that_is_to_stop(monkeypatch) -> None:
    def permit(state):
        if state.run is None or not state.run.live:
            return state, ()
        expires = state.now_ns + motion.permit_life_ns(state.run.plan)
        granted = c.GrantPermit(Permit(state.epoch, Nanoseconds(expires)))
        return replace(state, permit_expires_ns=expires), (granted,)

    monkeypatch.setattr(judge, "_permit", permit)
    ways = _search(2, TO_DRUG)
    assert ways["permit"][-1] != "poll"
    assert len(ways["permit"]) <= 2
    assert "S5 latch" in ways


def test_finds_a_resume_of_what_remains_by_the_lower_bound(monkeypatch) -> None:
    real = bedside.remaining_nl

    def generous(state):
        return real(state) + state.drug.high_nl - state.drug.low_nl

    monkeypatch.setattr(bedside, "remaining_nl", generous)
    doubtful = (*TO_DRUG, "write lost", "recovered, no counter", "bounded by two",
                "acknowledge ab -", "resume ab False")  # fmt: skip
    assert _search(1, doubtful)["S1 volume"] == ("resume cd False",)


def test_finds_an_upper_bound_that_forgets_the_lease(monkeypatch) -> None:
    monkeypatch.setattr(motion, "upper_nl", lambda _state, run: run.counter_nl)
    ways = _search(2, (*TO_DRUG, "write lost"))
    last = ways["S1 bound"][-1]
    assert last in ("recovered, no counter", "give up ab", "bounded by two", "by hand by two")


def test_finds_drug_programmed_without_patency_and_seat(monkeypatch) -> None:
    _takes(monkeypatch, Phase.RELEASED, e.ArmRequested,
           lambda state, _event, limits: bedside.programme_drug(state, limits))  # fmt: skip
    assert _search(1, HOT_LAB)["released path"] == ("arm ab",)


def test_finds_a_start_in_one_step(monkeypatch) -> None:
    def confirmed(state, event, limits):
        asked = replace(state, start_by=event.who, start_requested_ns=state.now_ns)
        return bedside.start_confirmed(asked, event, limits)

    _takes(monkeypatch, Phase.ARMED, e.StartConfirmed, confirmed)
    assert _search(1, (*DRUG_MOUNTED, *ARM[:2]))["released path"] == ("confirm start ab",)


def test_finds_a_rate_above_the_profile(monkeypatch) -> None:
    monkeypatch.setattr(
        bedside,
        "remaining",
        lambda *said: tuple((2 * rate, time) for rate, time in remaining(*said)),
    )
    assert _search(1, DRUG_MOUNTED)["S2 rate"] == ("arm ab",)


def test_finds_a_button_that_stops_nothing(monkeypatch) -> None:
    _takes(monkeypatch, Phase.INFUSING, e.PainPressed, lambda state, *_: done(state))
    assert _search(1, TO_DRUG)["S4 stop"] == ("pain ab",)


def test_finds_a_trip_that_stops_nothing(monkeypatch) -> None:
    monkeypatch.setattr(judge, "_trip", lambda state, *_: (state, ()))
    ways = _search(1, TO_DRUG)
    assert len(ways["trip stops"]) == 1
    assert ways["S5 latch"]


def test_finds_a_latch_that_opens_unseen(monkeypatch) -> None:
    monkeypatch.setattr(judge, "standing", lambda _state: "")
    silent = (*TO_DRUG, "3 s pass", "stop confirmed")
    assert _search(1, silent)["latch opens"] == (SALINE[0],)


def test_finds_a_stop_without_an_epoch(monkeypatch) -> None:
    real = judge.stop

    def stop(state, reason):
        after, _ = real(state, reason)
        return replace(after, epoch=state.epoch), (c.Stop(state.epoch, reason),)

    monkeypatch.setattr(judge, "stop", stop)
    assert _search(1, HOT_LAB)["epoch"] == ("patency leak ab True True",)


def test_finds_drug_resumed_with_saline_in_the_pump(monkeypatch) -> None:
    real = bedside.flush_requested

    def joined(state, event, limits):
        result = real(state, event, limits)
        return result if not isinstance(result, tuple) else (
            replace(result[0], connected=True), result[1]
        )  # fmt: skip

    _takes(monkeypatch, Phase.STOPPED, e.FlushRequested, joined)
    flushed = (*WALKS[4][: WALKS[4].index("end ab medical")],)
    assert _search(2, flushed)["released path"] == ("resume ab False", "resume cd False")


def test_finds_a_closed_treatment_that_comes_back(monkeypatch) -> None:
    _takes(monkeypatch, Phase.CLOSED, e.CloseRequested,
           lambda state, *_: done(replace(state, phase=Phase.RESIDUAL)))  # fmt: skip
    ways = _search(1, ("order ab", "cancel ab withdrew"))
    assert ways["edge"] == ("close ab",)


def test_finds_a_judgement_that_raises(monkeypatch) -> None:
    _takes(monkeypatch, Phase.IDLE, e.Ticked, lambda *_: 1 / 0)
    assert _search(1, ())["total"] == ("0.6 s pass",)


def test_finds_a_refusal_that_changes_something(monkeypatch) -> None:
    from controller.core import step as stepping

    def refuse(state, event, refused):
        object.__setattr__(state, "checks", state.checks + 1)
        return c.Refuse(type(event).__name__, state.phase.value, refused.rule, refused.detail)

    monkeypatch.setattr(stepping, "_refuse", refuse)
    assert _search(1, HOT_LAB[:1])["refused"]


def test_finds_a_late_entry_of_one_person_and_one_of_more_than_there_was(monkeypatch) -> None:
    monkeypatch.setattr(late_entry, "second_person", lambda _event, _other: None)
    assert _search(1, HOT_LAB)["two people"] == ("by hand by one",)
    monkeypatch.setattr(late_entry, "_volumes", lambda _state, _event: None)
    assert _search(1, HOT_LAB)["interval"] == ("by hand beyond",)
