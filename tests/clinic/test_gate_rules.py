"""Each gate's rule with its exact edges: before the thaw, in the hot lab, at the bedside."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from controller.clinic.documents import Problem
from controller.clinic.gate_rules import Asked
from controller.clinic.gates import closed_gates
from controller.clinic.order import Order
from controller.clinic.regimen import Regimen, parse_regimen
from controller.clinic.scans import CHECK_TEXT, GS, Label, own_label

from .answered import GOOD, LABEL, NOW, ago, answers
from .conftest import fields
from .regimens import ODDITY


@pytest.fixture
def closed(regimen: Regimen, order: Order) -> Any:
    """What is refused when single answers are changed, in the example's regimen or another."""

    def ask(of: Regimen = regimen, **changes: Any) -> list[Problem]:
        return list(closed_gates(Asked(of, order, answers(**changes), NOW)))

    return ask


# --- the pharmacy's order -------------------------------------------------------------------------


@pytest.mark.requirement("W5")
@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"order_id": "WD-2025-0130"}, "order_id"),
        ({"patient_id": "C131-0043"}, "patient_id"),
        ({"drug": "sodium iodide I 131"}, "drug"),
        ({"nuclide": "I-123"}, "nuclide"),
        ({"route": "oral"}, "route"),
    ],
)
def test_the_pharmacys_order_is_the_directives(
    closed: Any, told: dict[str, str], field: str
) -> None:
    assert fields(closed(dose_order=told)) == [f"dose_order.{field}"]


@pytest.mark.requirement("W5", "A7")
@pytest.mark.parametrize(
    ("activity", "unit", "looks"),
    [
        (1681.7, "MBq", None),
        (1690.1, "MBq", None),
        (1690.2, "MBq", ""),
        (1.6817, "GBq", None),
        (200.0, "mCi", ""),
        (45.45, "MBq", "; 45.45 looks like mCi typed as MBq (x37): 1681.7"),
        (1681.7, "mCi", "; 62223 looks like MBq taken for mCi and turned into MBq once more (x37)"),
        (1.6817, "MBq", "; 1.6817 looks like GBq typed as MBq (x1000): 1681.7"),
        (1681.7, "GBq", "; 1681700 looks like kBq typed as MBq (x1000): 1681.7"),
    ],
)
def test_its_activity_is_the_directives_in_any_unit(
    closed: Any, activity: float, unit: str, looks: str | None
) -> None:
    found = closed(dose_order={"activity": activity, "unit": unit})
    assert fields(found) == ([] if looks is None else ["dose_order.activity"])
    for problem in found:
        assert problem.rule.startswith(f"must be the directive's 1681.7 MBq (45.45 mCi){looks}")


# --- consent, pregnancy, thyroid ------------------------------------------------------------------


def test_consent_is_given_and_not_in_the_future(closed: Any) -> None:
    assert closed(consent={"signed_at": NOW}) == []
    assert fields(closed(consent={"signed_at": ago(seconds=-1)})) == ["consent.signed_at"]


@pytest.mark.parametrize(("version", "good"), [("4.2", True), ("4.1", False)])
def test_consent_is_to_a_version_that_the_regimen_knows(
    closed: Any, regimen: Regimen, version: str, good: bool
) -> None:
    listed = regimen.consent.model_copy(update={"versions": ("4.2", "4.3")})
    found = closed(regimen.model_copy(update={"consent": listed}), consent={"version": version})
    expected = [Problem("consent.version", "'4.1'", "must be one of 4.2, 4.3")]
    assert found == ([] if good else expected)


TESTED = {
    "possible": True,
    "why_not": None,
    "test": "serum",
    "result": "negative",
    "taken_at": ago(hours=3),
}


