"""`python -m benchmarks`: every measurement once, as a table, or with ``--json`` as one object."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import exchange, journal, stop, telemetry
from benchmarks.samples import Comparison
from benchmarks.table import rows
from simulators.bench.broker import BrokerMissing

PARTS: Final = ("exchange", "journal", "telemetry", "stop")
EXCHANGES: Final = 300
COMMITS: Final = 300
STOPS: Final = 6
EXIT_USAGE: Final = 2


@dataclass(slots=True)
class _Results:
    parts: dict[str, list[Comparison]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be given repeatedly")
    parser.add_argument("--exchanges", type=int, default=EXCHANGES, metavar="N")
    parser.add_argument("--commits", type=int, default=COMMITS, metavar="N")
    parser.add_argument("--stops", type=int, default=STOPS, metavar="N", help="under each load")
    parser.add_argument(
        "--directory", type=Path, default=Path(), help="where the journal is written (here)"
    )
    return parser.parse_args(words)


async def _measured(options: argparse.Namespace) -> _Results:
    results, wanted = _Results(), options.only or PARTS
    if "exchange" in wanted:
        results.parts["exchange"] = await exchange.measure(options.exchanges)
    if "journal" in wanted:
        results.parts["journal"] = await journal.measure(options.commits, options.directory)
    if "telemetry" in wanted:
        polls_ns = await exchange.polls(options.exchanges)
        results.parts["telemetry"] = [telemetry.publishing(polls_ns, options.exchanges)]
        try:
            results.parts["telemetry"].append(await telemetry.lag())
        except BrokerMissing as missing:
            results.missing["lag of the loop"] = str(missing)
    if "stop" in wanted:
        try:
            results.parts["stop"] = await stop.measure(options.stops)
        except BrokerMissing as missing:
            results.missing["STOP under load"] = str(missing)
    return results


def _say_json(results: _Results) -> None:
    parts = {name: [row.as_json() for row in found] for name, found in results.parts.items()}
    print(json.dumps({"schema": 1, **parts, "missing": results.missing}))


def _say_table(results: _Results) -> None:
    for name, found in results.parts.items():
        print(f"{name}")
        for row in rows(found):
            print(f"  {row}")
    for name, reason in results.missing.items():
        print(f"not measured: {name}: {reason}")


def main(words: Sequence[str] | None = None) -> int:
    """0 whatever the ratios are: a busy machine proves nothing, so nothing is asserted here."""
    options = _options(words)
    if min(options.exchanges, options.commits, options.stops) < 1:
        print("--exchanges, --commits and --stops must be 1 or more", file=sys.stderr)
        return EXIT_USAGE
    results = asyncio.run(_measured(options))
    (_say_json if options.json else _say_table)(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
