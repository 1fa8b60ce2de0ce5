"""``isodrip regimen``: a regimen's text, its hash for site.toml, and what is still undecided."""

import argparse
from typing import Any, Final

from controller.clinic.documents import DocumentError
from controller.clinic.regimen import parse_regimen, regimen_hash
from controller.console import DONE, FAILED, Out, fault, refused, text_of
from controller.regimens import regimen_text


def regimen_show(args: argparse.Namespace, out: Out) -> int:
    """Print the text of a regimen of this program: what a site changes begins as a copy of it."""
    try:
        text = regimen_text(args.name)
    except FileNotFoundError:
        rule = "must be a regimen of this program"
        raise fault(FAILED, "regimen", args.name, rule) from None
    out.say(text.rstrip("\n"))
    out.end(name=args.name, sha256=regimen_hash(text), text=text)
    return DONE


def regimen_check(args: argparse.Namespace, out: Out) -> int:
    """Read a regimen's file, name every problem, and tell the hash that site.toml pins."""
    text = text_of(args.file)
    try:
        regimen = parse_regimen(text)
    except DocumentError as error:
        raise refused(error) from error
    pinned = regimen_hash(text)
    out.say(f'{regimen.name}: good; sha256 = "{pinned}"')
    for path, who in regimen.undecided.items():
        out.say(f"undecided, real devices refuse it: {path} (the {who} decides)")
    out.end(ok=True, name=regimen.name, sha256=pinned, undecided=regimen.undecided)
    return DONE


REGIMEN_COMMANDS: Final[tuple[tuple[str, Any, str, str], ...]] = (
    ("show", regimen_show, "name", "print a regimen of this program"),
    ("check", regimen_check, "file", "check a regimen's file and tell its hash"),
)