@pytest.mark.requirement("I4")
@pytest.mark.parametrize(
    ("told", "field"),
    [
        (TESTED, None),
        ({**TESTED, "taken_at": ago(hours=24)}, None),
        ({**TESTED, "taken_at": ago(hours=24, microseconds=1)}, "taken_at"),
        ({**TESTED, "taken_at": ago(seconds=-1)}, "taken_at"),
        ({**TESTED, "result": "positive"}, "result"),
        ({**TESTED, "result": "unclear"}, "result"),
        ({**TESTED, "test": "urine"}, "test"),
        ({**TESTED, "result": None}, "test"),
        ({**TESTED, "test": None}, "test"),
        ({**TESTED, "taken_at": None}, "test"),
        ({"possible": False, "why_not": "male"}, None),
        ({**TESTED, "possible": False, "why_not": "age", "result": "positive"}, "result"),
        ({"why_not": None}, "why_not"),
        ({"breast_feeding": "stopped"}, None),
        ({"breast_feeding": "yes"}, "breast_feeding"),
    ],
)
def test_pregnancy(closed: Any, told: dict[str, Any], field: str | None) -> None:
    expected = [] if field is None else [f"pregnancy.{field}"]
    assert fields(closed(pregnancy=told)) == expected


@pytest.mark.requirement("I4")
def test_where_a_urine_test_is_enough_a_serum_test_is_too(closed: Any, regimen: Regimen) -> None:
    rule = regimen.pregnancy.model_copy(update={"test": "urine"})
    either = regimen.model_copy(update={"pregnancy": rule})
    assert closed(either, pregnancy={**TESTED, "test": "urine"}) == []
    assert closed(either, pregnancy=TESTED) == []


@pytest.mark.requirement("I5")
@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"started_at": ago(hours=24)}, None),
        ({"started_at": ago(hours=23, minutes=59, seconds=59.999999)}, "started_at"),
        ({"started_at": ago(hours=24.0001)}, None),
        ({"started_at": ago(seconds=-1)}, "started_at"),
        ({"started_at": ago(days=14)}, None),
        ({"started_at": ago(days=14, microseconds=1)}, "started_at"),
        ({"days_after": 13}, "days_after"),
        ({"days_after": 15}, None),
        ({"agent": "perchlorate"}, "agent"),
    ],
)
def test_thyroid_block(closed: Any, told: dict[str, Any], field: str | None) -> None:
    found = closed(thyroid_block=told)
    assert fields(found) == ([] if field is None else [f"thyroid_block.{field}"])


@pytest.mark.requirement("I5")
def test_a_thyroid_block_of_23_hours_says_what_is_asked(closed: Any) -> None:
    found = closed(thyroid_block={"started_at": ago(hours=23)})
    assert found == [
        Problem(
            "thyroid_block.started_at", "2025-11-19T15:50:00-06:00", "must be at least 24 h ago"
        )
    ]


# --- laboratory -----------------------------------------------------------------------------------


def lab(**values: Any) -> dict[str, Any]:
    """The good values with some changed: a number, or parts of an entry; None is left out."""
    told = dict(GOOD["laboratory"]["values"])
    for name, value in values.items():
        if value is None:
            del told[name]
        else:
            parts = value if isinstance(value, dict) else {"value": value}
            told[name] = {**told.get(name, {"unit": "?", "taken_at": NOW}), **parts}
    return {"values": told}


PLT = "laboratory.platelets"
PER_NL = "looks like a value per nL (10^9/L), x1000"
PER_L = "looks like a value per L typed per dL, x10"


