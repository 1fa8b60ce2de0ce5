"""The papers of one bench run: an order for today and a site.toml for simulated devices.

It writes what the ward would write, and nothing about hands or truth.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from controller.clinic.dosing import bsa_m2, prescribed_bq
from controller.clinic.order import Order, parse_order
from controller.clinic.regimen import Regimen, parse_regimen, regimen_hash
from controller.regimens import regimen_text
from simulators.bench.badges import BY_ID, COST, PRESCRIBER
from simulators.bench.device_set import (
    FIRST_ADDRESS,
    HOSE,
    SITE_LINES,
    UNIT_PROVEN,
    USUAL,
    DeviceSet,
)
from simulators.bench.setting import CATALOGUE
from simulators.bench.stations import SECTIONS

STUDY_REGIMEN: Final = "clr131"
BENCH_REGIMEN: Final = "clr131-bench"
REGIMENS: Final = (STUDY_REGIMEN, BENCH_REGIMEN, "clr131-bench-steps")
MEASURED: Final = ("weight_kg", "weight_date", "height_cm", "height_date")
EXAMPLE_ORDER: Final = Path(__file__).parents[2] / "examples" / "order.json"

COMMISSIONING: Final = "commissioning.json"
UNIT_PROOF: Final = "unit_proof.json"
FLUSH_COMMISSIONING: Final = "commissioning-flush.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the daemon of this run finds its devices and serves its API."""

    pump: str
    calibrator: str
    broker: str
    api: str
    flush_pump: str = ""


def steepest(order: Mapping[str, Any]) -> float:
    """The profile's highest rate over its mean."""
    shares = regimen(str(order["regimen"])).infusion.shares
    return max(volume / time for volume, time in shares)


def regimen(name: str) -> Regimen:
    """A regimen that ships with the controller, by name; FileNotFoundError if there is none."""
    return parse_regimen(regimen_text(name))


def order_for_today(
    example: str, minutes: float, now: datetime, devices: DeviceSet = USUAL
) -> dict[str, Any]:
    """The example order as if written this morning, for ``minutes`` of infusion by these devices.

    A duration outside the study's own regimen is ordered under the bench's.
    """
    draft: dict[str, Any] = json.loads(example)
    today = now.date()
    draft["patient"]["weight_date"] = (today - timedelta(days=2)).isoformat()
    draft["patient"]["height_date"] = (today - timedelta(days=30)).isoformat()
    draft["reference_time"] = _time(now)
    draft["authorized_user"] = {
        "name": BY_ID[PRESCRIBER].name,
        "signed_at": _time(now - timedelta(hours=2)),
    }
    _enter_again(draft, now)
    return with_container(with_minutes(with_dose(draft), minutes), devices)


def for_cold_run(draft: dict[str, Any]) -> dict[str, Any]:
    """The order as a rehearsal with saline: nobody has signed it."""
    return {
        **draft,
        "cold_run": True,
        "authorized_user": {"name": draft["authorized_user"]["name"]},
    }


def _enter_again(draft: dict[str, Any], now: datetime) -> None:
    """Both entries of weight and height on this morning, and the values before them a month ago."""
    patient, entries = draft["patient"], draft["entries"]
    again = {name: patient[name] for name in MEASURED}
    entries["first"]["at"] = _time(now - timedelta(hours=4))
    entries["second"] = {**entries["second"], **again, "at": _time(now - timedelta(hours=3))}
    for name in ("weight_date", "height_date"):
        entries["before"][name] = (now.date() - timedelta(days=60)).isoformat()


def with_minutes(draft: dict[str, Any], minutes: float) -> dict[str, Any]:
    """The order with another duration, under the bench's regimen where the study's has no such."""
    studied = regimen(STUDY_REGIMEN).infusion.minutes.holds(minutes)
    named = STUDY_REGIMEN if studied else BENCH_REGIMEN
    return {**draft, "infusion_min": minutes, "regimen": named}


