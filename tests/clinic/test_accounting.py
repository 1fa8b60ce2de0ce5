"""Two routes, their uncertainty, their agreement, and when a person must judge."""

from dataclasses import replace
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.clinic.accounting import (
    Account,
    Agreement,
    Budget,
    Candidate,
    Component,
    Deviation,
    Measured,
    Residual,
    Route,
    RouteResult,
    account,
    by_residual,
    by_volume,
    deviation,
    residual_share,
)
from firmware_interfaces.units import Becquerel, Nanolitre

BUDGET = Budget()
NO_BUDGET = Budget(0, 0, 0, 0, 0, 0, 0)
A = 1_700_000_000


def measured(**changes: object) -> Measured:
    """Measure 20 mL of which 19.5 mL were delivered and 0.5 mL stayed, without waste."""
    good = Measured(
        prescribed_bq=Becquerel(1_681_700_000),
        prescribed_range_bq=None,
        assayed_bq=Becquerel(A),
        residual_bq=Becquerel(42_500_000),
        kept_by_plan_bq=Becquerel(0),
        waste_bq=Becquerel(0),
        prime_bq=Becquerel(0),
        resolution_bq=Becquerel(100_000),
        fill_nl=Nanolitre(20_000_000),
        dead_volume_nl=Nanolitre(1_500_000),
        delivered_low_nl=Nanolitre(19_500_000),
        delivered_high_nl=Nanolitre(19_500_000),
    )
    return replace(good, **changes)  # type: ignore[arg-type]


def judged(**changes: object) -> Account:
    return account(measured(**changes), BUDGET)


@pytest.mark.requirement("T6.1")
def test_both_routes_of_a_clean_treatment() -> None:
    found = judged()
    assert found.by_residual is not None
    assert found.by_residual.delivered_bq == found.by_volume.delivered_bq == 1_657_500_000
    assert found.by_residual.fraction_ppm == found.by_volume.fraction_ppm == 975_000
    assert (found.interval_low_bq, found.interval_high_bq) == (1_657_500_000, 1_657_500_000)
    assert found.agreement is not None
    assert found.agreement.difference_ppm == 0
    assert found.agreement.agrees
    assert found.best is found.by_residual
    assert found.deviation is Deviation.WITHIN_5
    assert found.residual is Residual.NORMAL
    assert found.candidates == ()


def test_waste_and_prime_are_not_delivered() -> None:
    found = by_residual(measured(waste_bq=10_000_000, prime_bq=5_000_000), BUDGET)
    assert found is not None
    assert found.delivered_bq == 1_642_500_000


def test_without_a_residual_there_is_one_route() -> None:
    found = judged(residual_bq=None)
    assert (found.by_residual, found.agreement, found.residual) == (None, None, None)
    assert found.best is found.by_volume
    assert by_residual(measured(residual_bq=None), BUDGET) is None


def test_components_by_hand() -> None:
    # 1657.5 MBq x 2.75 %; 1700 MBq x 0.1 % and 0.1 MBq / sqrt 12; 42.5 MBq x 0.1 %; 1.5 %; 10 %
    found = by_residual(measured(waste_bq=1_000_000, residual_bq=41_500_000), BUDGET)
    assert found is not None
    assert found.components == (
        Component("calibrator factor", Becquerel(45_581_250), common=True),
        Component("assay reading", Becquerel(1_700_246), common=True),
        Component("residual reading", Becquerel(50_553)),
        Component("residual geometry", Becquerel(622_500)),
        Component("waste and prime", Becquerel(100_000)),
    )
    parts = [45_581_250, 1_700_246, 50_553, 622_500, 100_000]
    assert found.expanded_bq == pytest.approx(2 * sqrt(sum(p * p for p in parts)), abs=2)
    assert found.expanded_bq >= 2 * sqrt(sum(p * p for p in parts))
    assert found.expanded_ppm == pytest.approx(55_000, abs=100)


def test_components_by_volume_by_hand() -> None:
    # line hold-up is 5 % of 1.5 mL, 75 uL, of 20 mL; 0.2 mL of the delivery is uncertain
    found = by_volume(measured(delivered_low_nl=19_300_000), BUDGET)
    assert found.delivered_bq == 1_640_500_000
    assert found.components[2:] == (
        Component("pump counter", Becquerel(8_202_500)),
        Component("fill volume", Becquerel(8_202_500)),
        Component("line hold-up", Becquerel(6_375_000)),
        Component("uncertain delivery", Becquerel(17_000_000)),
    )


def test_of_an_interval_low_rounds_down_and_high_up() -> None:
    found = judged(assayed_bq=10, fill_nl=3, delivered_low_nl=1, delivered_high_nl=2)
    assert (found.interval_low_bq, found.interval_high_bq) == (3, 7)
    assert found.by_volume.delivered_bq == 4


def test_a_residual_of_nothing_measured_exactly_is_certain() -> None:
    found = by_residual(measured(residual_bq=0, resolution_bq=0), NO_BUDGET)
    assert found is not None
    assert (found.delivered_bq, found.expanded_bq, found.expanded_ppm) == (A, 0, 0)


@pytest.mark.parametrize("delivered", [0, -5])
def test_nothing_delivered_is_wholly_uncertain(delivered: int) -> None:
    result = RouteResult(Route.RESIDUAL, Becquerel(delivered), 0, ())
    assert result.expanded_ppm == 1_000_000