@pytest.mark.requirement("T2.1")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"platelets": 75_000.0}, []),
        (
            {"platelets": 74_999.0},
            ["laboratory.platelets = 74999 per uL: must be at least 75000 per uL"],
        ),
        ({"anc": 1500.0}, []),
        ({"anc": 1499.9}, ["laboratory.anc = 1499.9 per uL: must be at least 1500 per uL"]),
        ({"haemoglobin": 9.0}, []),
        (
            {"haemoglobin": 8.9},
            ["laboratory.haemoglobin = 8.9 g/dL: must be at least 9 g/dL"],
        ),
        ({"egfr": 30.0}, []),
        ({"egfr": 29.9}, ["laboratory.egfr = 29.9 mL/min: must be at least 30 mL/min"]),
        ({"egfr": None}, ["laboratory.egfr = absent: must be given in mL/min"]),
        (
            {"platelets": {"unit": "10^9/L", "value": 112.0}},
            ["laboratory.platelets = 112 10^9/L: must be in per uL"],
        ),
        (
            {"platelets": 112.0},
            [
                f"{PLT} = 112 per uL: can only be 1000 to 3000000 per uL; 112 {PER_NL}: 112000",
                "laboratory.platelets = 112 per uL: must be at least 75000 per uL",
            ],
        ),
        (
            {"haemoglobin": 104.0},
            [f"laboratory.haemoglobin = 104 g/dL: can only be 2 to 25 g/dL; 104 {PER_L}: 10.4"],
        ),
        (
            {"sodium": 140.0},
            ["laboratory.sodium = present: must be one of platelets, anc, haemoglobin, egfr"],
        ),
        ({"platelets": {"taken_at": ago(days=7)}}, []),
        (
            {"platelets": {"taken_at": ago(days=8)}},
            [f"{PLT}.taken_at = 2025-11-12T14:50:00-06:00: must be at most 7 days old"],
        ),
        (
            {"platelets": {"taken_at": ago(seconds=-1)}},
            [f"{PLT}.taken_at = 2025-11-20T14:50:01-06:00: must not be in the future"],
        ),
    ],
)
def test_laboratory_values(closed: Any, values: dict[str, Any], expected: list[str]) -> None:
    assert [str(problem) for problem in closed(laboratory=lab(**values))] == expected


@pytest.mark.parametrize(("value", "good"), [(40.0, True), (40.1, False)])
def test_a_regimen_may_have_an_upper_limit(
    closed: Any, regimen: Regimen, value: float, good: bool
) -> None:
    upper = regimen.model_copy(update={"laboratory": parse_regimen(ODDITY).laboratory})
    told = {"bilirubin": {"value": value, "unit": "umol/L", "taken_at": NOW}}
    found = closed(upper, laboratory={"values": told})
    rule = "laboratory.bilirubin = 40.1 umol/L: must be at most 40 umol/L"
    assert [str(problem) for problem in found] == ([] if good else [rule])


# --- companion drugs, checklist -------------------------------------------------------------------


def dexamethasone(**changes: Any) -> dict[str, Any]:
    return {"given": [{**GOOD["companion"]["given"][0], **changes}]}


@pytest.mark.requirement("T2.1")
@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (
            {"given": []},
            ["companion.dexamethasone = absent: must be given: 40 mg oral, every 7 days"],
        ),
        (dexamethasone(dose_mg=20.0), ["companion.dexamethasone = 20 mg: must be 40 mg"]),
        (
            dexamethasone(route="intravenous"),
            ["companion.dexamethasone.route = 'intravenous': must be 'oral'"],
        ),
        (dexamethasone(first_on=date(2025, 11, 20)), []),
        (
            dexamethasone(first_on=date(2025, 11, 21)),
            ["companion.dexamethasone.first_on = 2025-11-21: must not be in the future"],
        ),
        (dexamethasone(first_on=date(2025, 8, 29)), []),
        (
            dexamethasone(first_on=date(2025, 8, 28)),
            ["companion.dexamethasone.first_on = 2025-08-28: must be less than 12 weeks ago"],
        ),
    ],
)
def test_companion_drugs(closed: Any, told: dict[str, Any], expected: list[str]) -> None:
    assert [str(problem) for problem in closed(companion=told)] == expected


def test_each_item_of_a_checklist_is_confirmed(closed: Any) -> None:
    found = closed(checklist_bedside={"done": ["hydration"]})
    text = "Antiemetic given at least 30 minutes ago"
    assert found == [Problem("checklist_bedside.antiemetic", "not confirmed", text)]


