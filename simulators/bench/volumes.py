"""S1 and A: what left the drug syringe, against what was released and against what the books say.

Volumes are the plunger's own and the wire's. Of the daemon's words only the record's interval of
what was pumped is read, for that is what is judged.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Final

from simulators.bench.evidence import NL_PER_ML, NS_PER_S, Evidence, Violation
from simulators.bench.said import Said
from simulators.devices.room import Move

OUT_TOLERANCE_NL: Final = 20_000.0
"""Two steps of a coarse counter: what a pump may overshoot its programmed volume by."""
HAND_NS: Final = 1_280_000_000
"""One poll, two exchanges till STOP is on the wire and one till it acts: what fingers on the keys
moved until then nothing can prevent, and no counter was asked for."""

FLOW_WINDOW_NS: Final = 11 * NS_PER_S
"""The window of *no flow* (treatment.md 3), and till it is judged."""


class Travel:
    """How far plungers went forward, nL, as far as ``counts`` says; linear in between."""

    def __init__(self, evidence: Evidence, counts: Callable[[Move], bool]) -> None:
        self.times, self.swept = [0], [0.0]
        for move, end_ns in evidence.stretches():
            flow = max(move.flow_nl_s, 0.0) if counts(move) else 0.0
            self.times.append(end_ns)
            self.swept.append(self.swept[-1] + flow * (end_ns - move.at_ns) / NS_PER_S)

    def until(self, at_ns: int) -> float:
        """The travel from the beginning until then."""
        right = bisect_right(self.times, at_ns)
        if right == 0:
            return self.swept[0]
        if right == len(self.times):
            return self.swept[-1]
        before, after = self.times[right - 1], self.times[right]
        share = (at_ns - before) / (after - before)
        return self.swept[right - 1] + share * (self.swept[right] - self.swept[right - 1])

    def between(self, begin_ns: int, end_ns: int) -> float:
        """The travel between two times."""
        return self.until(end_ns) - self.until(begin_ns)


def drug_pumped(evidence: Evidence) -> Travel:
    """Of the drug syringe's plunger with the line joined: what *pumped* means (treatment.md 1)."""
    return Travel(evidence, lambda move: move.syringe == "drug" and move.to != "open")


def by_hand_nl(
    evidence: Evidence, pumped: Travel, until_ns: int | None = None, from_ns: int = 0
) -> float:
    """What keys pressed at the pump moved until nobody could have stopped it sooner."""
    last_ns = evidence.end_ns if until_ns is None else until_ns
    total = 0.0
    for blow in evidence.blown("keypad_take_over", "panel_use"):
        begin_ns, end_ns = max(blow.at_ns, from_ns), min(blow.at_ns + HAND_NS, last_ns)
        total += pumped.between(begin_ns, end_ns) if begin_ns < end_ns else 0.0
    return total


def hidden_nl(evidence: Evidence, pumped: Travel) -> float:
    """What was pumped that no program could have seen in time, nL."""
    return by_hand_nl(evidence, pumped) + uncounted_nl(evidence, pumped)


def let_go_nl(evidence: Evidence) -> float:
    """What a pump pressed against the clamp once it was let go of: after SAF0, no watchdog since.

    The delivery has been ended then. The pump is anybody's and is asked nothing any more, so what
    keys have it do is in no answer. Into an open line nothing is excused.
    """
    clamped = Travel(evidence, lambda move: move.syringe == "drug" and move.to == "closed")
    ended_ns = None
    for said in evidence.obeyed:
        if said.watchdog_s is not None:
            ended_ns = said.at_ns if said.watchdog_s == 0 else None
    return 0.0 if ended_ns is None else clamped.between(ended_ns, evidence.end_ns)


def uncounted_nl(evidence: Evidence, pumped: Travel) -> float:
    """What a counter hid that stood for less time than the row *no flow* looks back."""
    total = 0.0
    for blow in evidence.blown("stuck_counter"):
        until_ns = evidence.end_ns if blow.until_ns is None else blow.until_ns
        if _moving_ns(evidence, blow.at_ns, until_ns) < FLOW_WINDOW_NS:
            total += pumped.between(blow.at_ns, until_ns)
    return total


def _moving_ns(evidence: Evidence, begin_ns: int, end_ns: int) -> int:
    """For how long the drug was driven between two times."""
    return sum(
        max(0, min(end_ns, until_ns) - max(begin_ns, move.at_ns))
        for move, until_ns in evidence.stretches()
        if move.syringe == "drug" and move.flow_nl_s > 0.0
    )


def _play_nl(evidence: Evidence) -> float:
    """A block that keys drew back counts its way forward to the plunger as if it pumped."""
    return evidence.slack_nl if evidence.blown("keypad_take_over") else 0.0


def ml(volume_nl: float) -> str:
    """A volume for people."""
    return f"{volume_nl / NL_PER_ML:.3f} mL"


