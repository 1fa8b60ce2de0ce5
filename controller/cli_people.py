"""``isodrip people``: who may act here, changed by an administrator and never forgotten.

It asks for what is secret, at a terminal without an echo or from standard input line by line, and
never takes it as an argument. The rules stand in `controller.clinic.people`.
"""

import argparse
import getpass
import secrets
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from controller.clinic.documents import (
    DocumentError,
    Problem,
    utc_datetime,
    utc_ns,
    validation_problems,
)
from controller.clinic.people import (
    Change,
    Did,
    Person,
    Register,
    Role,
    badge_digest,
    badge_rule,
    pin_rule,
)
from controller.clinic.text import utc_text
from controller.clock import SystemClock
from controller.config import SiteConfig
from controller.console import (
    DONE,
    FAILED,
    WRONG,
    Fault,
    Out,
    fault,
    people_of,
    problem,
    site_of,
)
from controller.people_file import People, change_people
from controller.pins import SALT_BYTES, hashed, holds

BADGE_DAYS: Final = 365


def _secret(name: str) -> str:
    """One line that nobody may see. Raises Fault where standard input ended."""
    if sys.stdin.isatty():
        try:
            return getpass.getpass(f"{name}: ")
        except (EOFError, KeyboardInterrupt) as ended:
            raise fault(FAILED, name, "(nothing)", "must be typed; nothing was changed") from ended
    line = sys.stdin.readline()
    if not line:
        raise fault(WRONG, name, "(absent)", "must stand on a line of standard input")
    return line.rstrip("\r\n")


def _administrator(args: argparse.Namespace, register: Register) -> str:
    """Who makes this change, proven by their PIN; the first one by being at the console."""
    if not register.people:
        if args.did != "added":
            raise fault(FAILED, "id", args.id, "must be somebody of this site")
        if not sys.stdin.isatty():
            rule = "must be a terminal: the first administrator is made at the console"
            raise fault(WRONG, "standard input", "(no terminal)", rule)
        return str(args.id)
    by = register.find(args.by or "")
    if by is None or by.disabled or Role.ADMINISTRATOR not in by.roles:
        rule = "must be an administrator of this site"
        raise fault(WRONG, "--by", args.by or "(absent)", rule)
    if not holds(by.pin, _secret(f"PIN of {by.id}")):
        raise fault(FAILED, f"PIN of {by.id}", "(not shown)", "must be the administrator's PIN")
    return by.id


def _refused(code: int, problems: Iterable[Problem]) -> Fault:
    return Fault(code, [problem(p.field, p.value, p.rule) for p in problems])


def _badge() -> str:
    badge = _secret("badge of the person, read or typed")
    rule = badge_rule(badge)
    if rule:
        raise fault(WRONG, "badge", "(not shown)", rule)
    return badge


def _pin(site: SiteConfig) -> str:
    """A new PIN, typed twice at a terminal, as it is kept."""
    pin = _secret("new PIN of the person, 6 to 12 digits")
    if sys.stdin.isatty() and _secret("the same PIN again") != pin:
        raise fault(WRONG, "PIN", "(not shown)", "must be the same twice")
    rule = pin_rule(pin)
    if rule:
        raise fault(WRONG, "PIN", "(not shown)", rule)
    return hashed(pin, site.people.cost, secrets.token_bytes(SALT_BYTES))


