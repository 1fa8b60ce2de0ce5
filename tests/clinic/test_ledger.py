"""The ledger balances whatever moves; the line holds what treatment.md says it holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.ledger import (
    Ledger,
    LedgerError,
    LineModel,
    Movement,
    Place,
    line_of,
)
from controller.clinic.order import Priming
from firmware_interfaces.units import NS_PER_S, Becquerel, Nanolitre, Nanoseconds

from .conftest import MakeOrder

ML = 1_000_000
SALINE_LINE = LineModel(Nanolitre(1_500_000), Priming.SALINE)
DRUG_LINE = LineModel(Nanolitre(1_500_000), Priming.DRUG)


def moved(from_: Place, to: Place, activity: int, volume: int = 0) -> Movement:
    return Movement(from_, to, Becquerel(activity), Nanolitre(volume), Nanoseconds(0), "test")


def opened(activity: int = 1000, uncertainty: int = 0) -> Ledger:
    return Ledger(Nanoseconds(0), Place.VIAL, Becquerel(activity), Becquerel(uncertainty))


def test_a_treatment_balances_at_every_moment() -> None:
    ledger = opened()
    for from_, to, activity in (
        (Place.VIAL, Place.SYRINGE, 950),
        (Place.VIAL, Place.TRANSFER, 50),
        (Place.SYRINGE, Place.PRIME, 5),
        (Place.SYRINGE, Place.LINE, 900),
        (Place.LINE, Place.PATIENT, 890),
        (Place.LINE, Place.WASTE, 10),
    ):
        ledger = ledger.move(moved(from_, to, activity))
        assert ledger.unbalance_bq() == 0
    assert {place: ledger.activity_bq(place) for place in Place} == {
        Place.VIAL: 0,
        Place.TRANSFER: 50,
        Place.SYRINGE: 45,
        Place.LINE: 0,
        Place.PATIENT: 890,
        Place.PRIME: 5,
        Place.WASTE: 10,
    }
    assert ledger.discrepancy_bq(Place.SYRINGE, Becquerel(60)) == 15
    assert ledger.activity_bq(Place.SYRINGE) == 45


@pytest.mark.parametrize(
    ("uncertainty", "taken", "good"),
    [(0, 1000, True), (0, 1001, False), (20, 1020, True), (20, 1021, False)],
)
def test_a_place_goes_negative_only_within_the_uncertainty(
    uncertainty: int, taken: int, good: bool
) -> None:
    ledger, movement = opened(uncertainty=uncertainty), moved(Place.VIAL, Place.SYRINGE, taken)
    if good:
        assert ledger.move(movement).activity_bq(Place.VIAL) == 1000 - taken
    else:
        with pytest.raises(LedgerError, match=rf"takes {taken - 1000} Bq more than there is"):
            ledger.move(movement)


@pytest.mark.parametrize(
    "movement",
    [
        moved(Place.VIAL, Place.VIAL, 1),
        moved(Place.VIAL, Place.SYRINGE, -1),
        moved(Place.VIAL, Place.SYRINGE, 1, -1),
    ],
)
def test_impossible_movements(movement: Movement) -> None:
    with pytest.raises(LedgerError, match=r"vial to \w+ \(test\): "):
        opened().move(movement)


@pytest.mark.parametrize(("activity", "uncertainty"), [(-1, 0), (0, -1)])
def test_impossible_openings(activity: int, uncertainty: int) -> None:
    with pytest.raises(LedgerError, match="negative"):
        opened(activity, uncertainty)


@given(
    st.lists(
        st.tuples(st.sampled_from(Place), st.sampled_from(Place), st.integers(-10, 1500)),
        max_size=12,
    )
)
def test_no_sequence_unbalances_it(steps: list[tuple[Place, Place, int]]) -> None:
    ledger = opened(uncertainty=7)
    for from_, to, activity in steps:
        try:
            ledger = ledger.move(moved(from_, to, activity))
        except LedgerError:
            continue
    assert ledger.unbalance_bq() == 0
    assert all(ledger.activity_bq(place) >= -7 for place in Place)


@pytest.mark.parametrize(("dose_ml", "percent"), [(10, 15), (20, 7.5), (30, 5), (60, 2.5)])
def test_share_of_the_dose_in_1_5_ml_of_line(dose_ml: int, percent: float) -> None:
    assert SALINE_LINE.in_line_nl(dose_ml * ML, 0) / (dose_ml * ML) * 100 == percent


@pytest.mark.parametrize(
    ("line", "pumped", "flushed", "delivered", "in_line"),
    [
        (SALINE_LINE, 0, 0, 0, 0),
        (SALINE_LINE, 1_000_000, 0, 0, 1_000_000),
        (SALINE_LINE, 1_500_000, 0, 0, 1_500_000),
        (SALINE_LINE, 1_500_001, 0, 1, 1_500_000),
        (SALINE_LINE, 10 * ML, 1 * ML, 9_500_000, 500_000),
        (SALINE_LINE, 10 * ML, 1_500_000, 10 * ML, 0),
        (SALINE_LINE, 10 * ML, 4_500_000, 10 * ML, 0),
        (SALINE_LINE, 1 * ML, 1 * ML, 500_000, 500_000),
        (DRUG_LINE, 0, 0, 0, 1_500_000),
        (DRUG_LINE, 1 * ML, 0, 1 * ML, 1_500_000),
        (DRUG_LINE, 1 * ML, 1 * ML, 2 * ML, 500_000),
        (DRUG_LINE, 1 * ML, 9 * ML, 2_500_000, 0),
    ],
)
def test_plug_flow(
    line: LineModel, pumped: int, flushed: int, delivered: int, in_line: int
) -> None:
    assert line.delivered_nl(pumped, flushed) == delivered
    assert line.in_line_nl(pumped, flushed) == in_line


def test_bounds_of_an_uncertain_delivery() -> None:
    state = SALINE_LINE.state(1_000_000, 3_000_000, 0)
    assert (state.delivered_low_nl, state.delivered_high_nl) == (0, 1_500_000)
    assert (state.in_line_low_nl, state.in_line_high_nl) == (1_000_000, 1_500_000)


@given(
    line=st.sampled_from([SALINE_LINE, DRUG_LINE]),
    low=st.integers(0, 60 * ML),
    span=st.integers(0, 5 * ML),
    flushed=st.integers(0, 10 * ML),
)
def test_nothing_is_lost_and_bounds_are_ordered(
    line: LineModel, low: int, span: int, flushed: int
) -> None:
    state = line.state(low, low + span, flushed)
    assert state.delivered_low_nl + state.in_line_low_nl == low + line.primed_nl
    assert 0 <= state.delivered_low_nl <= state.delivered_high_nl
    assert 0 <= state.in_line_low_nl <= state.in_line_high_nl <= line.dead_volume_nl


def test_drug_arrives_4_5_minutes_late_at_20_ml_h() -> None:
    assert SALINE_LINE.arrival_offset_ns(20_000) == 270 * NS_PER_S
    assert DRUG_LINE.arrival_offset_ns(20_000) == 0
    assert DRUG_LINE.clearance_ns(20_000) == 270 * NS_PER_S
    assert SALINE_LINE.clearance_ns(7_000_000) == 771_428_572


def test_no_rate_no_arrival() -> None:
    with pytest.raises(ValueError, match="positive: 0"):
        SALINE_LINE.arrival_offset_ns(0)


def test_the_line_of_an_order(make_order: MakeOrder) -> None:
    assert line_of(make_order()) == SALINE_LINE
    assert line_of(make_order(line__primed_with="drug")) == DRUG_LINE


# --- saline between drug --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "drug", "marks", "delivered"),
    [
        (SALINE_LINE, 5_000_000, (), 3_500_000),
        (SALINE_LINE, 5_000_000, ((5_000_000, 1_000_000),), 4_500_000),
        (SALINE_LINE, 10_000_000, ((5_000_000, 1_000_000),), 8_500_000),
        (SALINE_LINE, 7_000_000, ((5_000_000, 1_000_000),), 5_500_000),
        (SALINE_LINE, 5_400_000, ((5_000_000, 1_000_000),), 4_900_000),
        (SALINE_LINE, 10_000_000, ((5_000_000, 1_000_000), (10_000_000, 4_500_000)), 10_000_000),
        (SALINE_LINE, 0, ((0, 1_000_000),), 0),
        (DRUG_LINE, 0, ((0, 1_000_000),), 1_000_000),
        (DRUG_LINE, 2_000_000, ((0, 1_000_000),), 2_000_000),
    ],
)
def test_saline_between_drug_is_no_drug(
    line: LineModel, drug: int, marks: tuple[tuple[int, int], ...], delivered: int
) -> None:
    state = line.interleaved((drug, drug), (marks, marks))
    assert state.delivered_low_nl == state.delivered_high_nl == delivered
    assert state.in_line_low_nl == state.in_line_high_nl == line.primed_nl + drug - delivered


@given(
    line=st.sampled_from((SALINE_LINE, DRUG_LINE)),
    drug=st.integers(0, 60_000_000),
    flushed=st.integers(0, 6_000_000),
)
def test_saline_behind_all_drug_is_a_flush(line: LineModel, drug: int, flushed: int) -> None:
    marks = ((drug, flushed),)
    assert line.interleaved((drug, drug), (marks, marks)) == line.state(drug, drug, flushed)