@pytest.mark.parametrize(
    ("at", "good"),
    [
        ("2025-11-20T00:00:00-06:00", True),
        ("2025-11-20T06:00:00+00:00", True),
        ("2025-11-19T23:59:59-06:00", False),
        ("2025-11-20T05:59:59+00:00", False),
    ],
)
def test_constancy_is_of_this_day_at_this_place(closed: Any, at: str, good: bool) -> None:
    found = closed(constancy={"measured_at": datetime.fromisoformat(at)})
    assert fields(found) == ([] if good else ["constancy.measured_at"])


# --- hot lab --------------------------------------------------------------------------------------


def test_a_scanner_with_another_layout_closes_its_place(closed: Any) -> None:
    german = CHECK_TEXT.translate(str.maketrans("yzYZ", "zyZY"))
    assert fields(closed(scanner_hot_lab={"scan": german})) == ["scanner_hot_lab.scan"]
    assert fields(closed(scanner_bedside={"scan": german})) == ["scanner_bedside.scan"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"scan": "V-1", "drug": "CLR 131", "nuclide": "I-131", "lot": "L-778"}, []),
        (
            {"scan": "V-1"},
            [
                "vial.drug = absent: must be read on the label: its barcode does not say",
                "vial.nuclide = absent: must be read on the label: its barcode does not say",
                "vial.lot = absent: must be read on the label: its barcode does not say",
            ],
        ),
        ({"drug": "sodium iodide I 131"}, ["vial.drug = 'sodium iodide I 131': must be 'CLR 131'"]),
        ({"nuclide": "I-123"}, ["vial.nuclide = 'I-123': must be 'I-131'"]),
        ({"lot": "L-779"}, ["vial.lot = 'L-779': must be 'L-778'"]),
        ({"scan": f"a{GS}b"}, ["vial.scan = 'a\\x1db': must be one identifier"]),
    ],
)
def test_the_vial_is_the_drug_that_was_ordered(
    closed: Any, told: dict[str, Any], expected: list[str]
) -> None:
    found = [str(problem) for problem in closed(vial=told)]
    assert len(found) == len(expected)
    assert all(one.startswith(text) for one, text in zip(found, expected, strict=True))


GTIN = "09506000134352"


def gs1_vial(gtin: str = GTIN, lot: str = "L-778", more: str = "") -> dict[str, Any]:
    return {"scan": f"]C101{gtin}10{lot}{GS}{more}"}


def test_an_article_that_the_regimen_knows_is_its_drug(closed: Any, regimen: Regimen) -> None:
    product = regimen.product.model_copy(update={"gtins": (GTIN,)})
    known = regimen.model_copy(update={"product": product})
    assert closed(known, vial=gs1_vial()) == []
    found = closed(known, vial=gs1_vial("09501101530003"))
    assert [str(problem) for problem in found] == [
        f"vial.gtin = 09501101530003: must be one of CLR 131: {GTIN}",
        "vial.drug = absent: must be read on the label: its barcode does not say",
        "vial.nuclide = absent: must be read on the label: its barcode does not say",
    ]


def test_where_no_article_is_known_a_person_reads_the_label(closed: Any) -> None:
    read = {"drug": "CLR 131", "nuclide": "I-131"}
    assert closed(vial={**gs1_vial(), **read}) == []
    assert fields(closed(vial=gs1_vial())) == ["vial.drug", "vial.nuclide"]


