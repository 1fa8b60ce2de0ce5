"""``isodrip-bench answer``: what somebody of the bench answers at a gate, as JSON for the API."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from controller.clinic.documents import utc_datetime
from controller.clinic.order import parse_order
from controller.clock import SystemClock
from simulators.bench.answers import ANSWERS, good_answer
from simulators.bench.directory import latest
from simulators.bench.papers import regimen

DONE: Final = 0


def add_answer(commands: Any) -> None:
    """The command and its arguments."""
    parser = commands.add_parser("answer", help="print the answer to a question of the gates")
    parser.add_argument("question", choices=sorted(ANSWERS), metavar="QUESTION")
    parser.add_argument("--directory", type=Path, default=None, metavar="DIR", help="of the run")
    parser.set_defaults(command=answer_main)


def answer_main(given: argparse.Namespace) -> int:
    """Print the answer as all is in this run, at this moment. Raises OrderError and OSError."""
    order = parse_order(((given.directory or latest()) / "order.json").read_text("utf-8"))
    told = good_answer(
        given.question, order, regimen(order.regimen), utc_datetime(SystemClock().utc_ns())
    )
    sys.stdout.write(f"{json.dumps(told)}\n")
    return DONE
