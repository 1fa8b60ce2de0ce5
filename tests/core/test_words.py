"""What people read of a vial on a hose: never the word syringe, and the same alarm otherwise."""

import re
from dataclasses import replace
from typing import Any

import pytest

from controller.core.alarms import ALARMS
from controller.core.words import rows_for

VIAL, SYRINGE = rows_for(("dulcoflex", "crc55", "ne1000")), rows_for(("ne1000", "crc55"))


def test_a_site_with_a_syringe_reads_the_table_itself():
    assert SYRINGE is ALARMS is rows_for(())


@pytest.mark.parametrize("id_", ALARMS)
def test_no_row_of_a_vial_speaks_of_a_syringe_or_its_barrel(id_):
    row = VIAL[id_]
    told = f"{row.text} {row.remedy} {row.channel}".lower()
    assert "syringe" not in told
    assert "barrel" not in told
    wordless: Any = {"text": "", "remedy": "", "channel": ""}
    assert replace(row, **wordless) == replace(ALARMS[id_], **wordless)
    assert row.text
    assert row.remedy
    starts = "Clamp the line at the patient. "
    assert row.remedy.startswith(starts) is ALARMS[id_].remedy.startswith(starts)


def test_only_rows_that_spoke_of_a_syringe_are_worded_anew():
    changed = {id_ for id_ in ALARMS if VIAL[id_] != ALARMS[id_]}
    spoke = {
        id_
        for id_, row in ALARMS.items()
        if re.search("syringe|barrel", f"{row.text} {row.remedy}".lower())
    }
    assert changed == spoke
