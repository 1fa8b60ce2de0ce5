"""``isodrip-bench run``: a bench for a person at the panel, or two people played, then judged.

The daemon is reached by HTTP only, the world by its channel only.
"""

import asyncio
import json
import signal
import sys
from typing import Any, Final

from controller.clinic.record import TreatmentRecord, render_text
from controller.panel.door import KEY_COOKIE
from simulators.bench import processes
from simulators.bench.api import Api, ApiRefused
from simulators.bench.auto import BrokenOff, Plan, TwoPeople
from simulators.bench.badges import CLINICAL
from simulators.bench.broker import BrokerMissing
from simulators.bench.channel import Refused
from simulators.bench.judge import Watch, judge, utc_ns
from simulators.bench.launch import Bench, Wish, bench
from simulators.bench.processes import ChildFailed
from simulators.bench.progress import Progress
from simulators.bench.stations import HOT_LAB_KEY

DONE, DISAGREES, MISSING, UNSAFE = 0, 1, 3, 4


async def main(wish: Wish) -> int:
    """Run a bench as asked; returns the exit code of shapes.md."""
    out = None if wish.as_json else sys.stdout
    progress = Progress(out)
    try:
        async with bench(wish) as running:
            _announce(running, wish)
            if wish.auto:
                return await _with_children(running, _auto(running, progress, wish))
            return await _with_children(running, _until_interrupted())
    except BrokerMissing as missing:
        return _fail(str(missing), MISSING)
    except ChildFailed as failed:
        missing_device = failed.child.returncode == MISSING
        return _fail(str(failed), MISSING if missing_device else DISAGREES)


async def _with_children(running: Bench, work: Any) -> int:
    """Do the work, but no longer than every child lives."""
    task: asyncio.Task[int] = asyncio.create_task(work)
    death = asyncio.create_task(processes.first_death((running.daemon, running.world)))
    tasks: set[asyncio.Task[Any]] = {task, death}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise death.result()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _until_interrupted() -> int:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()
    return DONE


async def _auto(running: Bench, progress: Progress, wish: Wish) -> int:
    watch = Watch()
    plan = Plan(running.order, running.setting, float(running.order["infusion_min"]) * 60.0)
    async with Api(running.api) as api:
        people = TwoPeople(api, running.channel, plan, progress, watch)
        try:
            await people.treat()
        except (BrokenOff, ApiRefused, Refused, TimeoutError) as error:
            return _unfinished(watch, f"the treatment did not finish: {error}")
        record = await api.record(people.session)
    truth = await running.channel.truth()
    watch.look(truth)
    verdict = judge(record, truth, utc_ns(record["times"]["pump_start"]))
    verdict["violations"] = list(watch.violations)
    full = {**record, "ground_truth": verdict}
    (running.directory / "record.json").write_text(json.dumps(full, indent=1) + "\n")
    _tell(full, as_json=wish.as_json)
    return judgement(full)


def judgement(record: dict[str, Any]) -> int:
    """The exit code for a record with its ``ground_truth``: 0 only if complete, true and safe."""
    if record["ground_truth"]["violations"]:
        return UNSAFE
    agrees = record["outcome"] == "complete" and record["ground_truth"]["agrees"]
    return DONE if agrees else DISAGREES


def _unfinished(watch: Watch, reason: str) -> int:
    for violation in watch.violations:
        _fail(violation, UNSAFE)
    return _fail(reason, UNSAFE if watch.violations else DISAGREES)


def _tell(record: dict[str, Any], *, as_json: bool) -> None:
    text = json.dumps(record)
    if as_json:
        _print(text)
        return
    _print(render_text(TreatmentRecord.model_validate_json(text)))
    for name, route in record["ground_truth"]["routes"].items():
        word = "agrees" if route["agrees"] else "DISAGREES"
        _print(
            f"ground truth, {name}: record {route['record']} {route['unit']}, "
            f"truth {route['truth']}, allowed {route['allowed']}: {word}"
        )
    for violation in record["ground_truth"]["violations"]:
        _print(f"SAFETY VIOLATION {violation}")


def _announce(running: Bench, wish: Wish) -> None:
    where = running.where()
    if wish.as_json:
        _print(json.dumps(where))
        return
    note = "COLD RUN, SIMULATED" if wish.cold else "SIMULATED"
    _print(f"API            {where['api']}  ({note})")
    _print(f"broker         {where['broker']}")
    for name, port in running.ports.items():
        _print(f"{name:<14} {port}")
    _print(f"run directory  {where['directory']}  (seed {where['seed']})")
    if not wish.auto:
        people = "; ".join(f"{one.id} {one.badge} {one.pin}" for one in CLINICAL)
        cookie = f"{KEY_COOKIE}={HOT_LAB_KEY}"
        _print(CHEAT_SHEET.format(directory=where["directory"], people=people, cookie=cookie))


CHEAT_SHEET: Final = """
You are the people now: use the panel, and these hands in another terminal.
  isodrip-bench hand put_in_chamber item=syringe      isodrip-bench hand take_from_chamber
  isodrip-bench hand mount_syringe which=saline       (or drug, flush)
  isodrip-bench hand connect_line | disconnect_line | open_clamp | close_clamp | unmount
  isodrip-bench hand lead_line to=waste               isodrip-bench hand collect_waste
  isodrip-bench hand pull_plug device=pump            isodrip-bench hand press_keypad device=pump \
key=start_stop
  isodrip-bench truth                                 what really is where
Who you are, badge and PIN: {people}.
You stand at the bedside; with the cookie {cookie} in the hot lab.
The order is {directory}/order.json. Ctrl-C ends everything; the directory is kept."""


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _fail(reason: str, code: int) -> int:
    sys.stderr.write(reason + "\n")
    return code
