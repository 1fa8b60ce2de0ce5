"""A regimen that nobody ever studied: no number, cohort or name of CLR 131 stands in it."""

import re


def decided(text: str) -> str:
    """The regimen as a study and a site would decide it: every proposal taken as it stands."""
    values, _, rows = text.partition("\n[undecided]")
    taken = re.sub(r'"(?:study|site)"$', '"decided for this test"', rows, flags=re.MULTILINE)
    return values.rstrip() + "\n" + taken.partition("\n")[2] + "\n[undecided]\n"


ODDITY = """\
schema = 2
name = "oddity-7"
drug = "ODD 7"
substance = "oddicine I 131"
nuclide = "I-131"
route = "intravenous"
simulated_only = false

[study]
register_id = "ODDITY"
centres_max = 2
centres = ["Springfield 1", "Springfield 2"]

[dose]
mci_per_m2 = 11.5
agreement_permille = 3
range_percent_max = 7
activity_mbq_max = 900.0
interval_days_min = 20

[second_dose]
day_min = 21
day_max = 35
assessment_days_max = 5
cumulative_mbq_max = 1500.0

[infusion]
planned_min = 55.0
minutes = { min = 50.0, max = 65.0 }

[half_life]
days = 8.0252
uncertainty_days = 0.0006
source = "ENSDF"

[patient]
age_years = { min = 12.0, max = 40.0 }
weight_kg = { min = 20.0, max = 100.0 }
height_cm = { min = 100.0, max = 200.0 }
bmi_kg_m2 = { min = 12.0, max = 35.0 }
bsa_m2 = { min = 0.7, max = 2.2 }
weight_days_max = 3
height_days_max = 30
weight_change_percent_max = 5.0
height_change_cm_max = 1.0

[order]
days_max = 2
assay_age_min_max = 30.0

[cohort.blue]
name = "blue oddity"
indications = ["BLUE", "TEAL"]
open = true
prior_lines_min = 3
prior_classes = ["patience"]
companion = [{ drug = "tea", dose_mg = 2000.0, route = "oral", every_days = 1, weeks_max = 2 }]

[cohort.red]
name = "red oddity"
indications = ["RED"]
open = false

[product]
gtins = ["09506000134352"]
thaw_min = 5.0
use_within_min = 90.0

[laboratory.bilirubin]
unit = "umol/L"
max = 40.0
plausible = { min = 1.0, max = 900.0 }
days_max = 3

[pregnancy]
test = "urine"
test_hours_max = 48

[consent]
versions = ["4.2"]

[constancy]
ask_permille = 20
block_permille = 40

[source]
drug = "invented"
substance = "invented"
nuclide = "invented"
route = "invented"
study = "invented"
dose = "invented"
second_dose = "invented"
infusion = "invented"
half_life = "invented"
patient = "invented"
order = "invented"
cohort = "invented"
product = "invented"
laboratory = "invented"
pregnancy = "invented"
consent = "invented"
constancy = "invented"

[undecided]
"""
