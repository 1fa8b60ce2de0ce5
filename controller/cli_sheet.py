"""``isodrip sheet``: the downtime sheet of a treatment, read from its journal."""

import argparse
import sys
from pathlib import Path

from controller.console import DONE, WRONG, Out, fault, site_of
from controller.journal import read
from controller.sheets import sheet_of_journal
from controller.store import JOURNAL


def sheet_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its arguments."""
    parser.add_argument("session", metavar="SESSION")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: to the terminal")


def sheet_main(args: argparse.Namespace, out: Out) -> int:
    """Write the page as HTML. Raises Fault, NoRecord, JournalBroken, CodecError or OSError."""
    site = site_of(args.config)
    if Path(args.session).name != args.session:
        raise fault(WRONG, "SESSION", args.session, "must be the name of a session")
    path = Path(site.journal.directory) / args.session / JOURNAL
    text = sheet_of_journal(list(read(path)), site.limits)
    if args.out is not None:
        args.out.write_text(text, "utf-8")
        out.say(f"{args.out}: print it on A4")
    elif not out.as_json:
        sys.stdout.write(text)
    out.end(ok=True, session=args.session, html=None if args.out else text)
    return DONE
