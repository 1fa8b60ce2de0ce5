"""``isodrip-bench``: the command of those who test Isodrip. It reads arguments, no more."""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from controller.clinic.order import OrderError
from simulators.bench import run
from simulators.bench.broker import KINDS
from simulators.bench.campaign import add_campaign
from simulators.bench.channel import Channel, Refused
from simulators.bench.crash import add_crash
from simulators.bench.device_set import add_devices, devices_from
from simulators.bench.directory import latest
from simulators.bench.explore.command import add_explore
from simulators.bench.hands import VERBS
from simulators.bench.kills import add_kill
from simulators.bench.launch import Wish
from simulators.bench.paper_command import add_answer
from simulators.bench.perturb import add_perturb
from simulators.bench.rehearse import add_rehearse, minutes
from simulators.bench.sweep import add_sweep
from simulators.bench.trumpet import add_trumpet
from simulators.devices.simulate import KINDS as DEVICE_KINDS
from simulators.devices.simulate import simulate_main

WRONG_USE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns 0 done, 1 a check failed, 2 wrong use, 3 missing, 4 unsafe."""
    given = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        return command(given)
    except OrderError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return WRONG_USE
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return run.DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="isodrip-bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_simulate(commands)
    add_rehearse(commands)
    add_campaign(commands)
    add_sweep(commands)
    add_crash(commands)
    add_kill(commands)
    add_perturb(commands)
    add_answer(commands)
    add_explore(commands)
    add_trumpet(commands)
    _add_hand(commands)
    _add_truth(commands)
    return parser


def _add_run(commands: Any) -> None:
    parser = commands.add_parser("run", help="a whole room: broker, devices and the daemon")
    parser.add_argument("--minutes", type=minutes, help="duration of the infusion (default 1)")
    parser.add_argument("--auto", action="store_true", help="two people give the treatment")
    parser.add_argument("--order", type=Path, metavar="FILE", help="an order of your own")
    parser.add_argument("--cold", action="store_true", help="a cold run: saline for the drug")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broker", choices=KINDS, help="default: the first one installed")
    add_devices(parser)
    parser.add_argument("--json", action="store_true", help="objects on stdout and nothing else")
    parser.set_defaults(command=_run)


def _add_simulate(commands: Any) -> None:
    parser = commands.add_parser("simulate", help="one device alone, until SIGTERM")
    parser.add_argument("kind", metavar="KIND", help=", ".join(DEVICE_KINDS))
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--pty", action="store_true")
    where.add_argument("--tcp", metavar="HOST:PORT")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(command=simulate_main)


def _add_hand(commands: Any) -> None:
    parser = commands.add_parser("hand", help="do what a hand does, in a running room")
    parser.add_argument("verb", metavar="VERB", help=", ".join(VERBS))
    parser.add_argument("what", nargs="*", type=_pair, metavar="KEY=VALUE")
    parser.add_argument("--directory", type=Path, help="default: the newest run")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=_hand)


def _add_truth(commands: Any) -> None:
    parser = commands.add_parser("truth", help="what really is where, in a running room")
    parser.add_argument("--directory", type=Path, help="default: the newest run")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=_truth)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _run(given: argparse.Namespace) -> int:
    wish = Wish(
        minutes=given.minutes,
        auto=given.auto,
        order=given.order,
        seed=given.seed,
        as_json=given.json,
        broker=given.broker,
        devices=devices_from(given),
        cold=given.cold,
    )
    return asyncio.run(run.main(wish))


def _hand(given: argparse.Namespace) -> int:
    try:
        asyncio.run(_channel(given).hand(given.verb, **dict(given.what)))
    except Refused as refused:
        if given.json:
            print(json.dumps({"ok": False, "reason": str(refused)}))
        else:
            print(refused, file=sys.stderr)
        return run.DISAGREES
    except (ConnectionError, FileNotFoundError) as error:
        return _no_world(error)
    print(json.dumps({"ok": True}) if given.json else "done")
    return run.DONE


def _truth(given: argparse.Namespace) -> int:
    try:
        truth = asyncio.run(_channel(given).truth())
    except (ConnectionError, FileNotFoundError) as error:
        return _no_world(error)
    print(json.dumps(truth) if given.json else "\n".join(_lines(truth)))
    return run.DONE


def _channel(given: argparse.Namespace) -> Channel:
    return Channel(given.directory or latest())


def _no_world(error: OSError) -> int:
    print(f"no world answers: {error}", file=sys.stderr)
    return run.MISSING


def _lines(truth: dict[str, Any]) -> list[str]:
    """The truth for people: volumes in mL, activities in MBq."""
    places = [
        f"{name:<9} {volume / 1e6:9.4f} mL {truth['activities_bq'][name] / 1e6:10.3f} MBq"
        for name, volume in truth["volumes_nl"].items()
    ]
    facts = [
        f"{name:<16} {truth[name]}"
        for name in ("mounted", "line_joined", "line_end", "clamp_open", "drop_at_tip", "well")
    ]
    flow = f"plunger          {truth['plunger_um_s']:.2f} um/s, out of the tip "
    return [*places, *facts, f"{flow}{truth['outflow_nl_s'] * 3.6e-3:.3f} mL/h"]


if __name__ == "__main__":
    sys.exit(main())
