"""The regimens as shipped, one that was invented, and a refusal for every way to spoil one."""

import re

import pytest

from controller.clinic.regimen import (
    Regimen,
    RegimenError,
    half_life_of,
    parse_regimen,
    regimen_hash,
)

from .conftest import REGIMENS, ROOT
from .regimens import ODDITY

TEXT = (REGIMENS / "clr131.toml").read_text()


def refused(text: str) -> list[str]:
    with pytest.raises(RegimenError) as refusal:
        parse_regimen(text)
    return [problem.field for problem in refusal.value.problems]


@pytest.mark.requirement("GIP-6.1.2")
def test_clr131(ward_regimen: Regimen) -> None:
    assert (ward_regimen.name, ward_regimen.drug) == ("clr131", "CLR 131")
    assert ward_regimen.dose.mci_per_m2 == 25.0
    assert ward_regimen.dose.agreement_permille == 5
    assert ward_regimen.half_life.ms == 693_213_120
    assert ward_regimen.second_dose is not None
    assert (ward_regimen.second_dose.day_min, ward_regimen.second_dose.day_max) == (80, 160)
    assert ward_regimen.infusion.planned_min == 30.0
    assert ward_regimen.order.assay_age_min_max == 60.0
    assert ward_regimen.study.centres_max == 15
    assert not ward_regimen.simulated_only


@pytest.mark.requirement("W8")
def test_the_cohorts_of_clr131(ward_regimen: Regimen) -> None:
    told = {
        name: (cohort.indications, cohort.open, cohort.prior_lines_min, cohort.prior_classes)
        for name, cohort in ward_regimen.cohort.items()
    }
    assert told == {
        "mm": (("MM",), True, 0, ("proteasome inhibitor", "immunomodulatory drug")),
        "cll_sll": (("CLL", "SLL"), True, 2, ()),
        "lpl": (("LPL", "WM"), True, 2, ()),
        "mzl": (("MZL", "MALT"), True, 2, ()),
        "mcl": (("MCL",), True, 1, ()),
        "dlbcl": (("DLBCL",), False, 0, ()),
    }
    (dexamethasone,) = ward_regimen.cohort["mm"].companion
    assert (dexamethasone.drug, dexamethasone.dose_mg, dexamethasone.route) == (
        "dexamethasone",
        40.0,
        "oral",
    )
    assert (dexamethasone.every_days, dexamethasone.weeks_max) == (7, 12)
    malt = ward_regimen.cohort_of("MALT")
    assert malt is not None
    assert malt.name == "marginal zone lymphoma, MALT included"
    assert ward_regimen.cohort_of("AML") is None


def test_what_no_public_source_gives_is_undecided(ward_regimen: Regimen) -> None:
    rows = ward_regimen.undecided
    assert rows["dose.activity_mbq_max"] == rows["product"] == "study"
    assert rows["laboratory.platelets.min"] == rows["infusion.minutes"] == "study"
    assert rows["consent"] == "site"
    assert "dose.mci_per_m2" not in rows


def test_the_bench_differs_in_five_values_only(ward_regimen: Regimen, regimen: Regimen) -> None:
    ward, bench = ward_regimen.model_dump(), regimen.model_dump()
    assert (bench["name"], bench["simulated_only"]) == ("clr131-bench", True)
    assert bench["infusion"]["minutes"] == {"min": 0.5, "max": 60.0}
    assert bench["order"]["days_max"] == 36_500
    assert bench["product"].pop("thaw_min") == 0.0
    assert ward["product"].pop("thaw_min") == 30.0
    for each in (ward, bench):
        del each["name"], each["simulated_only"]
        del each["infusion"]["minutes"], each["order"]["days_max"]
    assert ward == bench


def test_an_invented_regimen_is_held_as_it_stands() -> None:
    oddity = parse_regimen(ODDITY)
    assert (oddity.name, oddity.dose.mci_per_m2, oddity.half_life.ms) == (
        "oddity-7",
        11.5,
        693_377_280,
    )
    assert oddity.thyroid_block is None
    assert oddity.cohort["red"].open is False
    assert set(oddity.laboratory) == {"bilirubin"}


@pytest.mark.parametrize("word", ["CLR", "iopofosine", "NCT0", "dexamethasone", "DLBCL", "SSKI"])
def test_nothing_of_clr131_stands_in_the_judgement(word: str) -> None:
    code = [
        path
        for room in ("clinic", "core")
        for path in sorted((ROOT / "controller" / room).glob("*.py"))
    ]
    assert len(code) > 20
    assert [path.name for path in code if word in path.read_text("utf-8")] == []


