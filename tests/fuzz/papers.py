"""Fuzz targets of what people write: order, site, regimen, scenario, addresses, numbers."""

import json
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import fields
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from controller.access_sections import listen_address
from controller.clinic.commissioning import commissioning_text, parse_commissioning, proof_of
from controller.clinic.documents import DocumentError, Problem, utc_ns
from controller.clinic.order import order_json, parse_order
from controller.clinic.regimen import Regimen, RegimenError, half_life_of, parse_regimen
from controller.clinic.unit_proof import (
    parse_reference_time,
    parse_unit_proof,
    unit_proof_text,
    units_proven,
)
from controller.commissioned import known_by
from controller.config import ConfigError, SiteConfig, load_site
from controller.core.codec import plain, revive
from controller.core.commissioning import Commissioning
from controller.core.limits import LIMIT_ROWS, limits_from
from controller.orders import checked_order
from controller.telemetry import broker_address, slug
from firmware_interfaces.crc15 import units_named
from simulators.bench import scenario_file as scenarios
from simulators.bench.faults import ScenarioError, fault_as_dict, fault_from
from tests.clinic.unit_proofs import TEXT as UNIT_PROOF
from tests.controller.room import COMMISSIONING
from tests.fuzz.given import Choices, json_form, text_of, toml_form

ROOT: Final = Path(__file__).parents[2]
SITE_TEXT: Final = (ROOT / "examples" / "site.toml").read_text("utf-8")
SITE: Final = load_site(SITE_TEXT)
ORDER: Final[dict[str, Any]] = json.loads((ROOT / "examples" / "order.json").read_text("utf-8"))
NOW_NS: Final = utc_ns(parse_order(json.dumps(ORDER)).reference_time)
REGIMENS: Final = ROOT / "controller" / "clinic" / "regimens"
SECRET: Final = "secret"


def _tables(paths: Iterable[Path]) -> list[dict[str, Any]]:
    return [tomllib.loads(path.read_text("utf-8")) for path in sorted(paths)]


REGIMEN_FORMS: Final = [toml_form(one) for one in _tables(REGIMENS.glob("*.toml"))]
SCENARIO_TABLES: Final = _tables(scenarios.FOLDER.glob("*.toml"))
SCENARIO_FORMS: Final = [(str(one["name"]), toml_form(one)) for one in SCENARIO_TABLES]
ORDER_FORM: Final = json_form(ORDER)
COMMISSIONING_FORM: Final = json_form(json.loads(COMMISSIONING))
UNIT_PROOF_FORM: Final = json_form(json.loads(UNIT_PROOF))
SITE_TABLE: Final = tomllib.loads(SITE_TEXT)
SITE_FORM: Final = toml_form(
    {
        **SITE_TABLE,
        "syringe": SITE_TABLE["syringe"][-1:],
        "limits": dict(list(SITE_TABLE["limits"].items())[:4]),
    }
)


def named(problems: Iterable[Problem]) -> None:
    """A refusal says which field, what stood there and which rule, on a line of its own each."""
    told = list(problems)
    assert told
    for one in told:
        assert one.field
        assert one.value
        assert one.rule
        assert len(one.value) < 1000
        assert "\x1b" not in one.value


def order(data: bytes) -> None:
    """A written directive: its canonical spelling is read as the same directive."""
    choices = Choices(data)
    raw = choices.number() % 2 == 0
    text = text_of(choices.rest()) if raw else ORDER_FORM.spoiled(choices)
    try:
        found = parse_order(text)
    except DocumentError as error:
        named(error.problems)
        return
    assert parse_order(order_json(found)) == found
    try:
        checked = checked_order(text, SITE, NOW_NS)
    except DocumentError as error:
        named(error.problems)
        return
    assert checked.order == found
    held = [getattr(checked.treatment, field.name) for field in fields(checked.treatment)]
    assert all(not isinstance(value, int) or value >= 0 for value in held)