def judge_s1(evidence: Evidence) -> tuple[Violation, ...]:
    """S1: no more activity than was released ever leaves the drug syringe.

    Its drug is one concentration, so volumes say it: what left the tip, what was pumped into the
    line, and what a RUN would pump if nothing stopped it but the pump's own volume. Where the
    devices are blind to the fault, what was assayed in the syringe is the only bound. What left
    the tip holds the seat's drop as well, so what keys moved comes on top of the usable volume.
    """
    if evidence.blind:
        return tuple(_out_of_the_tip(evidence, evidence.in_syringe_nl))
    pumped = drug_pumped(evidence)
    unseen_nl = hidden_nl(evidence, pumped)
    bound_nl = evidence.released_nl + unseen_nl
    return (
        *_out_of_the_tip(evidence, evidence.usable_nl + unseen_nl),
        *_pumped_too_much(pumped, bound_nl),
        *_programmed_too_much(evidence, pumped, bound_nl),
    )


def _s1(at_ns: int, text: str) -> Violation:
    return Violation("S1", at_ns / NS_PER_S, text)


def _out_of_the_tip(evidence: Evidence, bound_nl: float) -> Iterator[Violation]:
    for sample in evidence.rehearsal.samples:
        if sample.drug_out_nl > bound_nl + OUT_TOLERANCE_NL:
            left = f"{ml(sample.drug_out_nl)} left the syringe"
            yield _s1(sample.at_ns, f"{left}, {ml(bound_nl)} were released")
            return


def _pumped_too_much(pumped: Travel, bound_nl: float) -> Iterator[Violation]:
    for at_ns, total_nl in zip(pumped.times, pumped.swept, strict=True):
        if total_nl > bound_nl + OUT_TOLERANCE_NL:
            yield _s1(at_ns, f"{ml(total_nl)} were pumped, {ml(bound_nl)} were released")
            return


def _programmed_too_much(
    evidence: Evidence, pumped: Travel, bound_nl: float
) -> Iterator[Violation]:
    """A RUN that leaves with more in the pump's memory than may still be given."""
    for run in evidence.asked:
        if run.text != "RUN" or not _drives_drug(evidence, run.at_ns):
            continue
        held_nl = _volume_told(evidence.obeyed, run.at_ns)
        total_nl = pumped.until(run.at_ns) + held_nl
        if total_nl > bound_nl + OUT_TOLERANCE_NL:
            text = f"RUN for {ml(held_nl)}, {ml(total_nl)} in all, {ml(bound_nl)} were released"
            yield _s1(run.at_ns, text)


def _drives_drug(evidence: Evidence, at_ns: int) -> bool:
    """True if the drug syringe lies in the pump then, its line joined."""
    index = bisect_right(evidence.moves, at_ns, key=lambda move: move.at_ns) - 1
    move = evidence.moves[max(index, 0)]
    return move.syringe == "drug" and move.to != "open"


def _volume_told(obeyed: tuple[Said, ...], at_ns: int) -> float:
    """The volume that the pump was last told, nL."""
    told = 0.0
    for said in obeyed:
        if said.at_ns > at_ns:
            break
        if said.text.startswith("VOL") and said.text[3:4].isdigit():
            told = float(said.text[3:]) * NL_PER_ML
    return told


def judge_account(evidence: Evidence) -> tuple[Violation, ...]:
    """A: the intervals that a closed record states for what was pumped hold what was pumped.

    So do those of what hands gave, where anybody entered that.
    A judgement that cannot know says so by a wider interval; one that is closed too early is found
    here. Where the devices are blind, the record cannot know and S1 and the residual speak; so it
    is with a pump that was let go of, whose syringe is measured then.
    """
    interval = evidence.rehearsal.record.get("pumped_interval_ml")
    if interval is None or evidence.blind or not evidence.rehearsal.closed:
        return ()
    pumped = drug_pumped(evidence)
    truth_nl = pumped.swept[-1]
    low_nl, high_nl = (limit * NL_PER_ML for limit in interval)
    most_nl = high_nl + hidden_nl(evidence, pumped) + let_go_nl(evidence)
    least_nl = low_nl - _play_nl(evidence)
    by_hand = tuple(_entered_late(evidence))
    if least_nl - OUT_TOLERANCE_NL <= truth_nl <= most_nl + OUT_TOLERANCE_NL:
        return by_hand
    text = f"{ml(truth_nl)} were pumped, the record says {ml(low_nl)} to {ml(high_nl)}"
    return (Violation("A", evidence.end_ns / NS_PER_S, text), *by_hand)


def _entered_late(evidence: Evidence) -> Iterator[Violation]:
    """What hands pushed, against what the record says they gave."""
    entry = evidence.rehearsal.record.get("late_entry")
    pushed_nl = float(evidence.rehearsal.truth["pushed_nl"])
    low_nl, high_nl = (0.0, 0.0) if entry is None else (ml * NL_PER_ML for ml in entry["given_ml"])
    if not low_nl <= pushed_nl <= high_nl:
        text = f"{ml(pushed_nl)} were given by hand, the record says {ml(low_nl)} to {ml(high_nl)}"
        yield Violation("A", evidence.end_ns / NS_PER_S, text)
