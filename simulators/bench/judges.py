"""The promises S1 to S6, A, L1 and L2, each judged by what was really so and what was on the wire.

Every judge is a pure function over the evidence of one rehearsal. None believes the daemon: L2
reads its journal for the causes that it names, and A its record for what it says was pumped.
"""

from itertools import pairwise
from typing import Any, Final

from simulators.bench.evidence import (
    ASKS_TO_RUN,
    ASKS_TO_WRITE,
    BEGIN_NS,
    NS_PER_S,
    Evidence,
    Judge,
    Violation,
)
from simulators.bench.rehearsal import Rehearsal
from simulators.bench.said import ACKNOWLEDGED
from simulators.bench.stops import judge_stops
from simulators.bench.volumes import (
    OUT_TOLERANCE_NL,
    Travel,
    by_hand_nl,
    judge_account,
    judge_s1,
    ml,
)

MEAN_NS: Final = 60 * NS_PER_S
RATE_TOLERANCE: Final = 1.1
"""The row *rate high* (treatment.md 3): more than 10 % over 60 s."""
SEAT_CAP_NL: Final = 600_000.0
"""What may leave the syringe before the line is joined (treatment.md 2, *seat*)."""
STANDS_NL: Final = 1_000.0
"""Less than a tenth of a drop is no motion."""
ASKED: Final = "asked by a person"
WRITES: Final = frozenset(("RAT", "VOL", "DIA", "SAF", "TRG", "FUN", "PHN", "DIR", "CLD"))
WRITES_BARE: Final = frozenset(("RUN", ACKNOWLEDGED))
ON_TIME: Final = 0.01
UNATTENDED: Final = "site_check_missed"
TRIP: Final = "trip: "
BROKEN: Final = ("STOPPED", "UNCERTAIN")
AIR_MAX_NL: Final = 200_000.0
"""The row *air* (treatment.md 3), which only a sensor would arm."""
TAIL_MAX_NL: Final = 1_400_000.0
"""Pressed-out compliance, at most 0.9 mL, and a siphon's 0.5 mL (treatment.md 4)."""


def _found(rule: str, at_ns: float, text: str) -> Violation:
    return Violation(rule, at_ns / NS_PER_S, text)


def judge_s2(evidence: Evidence) -> tuple[Violation, ...]:
    """S2: into a joined line, the plunger's mean of any 60 s stays at the profile's maximum.

    What keys pressed at the pump moved until nobody could have stopped it sooner is no rate of the
    program's: a purge of that time alone is 0.6 mL in a 60 mL syringe.
    """
    if evidence.blind:
        return ()
    swept = Travel(evidence, lambda move: move.to == "patient")
    ends = {*swept.times, *(at + MEAN_NS for at in swept.times if at + MEAN_NS < swept.times[-1])}
    bound_nl = (
        evidence.released_nl / evidence.duration_s * evidence.steepest * 60.0 * RATE_TOLERANCE
    )
    for end_ns in sorted(ends):
        begin_ns = end_ns - MEAN_NS
        moved_nl = swept.between(begin_ns, end_ns) - by_hand_nl(evidence, swept, end_ns, begin_ns)
        if moved_nl > bound_nl + OUT_TOLERANCE_NL:
            text = f"{ml(moved_nl)} in 60 s, the profile's maximum gives {ml(bound_nl)}"
            return (_found("S2", end_ns, text),)
    return ()


def judge_s3(evidence: Evidence) -> tuple[Violation, ...]:
    """S3: nothing moves before two releases, and no drug but the seat's drop before the start."""
    signed = [act for act in evidence.acts if act.name == "ReleaseSigned"]
    second = [act.at_ns for act in signed if act.who != signed[0].who]
    started = [act.at_ns for act in evidence.acts if act.name == "StartConfirmed"]
    release_ns = second[0] if second else evidence.end_ns
    start_ns = started[0] if started else evidence.end_ns
    moved_nl = evidence.displaced_nl(release_ns)
    if moved_nl > STANDS_NL:
        text = f"{ml(moved_nl)} were moved before two people had released"
        return (_found("S3", release_ns, text),)
    return _drug_before(evidence, start_ns)


