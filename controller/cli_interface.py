"""``isodrip interface KIND``: a device's interface control document, for people, C or programs."""

import argparse
from typing import Any, Final

from controller.console import DONE, Out
from firmware_interfaces.interface_document import as_header, as_json, as_markdown, as_object
from firmware_interfaces.interfaces import INTERFACES

FORMATS: Final = {"md": as_markdown, "h": as_header, "json": as_json}


def interface_arguments(parser: argparse.ArgumentParser) -> None:
    """KIND and ``--format``."""
    parser.add_argument("kind", choices=sorted(INTERFACES), metavar="KIND")
    parser.add_argument("--format", choices=tuple(FORMATS), default="md")


def interface(args: argparse.Namespace, out: Out) -> int:
    """Print the document; ``--json`` is one line of the JSON form."""
    found = INTERFACES[args.kind]
    if out.as_json:
        document: dict[str, Any] = as_object(found)
        out.end(**document)
    else:
        out.say(FORMATS[args.format](found).rstrip("\n"))
    return DONE
