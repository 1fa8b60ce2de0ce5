"""A vented vial on a roller pump's hose: what site and order must agree on."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.clinic.order import OrderError, parse_order
from controller.config import ConfigError, Hose, load_site
from controller.devices import UNHEARD, Lines, pump_of
from controller.orders import checked_order
from drivers.dulco_flex import DulcoFlexPump
from firmware_interfaces import dulco_flex as df
from firmware_interfaces.units import Nanoseconds
from simulators.bench import papers
from simulators.bench.device_set import HOSE, USUAL, DeviceSet
from simulators.bench.stage import addresses

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
VIALS = DeviceSet(pump="dulcoflex")


def draft(devices=VIALS, **container):
    made = papers.order_for_today(papers.EXAMPLE_ORDER.read_text("utf-8"), 30.0, NOW, devices)
    return {**made, "container": {**made["container"], **container}}


def site_text(devices=VIALS):
    order = parse_order(json.dumps(draft(devices)))
    return papers.site_text(order, addresses(devices), Path("/bench"), devices)


def problems(order, devices=VIALS):
    with pytest.raises(OrderError) as refused:
        checked_order(json.dumps(order), load_site(site_text(devices)), _utc_ns(NOW))
    return [str(problem) for problem in refused.value.problems]


def _utc_ns(moment):
    return round((moment + timedelta(minutes=1)).timestamp()) * 1_000_000_000


def test_a_vial_becomes_a_treatment_without_a_bore():
    checked = checked_order(json.dumps(draft()), load_site(site_text()), _utc_ns(NOW))
    treatment = checked.treatment
    assert (treatment.syringe, treatment.diameter_um) == (HOSE, 0)
    assert (treatment.fill_nl, treatment.unusable_nl) == (20_000_000, 500_000)
    assert (treatment.trigger, treatment.watchdog_ns) == ("off", 5_000_000_000)


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"hose": "another"}, "container.hose"),
        ({"fill_ml": 61.0}, "container.fill_ml"),
        ({"unusable_ml": 20.0}, "container.unusable_ml"),
    ],
)
def test_a_vial_that_does_not_fit_is_refused_by_field(container, said):
    assert any(said in problem for problem in problems(draft(**container)))


def test_dead_volume_of_a_vial_is_never_nothing():
    with pytest.raises(OrderError, match="unusable_ml"):
        parse_order(json.dumps(draft(unusable_ml=0.0)))


def test_each_pump_takes_its_own_container():
    (said,) = problems(draft(USUAL))
    assert "container.kind" in said and "must be vial_vented" in said  # noqa: PT018
    (said,) = problems(draft(), USUAL)
    assert "container.kind" in said and "must be syringe" in said  # noqa: PT018


def test_a_profile_of_several_rates_is_no_batch():
    order = {**draft(), "regimen": "clr131-bench-steps"}
    assert any("this site's pump gives a dose at one" in problem for problem in problems(order))


def test_the_hose_is_what_the_site_s_pump_can_give_from():
    site = load_site(site_text())
    assert site.containers == (Hose(HOSE, 60.0),)
    (hose,) = site.containers
    assert (hose.diameter_um, hose.size_nl) == (0, 60_000_000)
    assert load_site(site_text(USUAL)).containers == load_site(site_text(USUAL)).syringe


def test_the_pump_of_such_a_site_is_made_with_what_the_site_states():
    text = site_text().replace("revolution_ml = 0.02", 'revolution_ml = 0.5\nmodel = "GMX"')
    section = load_site(text).pump
    opened = []

    def open_(port, baud, parity):
        opened.append((port, baud, parity))

    pump = pump_of(section, Lines(open_), lambda: Nanoseconds(0), UNHEARD)
    assert isinstance(pump, DulcoFlexPump)
    assert opened == [(section.port, 19200, "E")]
    assert pump._setup == df.Setup(df.Model.GAMMA_X, 500_000, False, 1, ("01.00.00.00",))
    assert section.address == 20


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("watchdog_s = 5", "watchdog_s = 11", "pump.watchdog_s"),
        ("unit = 20", "unit = 248", "pump.unit"),
        ("revolution_ml = 0.02", "revolution_ml = 0", "pump.revolution_ml"),
        ("vial_ml = 60\n", 'vial_ml = 60\ntrigger = "stop_only"\n', "pump.trigger"),
    ],
)
def test_a_section_that_the_pump_cannot_keep_is_refused(old, new, field):
    text = site_text()
    assert old in text
    with pytest.raises(ConfigError) as refused:
        load_site(text.replace(old, new))
    assert refused.value.problems[0].field == field


def test_a_container_without_its_kind_is_refused_by_that_field():
    order = draft()
    del order["container"]["kind"]
    with pytest.raises(OrderError) as refused:
        parse_order(json.dumps(order))
    (problem,) = refused.value.problems
    assert (problem.field, problem.value) == ("container.kind", "absent")