def _drug_before(evidence: Evidence, start_ns: int) -> tuple[Violation, ...]:
    """Drug moved before the start: past the seat's cap, or with the line joined.

    A key of the pump may start it and no program can hinder that. What is then moved until a poll
    has seen it and STOP has acted is not counted here; whatever moves after that is.
    """
    seated = Travel(evidence, lambda move: move.syringe == "drug" and move.to == "open")
    joined = Travel(evidence, lambda move: move.syringe == "drug" and move.to == "patient")
    seated_nl = seated.until(start_ns) - by_hand_nl(evidence, seated, start_ns)
    if seated_nl > SEAT_CAP_NL + OUT_TOLERANCE_NL:
        return (_found("S3", start_ns, f"{ml(seated_nl)} of drug moved before the start"),)
    joined_nl = joined.until(start_ns) - by_hand_nl(evidence, joined, start_ns)
    if joined_nl > STANDS_NL and not evidence.blind:
        text = f"{ml(joined_nl)} of drug went into the line before the start"
        return (_found("S3", start_ns, text),)
    return ()


def judge_s5(evidence: Evidence) -> tuple[Violation, ...]:
    """S5: no RUN and no setting that nobody asked for, and the tail after a stop is bounded."""
    tail = tail_nl(evidence)
    found = (*_uncalled_runs(evidence), *_written_after_stop(evidence))
    if tail > TAIL_MAX_NL:
        text = f"{ml(tail)} left the tip after a stop, {ml(TAIL_MAX_NL)} at most"
        return (*found, _found("S5", evidence.end_ns, text))
    return found


def _uncalled_runs(evidence: Evidence) -> tuple[Violation, ...]:
    """Each RUN needs an act of its own; two signatures of a resume are one."""
    calls = [(act.at_ns, 0) for act in evidence.acts if act.name in ASKS_TO_RUN]
    runs = [(said.at_ns, 1) for said in evidence.asked if said.text == "RUN"]
    last_was_run, found = True, []
    for at_ns, is_run in sorted(calls + runs):
        if is_run and last_was_run:
            found.append(_found("S5", at_ns, "RUN was sent and nobody had asked for it"))
        last_was_run = bool(is_run)
    return tuple(found)


def _written_after_stop(evidence: Evidence) -> tuple[Violation, ...]:
    """After a STOP nothing is set or run until somebody asks: it has closed the epoch of all else.

    The STP with which a preparation brings a pump to its start comes before its first setting, and
    closes nothing; leaving Safe mode moves nothing. An acknowledgement wants to be asked for too,
    but comes before that STP.
    """
    asks = [(act.at_ns, ASKED) for act in evidence.acts if act.name in ASKS_TO_WRITE]
    said = [(one.at_ns, one.text) for one in evidence.asked]
    closed = written = False
    for at_ns, text in sorted(asks + said):
        if text == ASKED:
            closed = written = False
        elif text == "STP":
            closed = closed or written
        elif _sets(text):
            if closed:
                return (_found("S5", at_ns, f"{text} was sent after STOP, nobody had asked"),)
            written = written or text != ACKNOWLEDGED
    return ()


def _sets(text: str) -> bool:
    """True for a command that changes what the pump will do, but for the end of Safe mode."""
    name, value = text[:3], text[3:]
    return name in WRITES_BARE or (name in WRITES and bool(value) and text != "SAF0")


def tail_nl(evidence: Evidence) -> float:
    """The most that left a joined syringe's tip after its plunger had come to rest, nL."""
    worst = 0.0
    for index, (before, rest) in enumerate(pairwise(evidence.moves), start=1):
        if before.flow_nl_s > 0.0 and rest.flow_nl_s == 0.0 and rest.to == "patient":
            worst = max(worst, _out_until_next(evidence, index) - rest.out_nl)
    return worst


def _out_until_next(evidence: Evidence, index: int) -> float:
    """What had left the tip of that move's syringe when it ended."""
    name = evidence.moves[index].syringe
    for move in evidence.moves[index + 1 :]:
        if move.syringe == name:
            return move.out_nl
    return float(evidence.rehearsal.truth["syringes"][name]["expelled_nl"])


