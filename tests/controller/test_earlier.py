"""A dose in a kept journal of an earlier release counts when the next one is ordered."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller.chain import JournalBroken
from controller.cli import main
from controller.clinic.documents import utc_datetime
from controller.clinic.earlier import earlier_dose
from controller.clinic.order import OrderError
from controller.config import load_site
from controller.core.limits import limits_from
from controller.doses_on_record import doses_on_record
from controller.journal_file import create_file, write_rows
from controller.orders import checked_order
from controller.records import record_of_journal
from controller.replay import records_of
from controller.store import JOURNAL
from tests.controller.golden_journals import KEPT, rows
from tests.controller.room import NOON_UTC_NS, ORDER, site_text

SITE = load_site(site_text("j"))


def golden(case: str) -> Path:
    return KEPT / f"0.1.0-{case}.jsonl"


def kept_dose(case: str):
    return earlier_dose(record_of_journal(list(records_of(golden(case))), limits_from({})))


@pytest.mark.requirement("W7")
@pytest.mark.parametrize(
    ("case", "least_mbq", "most_mbq"),
    [("complete", 1500, 1800), ("occluded", 400, 500), ("crashed", 100, 200)],
)
def test_a_kept_dose_is_known_by_its_record(case: str, least_mbq: int, most_mbq: int) -> None:
    """Also one that was broken off: what the patient has had cannot be given again."""
    dose = kept_dose(case)
    assert dose is not None
    assert (dose.patient_id, dose.drug) == ("C131-0042", "CLR 131")
    assert utc_datetime(dose.started_utc_ns).year == 2026
    assert least_mbq < dose.given_bq / 1e6 < most_mbq


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The directory of a site with one complete treatment, and one session without an order."""
    for session, case, part in (("s-1", "complete", None), ("s-2", "crashed", 2)):
        (tmp_path / session).mkdir()
        facts = [(r.kind, r.body, r.mono_ns, r.utc_ns) for r in records_of(golden(case))]
        path = tmp_path / session / JOURNAL
        with closing(create_file(path, sqlite3.connect, "FULL")) as file:
            write_rows(file, rows(facts[:part]))
    return tmp_path


@pytest.mark.requirement("W7")
def test_a_sites_journals_show_its_doses(kept: Path) -> None:
    assert doses_on_record(kept, limits_from({})) == (kept_dose("complete"),)
    assert doses_on_record(kept / "away", limits_from({})) == ()


@pytest.mark.requirement("W7")
def test_a_journal_that_cannot_be_read_may_hide_a_dose(kept: Path) -> None:
    with closing(sqlite3.connect(kept / "s-1" / JOURNAL)) as file:
        file.execute("DELETE FROM record WHERE seq = 5")
        file.commit()
    with pytest.raises(JournalBroken):
        doses_on_record(kept, limits_from({}))


@pytest.mark.requirement("W7")
def test_the_command_knows_the_doses_of_its_site(capsys, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(site_text(kept))
    (tmp_path / "order.json").write_text(json.dumps(ORDER))
    checked = ["order", "check", str(tmp_path / "order.json")]
    assert main([*checked, "--config", str(tmp_path / "site.toml")]) == 1
    assert "this patient has had" in capsys.readouterr().err
    assert main(checked) == 0


@pytest.mark.requirement("W7")
def test_the_same_patient_cannot_be_ordered_a_first_dose_again() -> None:
    text = json.dumps(ORDER)
    assert checked_order(text, SITE, NOON_UTC_NS).order.dose_number == 1
    dose = kept_dose("complete")
    assert dose is not None
    with pytest.raises(OrderError) as refusal:
        checked_order(text, SITE, NOON_UTC_NS, (dose,))
    assert [problem.field for problem in refusal.value.problems] == [
        "dose_number",
        "reference_time",
    ]