@pytest.mark.parametrize(("here", "good"), [(2, True), (1, False), (3, False)])
def test_every_vial_of_the_dose_is_here(closed: Any, here: int, good: bool) -> None:
    found = closed(vial={"vials_expected": 2, "vials_here": here})
    assert fields(found) == ([] if good else ["vials.vials_here"])


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"expires_at": NOW + timedelta(minutes=30)}, []),
        (
            {"expires_at": NOW + timedelta(minutes=30) - timedelta(microseconds=1)},
            ["must not be before the infusion's end, 2025-11-20T15:20:00-06:00"],
        ),
        ({**gs1_vial(more="17251122"), "expires_at": ago(days=-2)}, []),
        ({**gs1_vial(more="70032511221450"), "expires_at": ago(days=-2)}, []),
        (
            {**gs1_vial(more="17251121"), "expires_at": ago(days=-2)},
            ["must be on 2025-11-21 as the label says"],
        ),
        (
            {**gs1_vial(more="70032511211450"), "expires_at": ago(days=-2)},
            ["must be on 2025-11-21 as the label says"],
        ),
    ],
)
def test_the_drug_does_not_expire_under_way(
    closed: Any, told: dict[str, Any], expected: list[str]
) -> None:
    found = closed(vial={**told, "drug": "CLR 131", "nuclide": "I-131"})
    assert [problem.rule for problem in found] == expected
    assert set(fields(found)) <= {"expiry.expires_at"}


@pytest.mark.parametrize(
    ("minutes", "rule"),
    [
        (30, None),
        (29.999, "must be at least 30 min ago"),
        (210, None),
        (210.001, "must be at most 240 min before the infusion's end"),
    ],
)
def test_the_vial_has_thawed_and_has_not_stood_too_long(
    closed: Any, ward_regimen: Regimen, minutes: float, rule: str | None
) -> None:
    found = closed(ward_regimen, thaw={"started_at": ago(minutes=minutes)})
    assert [problem.rule for problem in found] == ([] if rule is None else [rule])


def test_a_thaw_is_not_in_the_future(closed: Any, ward_regimen: Regimen) -> None:
    found = closed(ward_regimen, thaw={"started_at": ago(minutes=-1)})
    assert [problem.rule for problem in found] == [
        "must not be in the future",
        "must be at least 30 min ago",
    ]


def label(**changes: str) -> dict[str, str]:
    told: dict[str, Any] = {
        "order_id": "WD-2025-0131",
        "patient_id": "C131-0042",
        "drug": "CLR 131",
        "nuclide": "I-131",
        "lot": "L-778",
    }
    return {"scan": own_label(Label(**{**told, **changes}))}


READ = {"drug": "CLR 131", "nuclide": "I-131", "lot": "L-778", "patient_id": "C131-0042"}


@pytest.mark.requirement("I1", "T2.5")
@pytest.mark.parametrize(
    ("told", "refused"),
    [
        (label(), []),
        (label(patient_id="C131-0043"), ["patient_id"]),
        (label(drug="other"), ["drug"]),
        (label(nuclide="Lu-177"), ["nuclide"]),
        (label(lot="L-779"), ["lot"]),
        (label(order_id="WD-2025-0130"), ["order_id"]),
        (label(patient_id=""), ["patient_id"]),
        ({**label(), "lot": "L-779"}, ["lot"]),
        ({"scan": "WD-2025-0131", **READ}, []),
        ({"scan": "WD-2025-0130", **READ}, ["scan"]),
        ({"scan": "WD-2025-0131"}, ["drug", "nuclide", "lot", "patient_id"]),
        ({"scan": f"a{GS}b", **READ}, ["scan"]),
        ({"scan": f"]C191WD-2025-0131{GS}92C131-0042{GS}10L-778", **READ}, []),
        (
            {"scan": f"]C191WD-2025-0130{GS}92C131-0043{GS}10L-77", **READ},
            ["lot", "patient_id", "order_id"],
        ),
    ],
)
def test_drug_nuclide_lot_and_patient_must_all_match(
    closed: Any, told: dict[str, Any], refused: list[str]
) -> None:
    found = closed(dose_label=told, dose_again=told)
    ours = [f for f in fields(found) if f.startswith("dose_label.")]
    assert ours == [f"dose_label.{name}" for name in refused]
    assert len(found) == 2 * len(refused)


