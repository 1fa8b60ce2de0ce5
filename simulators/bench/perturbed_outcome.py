"""What came of a treatment with a perturbed table, by ground truth, and in the daemon's own words.

It judges one rehearsal; how one is made, and which there are, stands elsewhere.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from controller.core.alarms import ALARMS, Action
from simulators.bench.evidence import BEGIN_NS, NS_PER_S, Blow, Evidence, Violation
from simulators.bench.judge import VOLUME_TOLERANCE_PERCENT, judge, utc_ns
from simulators.bench.judges import judged
from simulators.bench.perturbation import Row
from simulators.bench.residual_hazards import Hazard, hazard_of
from simulators.bench.stops import STANDS_NL

REFUSED: Final = "refused"
TRIPPED: Final = "tripped"
INSIDE: Final = "inside limits"
NEVER_MET: Final = "not used"
RESIDUAL: Final = "found at residual"
HAZARD: Final = "residual hazard"
STOP_INPUT_NS: Final = NS_PER_S // 10
"""Within this the pump itself answers its input."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, the daemon's words with their time, and every promise that was broken."""

    kind: str
    words: str
    broken: tuple[str, ...]


def outcome_of(row: Row, evidence: Evidence, *, met: bool) -> Outcome:
    """Judge one row's treatment; ``met`` says whether the altered entry was used in it."""
    hazard = hazard_of(row.name)
    evidence = _seen_with(row, evidence, hazard)
    kind, words = _kind(evidence)
    found = (*judged(evidence), *_stop_input(row, evidence))
    admitted = [one for one in found if hazard is not None and one.id in hazard.breaks]
    broken = [str(one) for one in found if one not in admitted]
    record, truth = evidence.rehearsal.record, evidence.rehearsal.truth
    wrong = list(figures(record, truth))
    excused = hazard is not None and "A" in hazard.breaks
    if not excused and (hazard is None or not hazard.blind):
        broken += wrong
    elif not excused and not _noticed(record):
        broken += [f"{text}, and nothing in the record says so" for text in wrong]
    broken += [f"F: {failure}" for failure in evidence.rehearsal.failures]
    if not met:
        kind = NEVER_MET
    elif admitted or (wrong and excused):
        kind, words = HAZARD, "; ".join([*map(str, admitted), *wrong])
    elif wrong:
        kind = RESIDUAL if kind == INSIDE else HAZARD
        words = "; ".join((words, *wrong)) if words else "; ".join(wrong)
    return Outcome(kind, words, tuple(broken))


def _stop_input(row: Row, evidence: Evidence) -> Iterator[Violation]:
    """E: the pump's stop input, when it falls, stops the plunger."""
    if not row.entry.startswith("TRG"):
        return
    for blow in evidence.blown("keypad_take_over"):
        rests_ns = blow.at_ns + STOP_INPUT_NS
        moved_nl = evidence.displaced_nl(rests_ns + NS_PER_S) - evidence.displaced_nl(rests_ns)
        if moved_nl > STANDS_NL:
            yield Violation("E", blow.at_ns / NS_PER_S, "the stop input did not stop the pump")


def _seen_with(row: Row, evidence: Evidence, hazard: Hazard | None) -> Evidence:
    """A row is a fault, from the beginning; a pump that cannot be told STOP is left to time."""
    deaf = (Blow(0, "deaf_to_stop"),) if row.entry == "STP" else ()
    blind = evidence.blind or (hazard is not None and hazard.blind)
    return replace(evidence, faulty=True, blind=blind, blows=(*evidence.blows, *deaf))


def _kind(evidence: Evidence) -> tuple[str, str]:
    """Refused: no RUN left, or none for the drug; tripped: once something ran."""
    ran = any(said.text == "RUN" for said in evidence.asked)
    started = any(act.name == "StartConfirmed" for act in evidence.acts)
    raised = list(_raised(evidence))
    tripped = [words for action, words in raised if action is Action.TRIP]
    if ran and tripped:
        return TRIPPED, tripped[0]
    if not (ran and started):
        # Until its self-test is over every daemon refuses a start: that says nothing of the row.
        refused = [
            words
            for action, words in raised
            if action is not Action.ADVISORY and not words.endswith(": under way")
        ]
        return REFUSED, refused[0] if refused else _rule(evidence.rehearsal.broken_off)
    return INSIDE, ""


def _raised(evidence: Evidence) -> Iterator[tuple[Action, str]]:
    """Every alarm as the journal has it, with its time and evidence."""
    for record in evidence.journal:
        if record["kind"] == "decision":
            at_s = (record["mono_ns"] - BEGIN_NS) / NS_PER_S
            for command in record["body"]["commands"]:
                if command["type"] == "RaiseAlarm":
                    row, said = command["alarm"], command["evidence"]
                    yield ALARMS[row].action, f"{row} at {at_s:.1f} s: {said}"


def _rule(trouble: str) -> str:
    """A refusal of the panel by the rule that it names; anything else as people met it."""
    what, brace, rest = trouble.partition("{")
    if not brace:
        return trouble
    error = json.loads(brace + rest)["error"]
    return f"{what.split(':')[1].strip()} refused: {error['rule']} ({error['detail']})"


def figures(record: Mapping[str, Any], truth: Mapping[str, Any]) -> Iterator[str]:
    """Where a record's figures are further from the truth than its stated uncertainty."""
    started = record.get("times", {}).get("pump_start")
    if started is None:
        return
    verdict = judge(record, truth, utc_ns(started))
    out_ml = verdict["drug_out_ml"]
    low, high = record["pumped_interval_ml"]
    margin = record["planned_ml"] * VOLUME_TOLERANCE_PERCENT / 100.0
    if not low - margin <= out_ml <= high + margin:
        yield f"V: {out_ml:g} mL left the syringe, the record says {low:g} to {high:g} mL"
    for name, route in verdict["routes"].items():
        if name != "volume" and route["record"] is not None and not route["agrees"]:
            said = f"{route['record']:.1f} ± {route['allowed']:.1f} MBq"
            yield f"A: {route['truth']:.1f} MBq arrived, {name} says {said}"


def _noticed(record: Mapping[str, Any]) -> bool:
    """Whether the record itself says that something is not as planned."""
    agreement = record.get("agreement")
    disagrees = agreement is not None and not agreement["agrees"]
    return disagrees or bool(record.get("candidates")) or record.get("outcome") != "complete"