def test_a_common_factor_does_not_excuse_a_difference() -> None:
    # 3 % apart: far inside the calibrator's 5.5 %, outside what the routes allow each other
    found = judged(residual_bq=93_500_000)
    assert found.by_residual is not None
    assert found.by_residual.fraction_ppm == 945_000
    assert found.agreement is not None
    assert found.agreement.difference_ppm == -30_000
    assert found.agreement.allowed_ppm < 20_000
    assert not found.agreement.agrees


def test_agreement_includes_its_edge() -> None:
    assert Agreement(-5, 5).agrees
    assert not Agreement(6, 5).agrees


@pytest.mark.requirement("T6.1")
def test_calibrator_scale_cancels_in_the_fractions() -> None:
    scaled = judged(assayed_bq=2 * A, residual_bq=85_000_000)
    assert scaled.agreement is not None
    assert scaled.agreement.difference_ppm == 0


@pytest.mark.requirement("R10a")
@pytest.mark.parametrize(
    ("delivered", "expected"),
    [
        (1000, Deviation.WITHIN_5),
        (1050, Deviation.WITHIN_5),
        (950, Deviation.WITHIN_5),
        (1051, Deviation.WITHIN_10),
        (900, Deviation.WITHIN_10),
        (899, Deviation.BELOW_20),
        (1199, Deviation.BELOW_20),
        (801, Deviation.BELOW_20),
        (1200, Deviation.AT_LEAST_20),
        (800, Deviation.AT_LEAST_20),
    ],
)
def test_twenty_percent_delivered_is_already_outside(delivered: int, expected: Deviation) -> None:
    assert deviation(Becquerel(delivered), Becquerel(1000)) is expected


@pytest.mark.parametrize(
    ("residual", "expected"),
    [
        (None, None),
        (50, Residual.NORMAL),
        (51, Residual.INVESTIGATE),
        (100, Residual.INVESTIGATE),
        (101, Residual.AUTHORIZED_USER),
        (199, Residual.AUTHORIZED_USER),
        (200, Residual.CANDIDATE),
    ],
)
def test_residual_shares(residual: int | None, expected: Residual | None) -> None:
    assert residual_share(measured(assayed_bq=1000, residual_bq=residual)) is expected


def test_what_was_never_to_be_given_is_no_residual() -> None:
    half = measured(assayed_bq=2000, kept_by_plan_bq=1000)
    assert residual_share(replace(half, residual_bq=Becquerel(1050))) is Residual.NORMAL
    assert residual_share(replace(half, residual_bq=Becquerel(1051))) is Residual.INVESTIGATE
    assert residual_share(replace(half, residual_bq=Becquerel(1200))) is Residual.CANDIDATE


def exact(**changes: object) -> tuple[Candidate, ...]:
    """Candidates where 1000 Bq were prescribed and assayed in 1000 nL."""
    base = {
        "prescribed_bq": 1000,
        "assayed_bq": 1000,
        "fill_nl": 1000,
        "dead_volume_nl": 0,
        "residual_bq": 0,
        "delivered_low_nl": 1000,
        "delivered_high_nl": 1000,
    }
    return account(measured(**{**base, **changes}), BUDGET).candidates


@pytest.mark.requirement("T6.2", "R10a")
def test_candidates() -> None:
    assert exact() == ()
    assert exact(residual_bq=199, delivered_low_nl=801, delivered_high_nl=801) == ()
    assert exact(residual_bq=200, delivered_low_nl=800, delivered_high_nl=800) == (
        Candidate.DELIVERED_20,
        Candidate.RESIDUAL_20,
    )
    assert exact(delivered_low_nl=800) == (Candidate.DELIVERED_MAYBE_20,)
    assert exact(delivered_high_nl=1200) == (Candidate.DELIVERED_MAYBE_20,)
    assert exact(prescribed_range_bq=(1000, 1001)) == ()
    assert exact(prescribed_range_bq=(1001, 1002)) == (Candidate.OUTSIDE_RANGE,)
    assert exact(prescribed_range_bq=(998, 999)) == (Candidate.OUTSIDE_RANGE,)


@pytest.mark.requirement("T6.1", "T6.2")
def test_the_pad_of_en_57953_is_found_by_the_survey() -> None:
    # Pump and residual both say 100 %; 120 of 200 mCi lie on the pad and are assayed as waste.
    assert exact() == ()
    assert exact(waste_bq=600) == (Candidate.DELIVERED_20,)


@pytest.mark.requirement("T6.2")
def test_reported_candidates_stand_beside_the_computed() -> None:
    found = account(measured(), BUDGET, (Candidate.EXTRAVASATION, Candidate.BY_BUTTON))
    assert found.candidates == (Candidate.EXTRAVASATION, Candidate.BY_BUTTON)


@pytest.mark.parametrize("field", ["assayed_bq", "fill_nl", "prescribed_bq"])
def test_nothing_to_account_for(field: str) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        account(measured(**{field: 0}), BUDGET)


@given(
    assayed=st.integers(1, 10**11),
    residual=st.integers(0, 10**9),
    low=st.integers(0, 20_000_000),
    span=st.integers(0, 10_000_000),
)
def test_intervals_hold_the_volume_route(assayed: int, residual: int, low: int, span: int) -> None:
    found = judged(
        assayed_bq=assayed,
        residual_bq=residual,
        delivered_low_nl=low,
        delivered_high_nl=low + span,
    )
    assert found.interval_low_bq <= found.by_volume.delivered_bq <= found.interval_high_bq
    assert found.interval_low_bq <= assayed * low / 20_000_000 * (1 + 1e-12)
    assert found.by_volume.expanded_bq >= 0