def judge_s6(evidence: Evidence) -> tuple[Violation, ...]:
    """S6: no more air leaves a tip than what would be a trip where a sensor saw it.

    A plunger gives none. A hose gives what it draws past the end of its vial; where a fault has it
    draw air that no device here shows, the residual tells what is missing.
    """
    if evidence.blind or evidence.air_nl <= AIR_MAX_NL:
        return ()
    text = f"{ml(evidence.air_nl)} of air left a tip, {ml(AIR_MAX_NL)} at most"
    return (_found("S6", evidence.end_ns, text),)


def judge_l1(evidence: Evidence) -> tuple[Violation, ...]:
    """L1: without a fault the treatment is completed, in the profile's time to 1 %.

    A patient whom nobody looks at is a fault of people; what must end that drug is its own row.
    Papers with a mistake end in a refusal, which their scenario states.
    """
    if evidence.rehearsal.case.mistakes or evidence.faulty or _unattended(evidence.rehearsal):
        return ()
    if evidence.rehearsal.broken_off:
        text = f"without a fault: {evidence.rehearsal.broken_off}"
        return (_found("L1", evidence.end_ns, text),)
    driven = [
        (move.at_ns, end_ns)
        for move, end_ns in evidence.stretches()
        if move.syringe == "drug" and move.to == "patient" and move.flow_nl_s > 0.0
    ]
    lasted_s = (driven[-1][1] - driven[0][0]) / NS_PER_S if driven else 0.0
    if abs(lasted_s - evidence.duration_s) <= evidence.duration_s * ON_TIME:
        return ()
    text = f"the drug ran for {lasted_s:.1f} s of {evidence.duration_s:g} s"
    return (_found("L1", evidence.end_ns, text),)


def _unattended(rehearsal: Rehearsal) -> bool:
    """True if the drug was stopped because those who should look at the patient were away."""
    return rehearsal.case.people == "away" and UNATTENDED in rehearsal.broken_off


def judge_l2(evidence: Evidence) -> tuple[Violation, ...]:
    """L2: every trip names its cause with evidence, and nothing ends in STOPPED for no reason.

    A person's own act names itself.
    """
    found: list[Violation] = []
    phase, person = "", False
    for record in evidence.journal:
        body = record["body"]
        if record["kind"] == "event":
            person = "who" in body
        elif record["kind"] == "decision":
            at_ns = record["mono_ns"] - BEGIN_NS
            broke = body["phase"] in BROKEN and phase not in BROKEN and not person
            found += [_found("L2", at_ns, text) for text in _unnamed(body, broke=broke)]
            phase = body["phase"]
    return tuple(found)


def _unnamed(body: dict[str, Any], *, broke: bool) -> list[str]:
    """What one decision leaves without a cause."""
    commands = body["commands"]
    named = {c["alarm"]: c["evidence"].strip() for c in commands if c["type"] == "RaiseAlarm"}
    reasons = [c["reason"].strip() for c in commands if c["type"] == "Stop"]
    wrong = [f"{alarm} was raised without evidence" for alarm, said in named.items() if not said]
    wrong += ["STOP was decided without a reason" for reason in reasons if not reason]
    for reason in reasons:
        tripped = reason.removeprefix(TRIP).split(", ") if reason.startswith(TRIP) else []
        wrong += [f"tripped for {a}, which no alarm names" for a in tripped if a not in named]
    if broke and not (named or reasons):
        wrong.append(f"it came to {body['phase']} and nothing says why")
    return wrong


JUDGES: Final[dict[str, Judge]] = {
    "S1": judge_s1,
    "S2": judge_s2,
    "S3": judge_s3,
    "S4": judge_stops,
    "S5": judge_s5,
    "S6": judge_s6,
    "A": judge_account,
    "L1": judge_l1,
    "L2": judge_l2,
}
"""Every judge by the promise that it holds."""


OF_EACH_PUMP: Final = ("S2", "S3", "S4", "S5")
"""Promises that a second pump is held to by itself: what is drug is the first one's alone."""


def judged(evidence: Evidence) -> tuple[Violation, ...]:
    """All that was broken, in the order of the promises."""
    found = tuple(found for judge in JUDGES.values() for found in judge(evidence))
    second = evidence.second
    if second is None:
        return found
    return (*found, *(broken for name in OF_EACH_PUMP for broken in JUDGES[name](second)))
