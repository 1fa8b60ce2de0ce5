"""What people ask for and say: each request in a few values, with who asks where it matters."""

from collections.abc import Iterator
from typing import Any, Final

from controller.core import events as e
from controller.core.aftermath import settle_run
from controller.core.late_entry import left_nl
from controller.core.place import Place
from simulators.bench.explore.node import FLUSH_UM, ORDER, SKEW, Act, Move, Node, S

PERSON_NS: Final = S // 5
AB: Final = ("ab", "technician")
CD: Final = ("cd", "technician")
AU: Final = ("au", "authorized_user")
NOBODY: Final = ("", "")
GRADUATION_NL: Final = 20_000


def _person(kind: type[e.Event], who: tuple[str, str], *said: Any) -> Act:
    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(PERSON_NS)
        return node, node.see(kind, *who, *said)

    return act


def people() -> Iterator[Move]:
    """Every move of a person."""
    for name, kind, who, *said in PEOPLE:
        words = [str(x) for x in said if isinstance(x, (str, bool, int))]
        label = " ".join([name, *(who[:1] if who[0] else ("nobody",)), *(w or "-" for w in words)])
        yield Move(label, kind, _person(kind, who, *said))
    yield Move("barrel right", e.BarrelRead, _barrel_right)
    yield Move("bounded by two", e.DeliveryBounded, _bounded("cd"))
    yield Move("bounded by one", e.DeliveryBounded, _bounded("ab"))
    yield Move("bounded beyond", e.DeliveryBounded, _bounded("cd", 10**9))
    yield Move("by hand by two", e.FinishedByHand, _by_hand("cd"))
    yield Move("by hand by one", e.FinishedByHand, _by_hand("ab"))
    yield Move("by hand beyond", e.FinishedByHand, _by_hand("cd", 1))


PEOPLE: Final[tuple[tuple[Any, ...], ...]] = (
    ("order", e.OrderLoaded, AB, ORDER),
    ("directive signed", e.DirectiveSigned, AU, "0" * 64),
    ("directive revised", e.DirectiveRevised, AB, "{}", ORDER),
    ("gate answered", e.GateAnswered, AB, "shield", '{"in_place":true}'),
    ("gate overridden", e.GateOverridden, AU, "shield", "no room for one"),
    ("ask assay", e.AssayRequested, AB),
    *(("release", e.ReleaseSigned, who) for who in (AB, CD, AU, NOBODY)),
    ("to the bedside", e.CustodyHandedOver, AB, Place.BEDSIDE, "cd"),
    ("to the bedside", e.CustodyHandedOver, AB, Place.BEDSIDE, "ab"),
    ("to the hot lab", e.CustodyHandedOver, AB, Place.HOT_LAB, "cd"),
    ("patency run", e.PatencyRequested, AB, "saline 10 mL", FLUSH_UM),
    ("patency", e.PatencyConfirmed, AB, True, False),
    ("patency", e.PatencyConfirmed, AB, False, False),
    ("patency leak", e.PatencyConfirmed, AB, True, True),
    ("seat run", e.SeatRequested, AB, "cd"),
    ("seat run", e.SeatRequested, AB, "ab"),
    ("drop seen", e.SeatConfirmed, AB, True),
    ("drop seen", e.SeatConfirmed, AB, False),
    ("connected", e.ConnectionConfirmed, AB, True),
    ("connected", e.ConnectionConfirmed, AB, False),
    ("arm", e.ArmRequested, AB),
    ("start", e.StartRequested, AB),
    ("start", e.StartRequested, CD),
    ("confirm start", e.StartConfirmed, AB),
    ("confirm start", e.StartConfirmed, CD),
    ("barrel wrong", e.BarrelRead, AB, 2 * ORDER.fill_nl),
    ("barrel impossible", e.BarrelRead, AB, -1),
    ("site", e.SiteChecked, AB, True),
    ("site", e.SiteChecked, AB, False),
    ("hold", e.HoldRequested, AB, "toilet"),
    ("hold", e.HoldRequested, AB, " "),
    ("resume", e.ResumeRequested, AB, False),
    ("resume", e.ResumeRequested, CD, False),
    ("resume new site", e.ResumeRequested, AB, True),
    ("resume new site", e.ResumeRequested, CD, True),
    ("STOP", e.StopPressed, NOBODY, "panel"),
    ("pain", e.PainPressed, AB),
    ("spill", e.SpillPressed, AB),
    ("moved", e.PatientMovedPressed, AB),
    ("acknowledge", e.Acknowledged, AB, ""),
    ("acknowledge", e.Acknowledged, AB, "pain"),
    ("quiet", e.AudioPaused, AB),
    ("abort", e.AbortRequested, AB, "medical"),
    ("abort", e.AbortRequested, AB, ""),
    ("end", e.EndRequested, AB, "medical"),
    ("end", e.EndRequested, AB, ""),
    ("flush run", e.FlushRequested, AB, "saline 10 mL", FLUSH_UM, "cd"),
    ("flush run", e.FlushRequested, AB, "saline 10 mL", FLUSH_UM, "ab"),
    ("keep open", e.KvoRequested, AB, "saline 10 mL", FLUSH_UM, "cd"),
    ("flushed", e.FlushConfirmed, AB, 150_000),
    ("flushed", e.FlushConfirmed, AB, 0),
    ("give up", e.GivenUp, AB),
    ("measure", e.ResidualRequested, AB, "background"),
    ("measure", e.ResidualRequested, AB, "syringe_and_line"),
    ("measure", e.ResidualRequested, AB, ""),
    ("survey", e.SurveyRecorded, AB, (("pad", 0), ("site", 0), ("floor", 0), ("gloves", 0)), False),
    ("survey half", e.SurveyRecorded, AB, (("pad", 0),), False),
    ("close", e.CloseRequested, AB),
    ("cancel", e.CancelRequested, AB, "withdrew"),
    ("cancel", e.CancelRequested, AB, ""),
)


def _barrel_right(node: Node) -> tuple[Node, e.Event]:
    """What truly is in the drug syringe."""
    node = node.wait(PERSON_NS)
    left = ORDER.fill_nl - node.plant.drug_nl - node.state.seat_prime_nl
    return node, node.see(e.BarrelRead, *AB, max(0, left))


def _bounded(other: str, beyond_nl: int = 0) -> Act:
    """Two people read the barrel to within a graduation: that takes longer than any lease."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(60 * S)
        certain = settle_run(node.state).drug
        low = max(certain.low_nl, node.plant.drug_nl - GRADUATION_NL)
        high = min(certain.high_nl, node.plant.drug_nl + GRADUATION_NL)
        return node, node.see(e.DeliveryBounded, *AB, other, "barrel", low, high + beyond_nl)

    return act


def _by_hand(other: str, beyond_nl: int = 0) -> Act:
    """Two people gave all that the container still held, in the minute before they say so."""

    def act(node: Node) -> tuple[Node, e.Event]:
        node = node.wait(60 * S)
        left = left_nl(settle_run(node.state)) if node.state.treatment is not None else 0
        now_utc_ns = node.now_ns + SKEW
        said = ("cd", now_utc_ns - 60 * S, now_utc_ns, 0, max(0, left) + beyond_nl, 450_000)
        return node, node.see(e.FinishedByHand, *AB, other, *said, "barrel", "no computer")

    return act