@pytest.mark.requirement("GIP-6.1.2")
@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("mci_per_m2 = 25.0", 'mci_per_m2 = "25,0"', "dose.mci_per_m2"),
        ("mci_per_m2 = 25.0", "mci_per_m2 = nan", "dose.mci_per_m2"),
        ("agreement_permille = 5 ", "agreement_permille = 50 ", "dose.agreement_permille"),
        ("day_max = 160", "day_max = 79", "second_dose"),
        ("days = 8.0233", "days = 60.0", "half_life.days"),
        ("planned_min", "plan_min", "infusion.plan_min"),
        ("{ min = 25.0, max = 40.0 }", "{ min = 41.0, max = 40.0 }", "infusion.minutes"),
        ('nuclide = "I-131"', 'nuclide = "I-123"', "nuclide"),
        ("schema = 2", "schema = 2 = 2", "regimen"),
        ("schema = 2", "schema = 1", "schema"),
        ("centres_max = 15\ncentres = []", "centres_max = 1\ncentres = ['A', 'B']", "study"),
        ('indications = ["MCL"]', 'indications = ["MCL", "MM"]', "document"),
        ('indications = ["MCL"]', "indications = []", "cohort.mcl.indications"),
        ("prior_lines_min = 1", "prior_lines_min = -1", "cohort.mcl.prior_lines_min"),
        ("dose_mg = 40.0", "dose_mg = 0.0", "cohort.mm.companion.0.dose_mg"),
        ("gtins = []", 'gtins = ["123"]', "product.gtins.0"),
        ("thaw_min = 30.0", "thaw_min = 240.0", "product"),
        ("min = 9.0", "min = 90.0", "laboratory.haemoglobin"),
        ("min = 9.0\n", "", "laboratory.haemoglobin"),
        ("days_before_max = 14", "days_before_max = 0", "thyroid_block.days_before_max"),
        ('test = "serum"', 'test = "none"', "pregnancy.test"),
        ("block_permille = 100", "block_permille = 49", "constancy"),
        ('place = "bedside"', 'place = "corridor"', "checklist.1.place"),
    ],
)
def test_a_spoilt_regimen_is_refused_by_field(old: str, new: str, field: str) -> None:
    assert old in TEXT
    assert field in refused(TEXT.replace(old, new, 1))


def test_a_thyroid_block_cannot_begin_earlier_than_it_may() -> None:
    spoilt = TEXT.replace("hours_before_min = 24", "hours_before_min = 240").replace(
        "days_before_max = 14", "days_before_max = 9"
    )
    assert refused(spoilt) == ["thyroid_block"]


@pytest.mark.parametrize(
    ("old", "new", "fields"),
    [
        ('"dose.mci_per_m2" = ', '"dose.mci" = ', ["dose.mci_per_m2", "dose.mci"]),
        (
            'product = "study"\n',
            "",
            ["product.gtins", "product.thaw_min", "product.use_within_min"],
        ),
        (
            'consent = "site"',
            'consent = "site"\n"consent.versions" = "site"',
            ["consent.versions"],
        ),
        ('consent = "site"', 'consent = "site"\npatient = "site"', []),
    ],
)
def test_every_value_has_one_source_or_is_undecided(old: str, new: str, fields: list[str]) -> None:
    assert old in TEXT
    found = refused(TEXT.replace(old, new))
    assert found == fields or (not fields and all(f.startswith("patient.") for f in found))


def test_a_value_without_a_source_is_named_with_its_rule() -> None:
    with pytest.raises(RegimenError) as refusal:
        parse_regimen(TEXT.replace('nuclide = "sponsor', '#nuclide = "sponsor'))
    assert [str(problem) for problem in refusal.value.problems] == [
        "nuclide = 'I-131': must stand in [source] or in [undecided] once, not 0 times"
    ]


@pytest.mark.requirement("X5")
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


def test_a_kept_regimen_of_an_earlier_schema_still_tells_its_half_life() -> None:
    """A record is made of what stood in record 0 on its day."""
    first = 'schema = 1\nname = "old"\n' + re.findall(r"\[half_life\]\n(?:\w.*\n)+", TEXT)[0]
    assert refused(first)[0] == "schema"
    assert half_life_of(first).ms == 693_213_120
    with pytest.raises(RegimenError, match="half_life"):
        half_life_of("schema = 1")
