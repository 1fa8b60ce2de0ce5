"""The papers of a run: an order and a site.toml that the controller itself accepts today."""

import json
import tomllib
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.clinic.documents import utc_ns
from controller.clinic.order import OrderError, parse_order
from controller.clinic.order_case import Case
from controller.clinic.order_rules import check_order
from controller.config import read_site
from simulators.bench import launch, papers
from simulators.bench.setting import Setting

NOW = datetime(2026, 11, 22, 10, 0, 30, 5000, tzinfo=UTC)


def order_for(minutes: float) -> dict[str, Any]:
    return launch.written_order(launch.Wish(minutes=minutes), NOW)


@pytest.mark.parametrize(
    ("minutes", "regimen"), [(1, "clr131-bench"), (30, "clr131"), (24.9, "clr131-bench")]
)
def test_the_order_of_a_run_is_one_that_the_ward_would_accept(minutes, regimen):
    draft = order_for(minutes)
    order = parse_order(json.dumps(draft))
    assert (order.infusion_min, order.regimen) == (minutes, regimen)
    named = papers.regimen(regimen)
    assert check_order(Case(order, named, order.site, utc_ns(NOW), simulated=True)) == []


def test_an_order_of_ones_own_is_left_as_it_is(tmp_path):
    own = tmp_path / "mine.json"
    own.write_text(json.dumps({**order_for(30), "order_id": "mine"}))
    kept = launch.written_order(launch.Wish(order=own), NOW)
    assert (kept["order_id"], kept["infusion_min"], kept["regimen"]) == ("mine", 30, "clr131")
    short = launch.written_order(launch.Wish(order=own, minutes=2), NOW)
    assert (short["infusion_min"], short["regimen"]) == (2, "clr131-bench")


def test_a_wrong_order_is_refused_with_field_and_value(tmp_path):
    own = tmp_path / "mine.json"
    own.write_text(json.dumps({**order_for(30), "prescribed_mbq": -4}))
    with pytest.raises(OrderError, match="prescribed_mbq = -4"):
        launch.written_order(launch.Wish(order=own), NOW)


def test_the_site_file_names_both_devices_and_nothing_of_hands(tmp_path):
    where = papers.Addresses(
        "/dev/pts/1", "socket://127.0.0.1:4002", "mqtt://127.0.0.1:1", "127.0.0.1:8"
    )
    path = launch.write_site(tmp_path, parse_order(json.dumps(order_for(1))), where)
    site = tomllib.loads(path.read_text())
    assert site["site"]["simulated"] is True
    assert site["pump"]["port"] == "/dev/pts/1"
    assert site["calibrator"]["port"] == "socket://127.0.0.1:4002"
    assert "hands" not in path.read_text()
    assert read_site(path).pump.watchdog_s == 5


def test_the_same_seed_furnishes_the_same_room_within_3_percent():
    order = parse_order(json.dumps(order_for(1)))
    settings = [Setting.of(order, seed) for seed in range(50)]
    assert settings == [Setting.of(order, seed) for seed in range(50)]
    shares = [setting.activity_bq / order.prescribed_bq for setting in settings]
    assert all(0.97 <= share <= 1.03 for share in shares)
    assert len(set(shares)) == 50


def test_saline_is_drawn_into_a_syringe_that_the_pump_can_empty_in_time():
    fast, slow = (Setting.of(parse_order(json.dumps(order_for(m))), 1) for m in (1, 30))
    assert (fast.saline_syringe, slow.saline_syringe) == ("BD 60 mL", "BD 10 mL")
