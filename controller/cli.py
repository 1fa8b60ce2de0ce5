"""The ``isodrip`` command: the daemon, and what can be asked of it, of an order or of a journal.

It reads arguments and files and prints; it judges nothing. Exit codes: 0 done, 1 a check failed, 2
wrong use or input, 3 a device or service is missing, 4 a safety violation was found.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from controller import control_socket
from controller.chain import JournalBroken
from controller.cli_commission import commission_arguments, commission_pump
from controller.cli_commission_calibrator import commission_calibrator
from controller.cli_interface import interface, interface_arguments
from controller.cli_journal import JOURNAL_COMMANDS, journal_replay
from controller.cli_people import CHANGES, change, list_arguments, listed, people_arguments
from controller.cli_probe import probe_arguments, probe_ports
from controller.cli_regimen import REGIMEN_COMMANDS
from controller.cli_sheet import sheet_arguments, sheet_main
from controller.cli_station import station_key
from controller.clinic.documents import DocumentError
from controller.clinic.dosing import BsaFormula, bsa_m2, prescribed_bq
from controller.clinic.order import order_hash, order_schema, parse_order
from controller.clinic.order_case import Case
from controller.clinic.order_rules import check_order
from controller.clinic.record import render_text
from controller.clinic.text import activity_text
from controller.clock import SystemClock
from controller.commission_desk import desk_arguments
from controller.commissioned import commissioned_of, commissioned_text
from controller.config import SiteConfig
from controller.console import (
    DONE,
    FAILED,
    MISSING,
    WRONG,
    Fault,
    Out,
    fault,
    number_argument,
    people_of,
    problem_line,
    refused,
    site_of,
    text_of,
)
from controller.core.codec import CodecError
from controller.doses_on_record import doses_on_record
from controller.journal import read
from controller.life import StartupFailure
from controller.orders import checked_order
from controller.panel.actions import EYES
from controller.panel.tls import TlsRefused, server_context
from controller.records import NoRecord, record_of_journal
from controller.regimens import regimen_of
from controller.service import Ready, Service
from controller.shared_lines import place_of
from controller.store import JOURNAL
from controller.units_known import NOT_ASKED, units_known_of, units_text
from firmware_interfaces.readings import Channel
from firmware_interfaces.units import as_mbq, as_mci

TWO: Final = 2
REGIMEN: Final = "clr131"
EXIT_CODES: Final = (
    "exit codes: 0 done, 1 a check failed, 2 wrong use or input, 3 a device or service is missing, "
    "4 a safety violation was found"
)


def _socket(args: argparse.Namespace) -> Path:
    if args.socket is not None:
        return Path(args.socket)
    if args.config is None:
        raise fault(WRONG, "--config", "(absent)", "name the site's file, or --socket")
    return site_of(args.config).socket_path


def _ask(args: argparse.Namespace, what: str) -> dict[str, Any]:
    path = _socket(args)
    try:
        answer = control_socket.ask(path, what)
    except (OSError, ValueError) as error:
        raise fault(MISSING, "daemon", path, f"must answer: {error}") from error
    if "error" in answer:
        raise fault(MISSING, "daemon", path, f"must answer: {answer['error']}")
    return answer


# --- commands -----------------------------------------------------------------------------------


def _run(args: argparse.Namespace, out: Out) -> int:
    site = site_of(args.config)
    clock = SystemClock()

    def ready(where: Ready) -> None:
        note = "SIMULATED " if where.simulated else ""
        out.say(f"{note}isodrip is ready: {where.api} and {where.socket}")
        out.end(ready=True, api=where.api, socket=where.socket, simulated=where.simulated)

    async def serve() -> int:
        return await Service(site, clock, ready).run()

    try:
        # The runner is never closed: that would join threads, which a hung disk holds for ever.
        code = asyncio.Runner().run(serve())
    except StartupFailure as failure:
        raise fault(MISSING, failure.what, failure.seen, "must be there to start") from failure
    return code


def _leave(code: int) -> NoReturn:
    """End without waiting for threads, which a hung disk may hold; all is closed before."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _check(args: argparse.Namespace, out: Out) -> int:
    site = site_of(args.file)
    try:
        for name in site.regimen.allowed:
            regimen_of(name, site.regimen)
    except DocumentError as error:
        raise refused(error) from error
    out.say(f"{args.file}: good; site {site.site.name}, room {site.site.room}")
    for name, section in site.devices.items():
        out.say(f"{name}: {section.kind} at {section.port}, {place_of(section)}")
    for station in site.station:
        out.say(f"station {station.name}: {' and '.join(station.places).replace('_', ' ')}")
    _check_access(site, out)
    out.say(commissioned_text(commissioned_of(site)))
    if site.flush_pump is not None:
        out.say(f"flush {commissioned_text(commissioned_of(site, Channel.FLUSH))}")
    units = units_known_of(site)
    if units is not NOT_ASKED:
        out.say(units_text(units))
    out.end(ok=True, site=site.site.name, room=site.site.room, site_hash=site.site_hash)
    return DONE


