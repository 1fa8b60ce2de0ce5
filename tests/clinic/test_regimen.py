"""The two regimens as shipped, and a refusal for every way to spoil one."""

import pytest

from controller.clinic.regimen import Regimen, RegimenError, parse_regimen, regimen_hash

from .conftest import REGIMENS

TEXT = (REGIMENS / "clr131.toml").read_text()


@pytest.mark.requirement("GIP-6.1.2")
def test_clr131(ward_regimen: Regimen) -> None:
    assert (ward_regimen.name, ward_regimen.drug) == ("clr131", "CLR 131")
    assert ward_regimen.dose.mci_per_m2 == 25.0
    assert ward_regimen.dose.agreement_permille == 5
    assert ward_regimen.half_life_ms == 693_213_120
    assert ward_regimen.second_dose is not None
    assert (ward_regimen.second_dose.day_min, ward_regimen.second_dose.day_max) == (80, 160)
    assert ward_regimen.order.assay_age_min_max == 60.0
    assert not ward_regimen.simulated_only


def test_the_bench_differs_in_four_values_only(ward_regimen: Regimen, regimen: Regimen) -> None:
    ward, bench = ward_regimen.model_dump(), regimen.model_dump()
    assert (bench["name"], bench["simulated_only"]) == ("clr131-bench", True)
    assert bench["infusion"]["minutes"] == {"min": 0.5, "max": 60.0}
    assert bench["order"]["days_max"] == 36_500
    for each in (ward, bench):
        del each["name"], each["simulated_only"]
        del each["infusion"]["minutes"], each["order"]["days_max"]
    assert ward == bench


@pytest.mark.requirement("GIP-6.1.2")
@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("mci_per_m2 = 25.0", 'mci_per_m2 = "25,0"', "dose.mci_per_m2"),
        ("mci_per_m2 = 25.0", "mci_per_m2 = nan", "dose.mci_per_m2"),
        ("agreement_permille = 5 ", "agreement_permille = 50 ", "dose.agreement_permille"),
        ("days = 8.0233", "days = 60.0", "half_life.days"),
        ("planned_min", "plan_min", "infusion.plan_min"),
        ("{ min = 25.0, max = 40.0 }", "{ min = 41.0, max = 40.0 }", "infusion.minutes"),
        ('nuclide = "I-131"', 'nuclide = "I-123"', "nuclide"),
        ("schema = 1", "schema = 1 = 1", "regimen"),
    ],
)
def test_a_spoilt_regimen_is_refused_by_field(old: str, new: str, field: str) -> None:
    assert old in TEXT
    with pytest.raises(RegimenError) as refusal:
        parse_regimen(TEXT.replace(old, new))
    assert field in [problem.field for problem in refusal.value.problems]


def test_any_changed_byte_changes_the_hash() -> None:
    assert regimen_hash(TEXT) != regimen_hash(TEXT + "\n")


def test_bounds_include_their_ends_and_print(ward_regimen: Regimen) -> None:
    bounds = ward_regimen.infusion.minutes
    assert bounds.holds(25.0)
    assert bounds.holds(40.0)
    assert not bounds.holds(40.001)
    assert not bounds.holds(24.999)
    assert str(bounds) == "25 to 40"


def test_the_profile_is_one_constant_rate_unless_it_is_named(ward_regimen: Regimen) -> None:
    assert ward_regimen.infusion.shares == ((1_000_000, 1_000_000),)
    steps = parse_regimen((REGIMENS / "clr131-bench-steps.toml").read_text())
    assert steps.infusion.shares == ((100_000, 200_000), (900_000, 800_000))


def test_a_profile_that_does_not_add_up_is_refused() -> None:
    text = (REGIMENS / "clr131-bench-steps.toml").read_text()
    with pytest.raises(RegimenError, match="must sum to 100 %"):
        parse_regimen(text.replace("time_percent = 80", "time_percent = 70"))