def site(data: bytes) -> None:
    """A site.toml: what is accepted is held exactly, every limit in its bounds."""
    choices = Choices(data)
    raw = choices.number() % 2 == 0
    text = text_of(choices.rest()) if raw else SITE_FORM.spoiled(choices)
    try:
        found = load_site(text)
    except ConfigError as error:
        named(error.problems)
        assert all(SECRET not in f"{p}" for p in error.problems if p.field.startswith("mqtt"))
        return
    told = found.model_dump(exclude={"limits"})
    limits = {
        row.key: str(Decimal(getattr(found.limits, row.field)) / row.unit_factor)
        for row in LIMIT_ROWS
    }
    assert limits_from(limits) == found.limits
    assert SiteConfig.model_validate({**told, "limits": tomllib.loads(text).get("limits", {})}) == (
        found
    )
    assert [row.diameter_um > 0 for row in found.syringe]
    assert found.mqtt is None or found.mqtt.address.host


def regimen(data: bytes) -> None:
    """A regimen: what is accepted is held exactly."""
    choices = Choices(data)
    raw = choices.number() % 2 == 0
    form = choices.one_of(REGIMEN_FORMS)
    text = text_of(choices.rest()) if raw else form.spoiled(choices)
    with suppress(RegimenError):
        assert half_life_of(text).ms > 0
    try:
        found = parse_regimen(text)
    except RegimenError as error:
        named(error.problems)
        return
    assert Regimen.model_validate(found.model_dump(by_alias=True)) == found
    assert sum(volume for volume, _ in found.infusion.shares) == 1_000_000


def commissioning(data: bytes) -> None:
    """A commissioning file: what is accepted is written in one way, and its proof is whole."""
    choices = Choices(data)
    raw = choices.number() % 2 == 0
    text = text_of(choices.rest()) if raw else COMMISSIONING_FORM.spoiled(choices)
    try:
        found = parse_commissioning(text)
    except DocumentError as error:
        named(error.problems)
        assert known_by(SITE, text).proof is None
        return
    written = commissioning_text(found)
    assert commissioning_text(parse_commissioning(written)) == written
    proof = proof_of(found)
    assert revive(Commissioning, plain(proof)) == proof


def unit_proof(data: bytes) -> None:
    """A calibrator's unit proof: what is accepted proves units that some public host names."""
    choices = Choices(data)
    raw = choices.number() % 2 == 0
    text = text_of(choices.rest()) if raw else UNIT_PROOF_FORM.spoiled(choices)
    with suppress(ValueError):
        assert parse_reference_time(text).tzinfo is UTC
    try:
        found = parse_unit_proof(text)
    except DocumentError as error:
        named(error.problems)
        return
    written = unit_proof_text(found)
    assert unit_proof_text(parse_unit_proof(written)) == written
    if found.passed:
        assert all(unit in units_named(code) for code, unit in units_proven(found).items())


def scenario_file(data: bytes) -> None:
    """A scenario: each of its faults is written back as it was read."""
    choices = Choices(data)
    raw = choices.number() % 2 == 0
    name, form = choices.one_of(SCENARIO_FORMS)
    text = text_of(choices.rest()) if raw else form.spoiled(choices)
    try:
        found = scenarios.parse(text, name)
    except ScenarioError as error:
        assert str(error).startswith(f"{error.field} = ")
        assert error.rule
        return
    for fault in found.case.faults:
        assert fault_from(fault_as_dict(fault)) == fault


def addresses(data: bytes) -> None:
    """Addresses of brokers and of the panel: read as they would be written, secrets kept."""
    text = text_of(data)
    with suppress(ValueError):
        slug(text)
    with suppress(ValueError):
        host, port = listen_address(text)
        assert listen_address(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") == (
            (host, port)
        )
    for url in (text, f"mqtt://u:{SECRET}@{text}", f"mqtts://{text}"):
        try:
            found = broker_address(url)
        except ValueError as error:
            assert SECRET not in str(error) or SECRET in text
            continue
        host = f"[{found.host}]" if ":" in found.host else found.host
        user = "" if found.username is None else quote(found.username, safe="")
        user += "" if found.password is None else f":{quote(found.password, safe='')}"
        scheme = "mqtts" if found.tls else "mqtt"
        at = "@" if found.username is not None or found.password is not None else ""
        assert broker_address(f"{scheme}://{user}{at}{host}:{found.port}") == found
        assert SECRET not in repr(found) or SECRET in text