def _expiry(args: argparse.Namespace) -> int:
    """When the badge ends, UTC in ns: at the end of the day that was named, or in a year."""
    if args.badge_expires is None:
        return utc_ns(utc_datetime(SystemClock().utc_ns()) + timedelta(days=BADGE_DAYS))
    try:
        day = datetime.strptime(args.badge_expires, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise fault(WRONG, "--badge-expires", args.badge_expires, "must be YYYY-MM-DD") from error
    return utc_ns(day + timedelta(days=1))


def _said(args: argparse.Namespace, site: SiteConfig, register: Register) -> dict[str, Any]:
    """What the change says beside who, by whom and why."""
    did: Did = args.did
    said: dict[str, Any] = {}
    if did == "added":
        said |= {"name": args.name, "roles": tuple(Role(role) for role in args.role)}
    if did in ("added", "badge"):
        said["badge_expires_utc_ns"] = _expiry(args)
        said["badge"] = badge_digest(register.badge_key, _badge())
    if did in ("added", "pin"):
        said["pin"] = _pin(site)
    return said


def change(args: argparse.Namespace, out: Out) -> int:
    """One change: asked for, allowed, written. Raises Fault with every reason against it."""
    site = site_of(args.config)
    path, before = site.people_path, people_of(site)
    by = _administrator(args, before.register)
    said = _said(args, site, before.register)
    try:
        told = Change(did=args.did, id=args.id, by=by, reason=args.reason, **said)
        after = change_people(path, told, SystemClock().utc_ns(), before)
    except ValidationError as error:
        raise _refused(WRONG, validation_problems(error)) from error
    except DocumentError as error:
        raise _refused(FAILED, error.problems) from error
    except OSError as error:
        raise fault(WRONG, "people", path, f"must be written: {error.strerror}") from error
    person = after.register.person(args.id)
    out.say(f"{args.did}: {_line(person)}")
    out.end(ok=True, did=args.did, person=_view(person), head=after.register.head)
    return DONE


def listed(args: argparse.Namespace, out: Out) -> int:
    """Everybody, and with ``--history`` every change that was ever made."""
    people = people_of(site_of(args.config))
    for person in people.register.people:
        out.say(_line(person))
    if not people.register.people:
        out.say("nobody yet: isodrip people add, at the console")
    changes = list(_history(people)) if args.history else []
    for told in changes:
        was = "".join(f"; {field}: {old} -> {new}" for field, old, new in told["values"])
        out.say(f"{told['at']}  {told['did']} {told['id']} by {told['by']}: {told['reason']}{was}")
    views = [_view(person) for person in people.register.people]
    out.end(ok=True, people=views, head=people.register.head, changes=changes)
    return DONE


def _history(people: People) -> Iterator[dict[str, Any]]:
    """Every change with the values that it replaced."""
    before: dict[str, dict[str, Any]] = {}
    for at_utc_ns, told in people.changes:
        said = told.model_dump(mode="json", exclude_none=True, include=_SHOWN)
        old = before.setdefault(told.id, {})
        values = [
            (name, _shown(name, old.get(name)), _shown(name, new)) for name, new in said.items()
        ]
        old |= said
        base = told.model_dump(mode="json", include={"did", "id", "by", "reason"})
        yield {"at": utc_text(at_utc_ns), **base, "values": values}


_SHOWN: Final = {"name", "roles", "badge_expires_utc_ns"}


def _shown(name: str, value: Any) -> Any:
    if value is None:
        return "-"
    return utc_text(value) if name == "badge_expires_utc_ns" else value


def _line(person: Person) -> str:
    until = utc_text(person.badge_expires_utc_ns)
    note = ", DISABLED" if person.disabled else ""
    return f"{person.id}: {person.name} ({', '.join(person.roles)}), badge until {until}{note}"


def _view(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "name": person.name,
        "roles": list(person.roles),
        "badge_expires": utc_text(person.badge_expires_utc_ns),
        "disabled": person.disabled,
    }


CHANGES: Final[tuple[tuple[str, Did, str, str], ...]] = (
    ("add", "added", "a new person, with badge and PIN", "joins the site"),
    ("badge", "badge", "another badge, or another end of it", ""),
    ("pin", "pin", "another PIN", ""),
    ("disable", "disabled", "a person who may not act any more", ""),
    ("enable", "enabled", "a disabled person who may act again", ""),
)
"""Command, what it does, help, and its reason where none is given: only a first entry has one."""


def people_arguments(parser: argparse.ArgumentParser, command: str, did: Did, why: str) -> None:
    """The options of one change."""
    parser.set_defaults(did=did)
    parser.add_argument("id", metavar="ID")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--by", metavar="ADMINISTRATOR", help="who makes the change")
    parser.add_argument("--reason", required=not why, default=why, help="why it is made")
    if command == "add":
        parser.add_argument("--name", required=True)
        parser.add_argument("--role", action="append", required=True, choices=list(Role))
    if command in ("add", "badge"):
        parser.add_argument("--badge-expires", metavar="YYYY-MM-DD",
                            help="its last day, UTC; in a year if not given")  # fmt: skip


def list_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``isodrip people list``."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--history", action="store_true", help="every change ever made")