def with_container(draft: dict[str, Any], devices: DeviceSet) -> dict[str, Any]:
    """The order with what its pump takes: a vented vial of the same fill for a roller pump."""
    if devices.pump != "dulcoflex":
        return draft
    held = {name: draft["container"][name] for name in ("fill_ml", "unusable_ml")}
    return {**draft, "container": {"kind": "vial_vented", "hose": HOSE, **held}}


def with_dose(draft: dict[str, Any]) -> dict[str, Any]:
    """The order with the activity that its regimen computes for this patient, down to 0.1 MBq."""
    order = parse_order(json.dumps(draft))
    surface = bsa_m2(order.bsa_formula, order.patient.weight_kg, order.patient.height_cm)
    activity_bq = prescribed_bq(regimen(order.regimen).dose.mci_per_m2, surface)
    return {**draft, "prescribed_mbq": activity_bq // 100_000 / 10}


def site_text(order: Order, where: Addresses, directory: Path, devices: DeviceSet = USUAL) -> str:
    """A site.toml for this order and these devices; everything unnamed keeps its default."""
    syringes = [
        f"[[syringe]]\nname = {_toml(kind.name)}\ndiameter_mm = {kind.diameter_mm}\n"
        f"size_ml = {kind.capacity_ml}\n"
        'source = "New Era manual 1200-01, syringe table"\n'
        for kind in CATALOGUE
    ]
    return SITE.format(
        name=_toml(order.site),
        pump=_section(devices.pump, where.pump),
        commissioning=_toml(str(directory / COMMISSIONING)),
        calibrator=_section(
            devices.calibrator, where.pump if devices.meter_on_line else where.calibrator
        )
        + _unit_proof(devices.calibrator, directory),
        allowed=json.dumps(REGIMENS),
        pins=", ".join(
            f"{_toml(name)} = {_toml(regimen_hash(regimen_text(name)))}" for name in REGIMENS
        ),
        flush=_flush(devices, where, directory),
        journal=_toml(str(directory / "journal")),
        broker=_toml(where.broker),
        api=_toml(where.api),
        pin_memory_kib=COST.memory_kib,
        pin_passes=COST.passes,
        stations=SECTIONS,
        syringes="\n".join(syringes),
    )


SITE: Final = """\
# Written by isodrip-bench: simulated devices only.
[site]
name = {name}
room = "bench"
timezone = "UTC"
simulated = true

[calibrator]
{calibrator}
[pump]
{pump}commissioning = {commissioning}

[flush]
{flush}
[regimen]
allowed = {allowed}
sha256 = {{ {pins} }}

[journal]
directory = {journal}

[mqtt]
url = {broker}

[api]
listen = {api}

[people]
pin_memory_kib = {pin_memory_kib}
pin_passes = {pin_passes}

{stations}
{syringes}"""


def _section(kind: str, port: str) -> str:
    return f"kind = {_toml(kind)}\nport = {_toml(port)}\n{SITE_LINES[kind]}"


def _unit_proof(kind: str, directory: Path) -> str:
    return f"unit_proof = {_toml(str(directory / UNIT_PROOF))}\n" if kind in UNIT_PROVEN else ""


def _flush(devices: DeviceSet, where: Addresses, directory: Path) -> str:
    """How the line is flushed, and the section of the second pump where there is one."""
    if not devices.flush_pump:
        return 'method = "same_pump"\nvolume_dead_volumes = 3\n'
    lines = 'method = "second_pump"\nvolume_dead_volumes = 3\nkvo_ml_h = 5\n\n[flush_pump]\n'
    section = _section(devices.flush_pump, where.pump if devices.one_line else where.flush_pump)
    key = "unit" if devices.flush_pump == "dulcoflex" else "address"
    first = FIRST_ADDRESS[devices.flush_pump]
    section = section.replace(f"{key} = {first}", f"{key} = {devices.saline_address}")
    proven = _toml(str(directory / FLUSH_COMMISSIONING))
    return f"{lines}{section}commissioning = {proven}\n"


def _time(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _toml(text: str) -> str:
    """A TOML basic string; JSON's escapes are a subset of TOML's."""
    return json.dumps(text, ensure_ascii=False)
