"""Where the activity is: a ledger that balances at every moment, and plug flow through the line.

All activities in a ledger are at its one reference time, so decay never looks like a loss. It is
told what moved; it reads no device and no clock.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from controller.clinic.order import Order, Priming
from firmware_interfaces.units import (
    NL_PER_UL,
    NS_PER_H,
    Becquerel,
    Nanolitre,
    Nanoseconds,
)


class Place(StrEnum):
    """Where activity can be (treatment.md 1)."""

    VIAL = "vial"
    TRANSFER = "transfer"
    SYRINGE = "syringe"
    LINE = "line"
    PATIENT = "patient"
    PRIME = "prime"
    WASTE = "waste"


class LedgerError(ValueError):
    """A movement is impossible; the message names the movement and the rule."""


@dataclass(frozen=True, slots=True)
class Movement:
    """Activity and volume that went from one place to another, and why."""

    from_: Place
    to: Place
    activity_bq_at_reference: Becquerel
    volume_nl: Nanolitre
    at_utc_ns: Nanoseconds
    why: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was first found in one place, and every movement since.

    ``uncertainty_bq`` is how far below zero a place may go because readings are uncertain.
    """

    reference_utc_ns: Nanoseconds
    opened_in: Place
    opened_bq: Becquerel
    uncertainty_bq: Becquerel
    movements: tuple[Movement, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a negative opening or uncertainty with LedgerError."""
        if self.opened_bq < 0 or self.uncertainty_bq < 0:
            raise LedgerError("opening activity and uncertainty must not be negative")

    def move(self, movement: Movement) -> Self:
        """Return the ledger after ``movement``; LedgerError if it takes what is not there."""
        problem = self._problem(movement)
        if problem:
            raise LedgerError(f"{movement.from_} to {movement.to} ({movement.why}): {problem}")
        return replace(self, movements=(*self.movements, movement))

    def activity_bq(self, place: Place) -> Becquerel:
        """Activity in ``place`` at the reference time."""
        held = self.opened_bq if place is self.opened_in else 0
        for movement in self.movements:
            held += movement.activity_bq_at_reference * _sign(movement, place)
        return Becquerel(held)

    def unbalance_bq(self) -> Becquerel:
        """Sum over all places less what was opened: zero, always."""
        return Becquerel(sum(self.activity_bq(place) for place in Place) - self.opened_bq)

    def discrepancy_bq(self, place: Place, measured_bq_at_reference: Becquerel) -> Becquerel:
        """Measured less booked activity of ``place``; a measurement does not change the books."""
        return Becquerel(measured_bq_at_reference - self.activity_bq(place))

    def _problem(self, movement: Movement) -> str:
        activity = movement.activity_bq_at_reference
        if movement.from_ is movement.to:
            return "must be two different places"
        if activity < 0 or movement.volume_nl < 0:
            return "activity and volume must not be negative"
        left = self.activity_bq(movement.from_) - activity
        if left < -self.uncertainty_bq:
            return f"takes {-left} Bq more than there is, uncertainty {self.uncertainty_bq} Bq"
        return ""


@dataclass(frozen=True, slots=True)
class LineState:
    """Drug volumes, lowest and highest: past the line, and still in it."""

    delivered_low_nl: Nanolitre
    delivered_high_nl: Nanolitre
    in_line_low_nl: Nanolitre
    in_line_high_nl: Nanolitre


Mark = tuple[int, int]
"""So much saline (the second) went in when so much drug (the first) had gone in, nL."""


@dataclass(frozen=True, slots=True)
class LineModel:
    """Plug flow from syringe tip to vein: what goes in first comes out first, unmixed."""

    dead_volume_nl: Nanolitre
    primed_with: Priming

    @property
    def primed_nl(self) -> Nanolitre:
        """Drug in the line before the pump runs."""
        return self.dead_volume_nl if self.primed_with is Priming.DRUG else Nanolitre(0)

    def delivered_nl(self, pumped_nl: int, flushed_nl: int) -> Nanolitre:
        """Drug past the line after ``pumped_nl`` of drug and ``flushed_nl`` of saline."""
        drug = self.primed_nl + pumped_nl
        saline_ahead = self.dead_volume_nl - self.primed_nl
        return Nanolitre(max(0, min(drug, pumped_nl + flushed_nl - saline_ahead)))

    def in_line_nl(self, pumped_nl: int, flushed_nl: int) -> Nanolitre:
        """Drug that is in the line."""
        drug = self.primed_nl + pumped_nl
        return Nanolitre(drug - self.delivered_nl(pumped_nl, flushed_nl))

    def state(self, pumped_low_nl: int, pumped_high_nl: int, flushed_nl: int) -> LineState:
        """Bounds of both from bounds of what was pumped; both grow with it, so ends map to ends."""
        return LineState(
            self.delivered_nl(pumped_low_nl, flushed_nl),
            self.delivered_nl(pumped_high_nl, flushed_nl),
            self.in_line_nl(pumped_low_nl, flushed_nl),
            self.in_line_nl(pumped_high_nl, flushed_nl),
        )

    def interleaved(
        self, drug_nl: tuple[int, int], marks: tuple[tuple[Mark, ...], tuple[Mark, ...]]
    ) -> LineState:
        """Bounds of both where saline went in between drug, each time after so much drug.

        Ends are taken with ends, and the widest of them stands.
        """
        ends = [(drug, self._past(drug, several)) for drug in drug_nl for several in marks]
        past = sorted(through for _, through in ends)
        held = sorted(self.primed_nl + drug - through for drug, through in ends)
        bounds = (past[0], past[-1], held[0], held[-1])
        return LineState(*(Nanolitre(bound) for bound in bounds))

    def _past(self, drug_nl: int, marks: tuple[Mark, ...]) -> int:
        """Drug in all that has left the line: what went in first, the line's content before it."""
        left = drug_nl + sum(saline for _, saline in marks)
        past, before = 0, 0
        parts = [(self.primed_nl > 0, int(self.dead_volume_nl))]
        for drug_before, saline in marks:
            at = min(max(drug_before, before), drug_nl)
            parts += [(True, at - before), (False, saline)]
            before = at
        for is_drug, volume in (*parts, (True, drug_nl - before)):
            part = min(volume, left)
            left -= part
            past += part if is_drug else 0
        return past

    def arrival_offset_ns(self, rate_ul_h: int) -> Nanoseconds:
        """From pump start to drug at the vein, rounded up: 4.5 min for 1.5 mL at 20 mL/h."""
        return _transit_ns(self.dead_volume_nl - self.primed_nl, rate_ul_h)

    def clearance_ns(self, flush_rate_ul_h: int) -> Nanoseconds:
        """From flush start until no drug is left in the line, rounded up."""
        return _transit_ns(self.dead_volume_nl, flush_rate_ul_h)


def line_of(order: Order) -> LineModel:
    """Return the line that the order describes."""
    return LineModel(order.dead_volume_nl, order.line.primed_with)


def _transit_ns(volume_nl: int, rate_ul_h: int) -> Nanoseconds:
    if rate_ul_h <= 0:
        raise ValueError(f"rate must be positive: {rate_ul_h}")
    return Nanoseconds(-(-volume_nl * NS_PER_H // (rate_ul_h * NL_PER_UL)))


def _sign(movement: Movement, place: Place) -> int:
    return (movement.to is place) - (movement.from_ is place)