def test_the_lot_is_the_vials(closed: Any) -> None:
    other = {"scan": own_label(Label(drug="CLR 131", nuclide="I-131", lot="L-779"))}
    assert fields(closed(vial=other)) == ["dose_label.lot", "dose_again.lot"]


def test_the_label_at_the_bedside_is_that_of_the_hot_lab(closed: Any) -> None:
    again = {"scan": "WD-2025-0131", **READ}
    (problem,) = closed(dose_again=again)
    assert (problem.field, problem.value) == ("dose_again.scan", "'WD-2025-0131'")
    assert problem.rule.startswith(f"must be the label of the hot lab, {LABEL!r}"[:100])


@pytest.mark.parametrize("which", ["container", "shield"])
def test_container_and_shield_bear_labels(closed: Any, which: str) -> None:
    assert fields(closed(shield_label={which: False})) == [f"shield_label.{which}"]


# --- bedside --------------------------------------------------------------------------------------


@pytest.mark.requirement("I1", "T2.5")
@pytest.mark.parametrize(
    ("told", "refused"),
    [
        ({}, []),
        ({"scan": "]C0C131-0042"}, []),
        ({"scan": "]C192C131-0042"}, []),
        ({"scan": "C131-0043"}, ["scan"]),
        ({"scan": "c131-0042"}, ["scan"]),
        ({"scan": "]C110L-778"}, ["scan"]),
        ({"scan": "]C1950600"}, ["scan"]),
        ({"scan": LABEL}, ["scan"]),
        ({"scan": own_label(Label(patient_id="C131-0042"))}, []),
        (gs1_vial(more="92C131-0042"), ["scan"]),
        ({"scan": "]C191WD-2025-0131\x1d92C131-0042"}, ["scan"]),
        ({"scan": f"C131{GS}0042"}, ["scan"]),
        ({"stated_birth_date": None}, ["stated_birth_date"]),
        ({"stated_birth_date": date(1961, 2, 4)}, ["stated_birth_date"]),
        ({"stated_birth_date": None, "stated_name": "example,  robin"}, []),
        ({"stated_name": "Example, Robin"}, []),
        ({"stated_name": "Example, Robyn"}, ["stated_name"]),
        (
            {"stated_name": "X", "stated_birth_date": date(1961, 2, 4)},
            ["stated_name", "stated_birth_date"],
        ),
    ],
)
def test_two_different_identifiers_name_the_patient(
    closed: Any, told: dict[str, Any], refused: list[str]
) -> None:
    assert fields(closed(wristband=told)) == [f"wristband.{name}" for name in refused]


def test_a_wristband_without_a_patient_says_so(closed: Any) -> None:
    (problem,) = closed(wristband={"scan": "]C121S-778"})
    assert (problem.value, problem.rule) == ("'no patient'", "must be 'C131-0042'")


@pytest.mark.requirement("I1")
def test_the_syringes_label_is_no_wristband(closed: Any) -> None:
    """It names the patient too: scanned a second time it would pass for the wristband."""
    (problem,) = closed(wristband={"scan": LABEL})
    assert (problem.field, problem.rule) == (
        "wristband.scan",
        "is a drug's label: scan the wristband",
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"sound": False}, ["site_seen.sound = 'not sound': must be sound: choose another site"]),
        (
            {"sound": False, "remark": "red, swollen"},
            ["site_seen.sound = 'red, swollen': must be sound: choose another site"],
        ),
        ({"remark": "bruise above, old"}, []),
    ],
)
def test_the_site_is_sound(closed: Any, told: dict[str, Any], expected: list[str]) -> None:
    assert [str(problem) for problem in closed(site_seen=told)] == expected


def test_the_shield_is_in_place(closed: Any) -> None:
    assert fields(closed(shield={"in_place": False})) == ["shield.in_place"]