def _check_access(site: SiteConfig, out: Out) -> None:
    """Who may act, and whether the certificate may serve. Raises Fault."""
    there = [person for person in people_of(site).register.people if not person.disabled]
    signing = [person for person in there if person.acts_as(EYES)]
    note = "" if len(signing) >= TWO else "; two must, to release a dose: isodrip people add"
    out.say(f"people: {len(there)}, of whom {len(signing)} may sign a release{note}")
    if site.api.tls is not None:
        try:
            server_context(*site.api.tls)
        except TlsRefused as error:
            raise fault(FAILED, error.field, error.value, error.rule) from error
        out.say("certificate and key: good")


def _status(args: argparse.Namespace, out: Out) -> int:
    state = _ask(args, "status")
    if state["simulated"]:
        out.say("SIMULATED")
    open_ones = [session for session in state["sessions"] if session["phase"] != "CLOSED"]
    out.say(f"{state['site']}, {state['room']}: {len(open_ones)} open")
    out.say(state["commissioning"])
    if "flush_commissioning" in state:
        out.say(state["flush_commissioning"])
    out.say(_people_line(state["people"]))
    for check in state["self_test"]:
        out.say(f"self-test, {check['name']}: {check['result']} ({check['evidence']})")
    for session in state["sessions"]:
        out.say(_session_line(session))
        for alarm in session["alarms"]:
            out.say(f"  {alarm['priority']}: {alarm['text']} ({alarm['evidence']})")
            out.say(f"    {alarm['remedy']}")
    out.end(**state)
    return DONE


def _people_line(people: Mapping[str, Any]) -> str:
    """How many may act, and what is wrong with the file that says so."""
    trouble = f"; their file is not used: {people['trouble']}" if people["trouble"] else ""
    return f"people: {people['count']}{trouble}"


def _session_line(session: Mapping[str, Any]) -> str:
    """One session in a line: phase, what was assayed and pumped, and whose voice is missing."""
    note = "COLD RUN " if session["cold_run"] else ""
    parts = [f"{session['session']}: {note}{session['phase']}"]
    if session["assay"] is not None:
        parts.append(f"assayed {session['assay']['mbq']:.1f} MBq")
    pumped = session["pumped"]["drug"]["high_ml"]
    parts.append(f"pumped {pumped:.3f} of {session['planned_ml']:.3f} mL")
    if session["custody"]["asked"]:
        parts.append(_custody_text(session["custody"]))
    waiting = session["prompts"]["resume_requested_by"]
    if waiting:
        parts.append(f"{waiting} wants to resume, a second person must agree")
    return ", ".join(parts)


def _custody_text(custody: Mapping[str, Any]) -> str:
    """Who has the container, and since when where it was handed over."""
    has = f"custody: {custody['place'].replace('_', ' ')}"
    if not custody["handed_over"]:
        return has
    last = custody["handed_over"][-1]
    return f"{has}, {last['what']} taken over by {last['taken_by']} at {last['at']}"


def _stop(args: argparse.Namespace, out: Out) -> int:
    answer = _ask(args, "stop")
    out.say("STOP was sent; watch the pump until it rests")
    out.end(**answer)
    return DONE if answer.get("accepted") else FAILED


def _order_check(args: argparse.Namespace, out: Out) -> int:
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


def _order_schema(_: argparse.Namespace, out: Out) -> int:
    schema = order_schema()
    out.say(json.dumps(schema, indent=2))
    out.end(**schema)
    return DONE


def _dose(args: argparse.Namespace, out: Out) -> int:
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


def _record_show(args: argparse.Namespace, out: Out) -> int:
    site = site_of(args.config)
    path = Path(site.journal.directory) / args.session / JOURNAL
    if Path(args.session).name != args.session:
        raise fault(WRONG, "SESSION", args.session, "must be the name of a session")
    record = record_of_journal(list(read(path)), site.limits)
    found = record.model_dump(mode="json", by_alias=True)
    if out.as_json:
        out.end(**found)
    elif args.format == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        print(render_text(record), end="")
    return DONE


# --- arguments ----------------------------------------------------------------------------------

Command = Callable[[argparse.Namespace, Out], int]


