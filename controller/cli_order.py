"""``isodrip order`` and ``isodrip dose``: what an order must be, and what a regimen prescribes."""

import argparse
import json
from pathlib import Path
from typing import Final

from controller.clinic.documents import DocumentError
from controller.clinic.dosing import BsaFormula, bsa_m2, prescribed_bq
from controller.clinic.order import order_hash, order_schema, parse_order
from controller.clinic.order_case import Case
from controller.clinic.order_rules import check_order
from controller.clinic.text import activity_text
from controller.clock import SystemClock
from controller.console import DONE, WRONG, Out, fault, number_argument, refused, site_of, text_of
from controller.doses_on_record import doses_on_record
from controller.orders import checked_order
from controller.regimens import regimen_of
from firmware_interfaces.units import as_mbq, as_mci

REGIMEN: Final = "clr131"


def check_arguments(parser: argparse.ArgumentParser) -> None:
    """What checking an order wants to know."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--config", type=Path, metavar="FILE", help="judge it for this site")


def dose_arguments(parser: argparse.ArgumentParser) -> None:
    """What computing a dose wants to know."""
    parser.add_argument("--weight-kg", type=number_argument, required=True, metavar="W")
    parser.add_argument("--height-cm", type=number_argument, required=True, metavar="H")
    formulas = [formula.value for formula in BsaFormula]
    parser.add_argument("--formula", choices=formulas, required=True)
    parser.add_argument("--regimen", default=REGIMEN, metavar="NAME", help=f"default: {REGIMEN}")


def order_checked(args: argparse.Namespace, out: Out) -> int:
    """Check an order, for a site where one is named."""
    text, now_utc_ns = text_of(args.file), SystemClock().utc_ns()
    try:
        if args.config is not None:
            site = site_of(args.config)
            earlier = doses_on_record(Path(site.journal.directory), site.limits)
            order = checked_order(text, site, now_utc_ns, earlier).order
        else:
            order = parse_order(text)
            regimen, _ = regimen_of(order.regimen, None)
            # Without a site nothing is known of devices and records: the text alone is judged.
            case = Case(order, regimen, order.site, now_utc_ns, simulated=True, earlier=None)
            problems = check_order(case)
            if problems:
                raise DocumentError(problems)
    except DocumentError as error:
        raise refused(error) from error
    note = "COLD RUN, " if order.cold_run else ""
    out.say(f"{order.order_id}: good; {note}{activity_text(order.prescribed_bq)}")
    known = {"order_id": order.order_id, "order_hash": order_hash(order)}
    out.end(ok=True, **known, cold_run=order.cold_run)
    return DONE


def order_printed(_: argparse.Namespace, out: Out) -> int:
    """Print the JSON Schema of an order."""
    schema = order_schema()
    out.say(json.dumps(schema, indent=2))
    out.end(**schema)
    return DONE


def dose(args: argparse.Namespace, out: Out) -> int:
    """Say what a regimen prescribes for a weight and a height."""
    try:
        regimen, _ = regimen_of(args.regimen, None)
    except DocumentError as error:
        raise refused(error) from error
    bounds = regimen.patient
    for field, value, allowed in (
        ("--weight-kg", args.weight_kg, bounds.weight_kg),
        ("--height-cm", args.height_cm, bounds.height_cm),
    ):
        if not allowed.holds(value):
            raise fault(WRONG, field, f"{value:g}", f"must be {allowed}")
    surface = bsa_m2(BsaFormula(args.formula), args.weight_kg, args.height_cm)
    activity = prescribed_bq(regimen.dose.mci_per_m2, surface)
    out.say(f"BSA {surface:.3f} m2 ({args.formula}); {activity_text(activity)}")
    out.end(
        formula=args.formula,
        bsa_m2=surface,
        regimen=regimen.name,
        mci_per_m2=regimen.dose.mci_per_m2,
        prescribed_mbq=as_mbq(activity),
        prescribed_mci=as_mci(activity),
    )
    return DONE