def _command(group: Any, name: str, work: Command, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.set_defaults(work=work)
    return parser


def _group(parser: Any, name: str, text: str) -> Any:
    return parser.add_parser(name, help=text).add_subparsers(required=True, metavar="COMMAND")


def arguments() -> argparse.ArgumentParser:
    """The parser of the whole command."""
    parser = argparse.ArgumentParser(prog="isodrip", epilog=EXIT_CODES)
    top = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _command(top, "run", _run, "run the daemon of one room until SIGTERM")
    run.add_argument("--config", type=Path, required=True, metavar="FILE")
    check = _command(top, "check", _check, "check a site.toml")
    check.add_argument("file", type=Path, metavar="FILE")
    for name, work, text in (
        ("status", _status, "ask the running daemon how things stand"),
        ("stop", _stop, "STOP the pump; no login"),
    ):
        asking = _command(top, name, work, text)
        asking.add_argument("--config", type=Path, metavar="FILE")
        asking.add_argument("--socket", metavar="PATH")
    text = "the interface control document of a kind of device"
    interface_arguments(_command(top, "interface", interface, text))
    text = "find out what is on each port; never a write, never during a treatment"
    probe_arguments(_command(top, "probe", probe_ports, text))
    _people_arguments(top)
    stations = _group(top, "station", "the machines at which people act")
    _command(stations, "key", station_key, "a new key by which a station is known")
    _document_arguments(top)
    return parser


def _people_arguments(top: Any) -> None:
    people = _group(top, "people", "who may act here")
    list_arguments(_command(people, "list", listed, "everybody, and what was changed"))
    for name, did, text, why in CHANGES:
        people_arguments(_command(people, name, change, text), name, did, why)


def _document_arguments(top: Any) -> None:
    orders = _group(top, "order", "orders")
    _command(orders, "schema", _order_schema, "the JSON Schema of an order")
    order = _command(orders, "check", _order_check, "check an order")
    order.add_argument("file", type=Path, metavar="FILE")
    order.add_argument("--config", type=Path, metavar="FILE", help="judge it for this site")
    dose = _command(top, "dose", _dose, "prescribed activity by a regimen")
    dose.add_argument("--weight-kg", type=number_argument, required=True, metavar="W")
    dose.add_argument("--height-cm", type=number_argument, required=True, metavar="H")
    formulas = [formula.value for formula in BsaFormula]
    dose.add_argument("--formula", choices=formulas, required=True)
    dose.add_argument("--regimen", default=REGIMEN, metavar="NAME", help=f"default: {REGIMEN}")
    regimen = _group(top, "regimen", "regimens")
    for name, work, what, text in REGIMEN_COMMANDS:
        kind = Path if what == "file" else str
        _command(regimen, name, work, text).add_argument(what, type=kind, metavar=what.upper())
    commission = _group(top, "commission", "prove a device before its first use")
    text = "prove a pump with water: watchdog, flow, occlusion, dead volume"
    commission_arguments(_command(commission, "pump", commission_pump, text))
    text = "prove a calibrator's unit codes with known sources"
    desk_arguments(_command(commission, "calibrator", commission_calibrator, text))
    journal = _group(top, "journal", "journals")
    for name, work, text in JOURNAL_COMMANDS:
        _command(journal, name, work, text).add_argument("file", type=Path, metavar="FILE")
    text = "judge journals or their exports anew; name the first decision that differs"
    replayed = _command(journal, "replay", journal_replay, text)
    replayed.add_argument("files", type=Path, nargs="+", metavar="FILE")
    sheet = _command(top, "sheet", sheet_main, "the downtime sheet of a released treatment")
    sheet_arguments(sheet)
    shown = _command(_group(top, "record", "records"), "show", _record_show, "show a record")
    shown.add_argument("session", metavar="SESSION")
    shown.add_argument("--config", type=Path, required=True, metavar="FILE")
    shown.add_argument("--format", choices=("text", "json"), default="text")


def _worked(args: argparse.Namespace, out: Out) -> int:
    work: Command = args.work
    try:
        return work(args, out)
    except FileNotFoundError as error:
        raise fault(WRONG, "file", error.filename, "must be there") from error
    except (JournalBroken, CodecError) as error:
        raise fault(FAILED, "journal", "(broken)", str(error)) from error
    except NoRecord as error:
        raise fault(FAILED, "session", args.session, error.rule) from error


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = arguments().parse_args(argv)
    out = Out(args.json)
    try:
        code = _worked(args, out)
    except Fault as ended:
        for found in ended.problems:
            print(f"isodrip: {problem_line(found)}", file=sys.stderr)
        out.end(ok=False, problems=list(ended.problems))
        code = ended.code
    return _leave(code) if args.work is _run else code


if __name__ == "__main__":
    sys.exit(main())
