"""A running infusion when something breaks, judged by where the plunger really is."""

import asyncio
import json
import signal

import pytest

from tests.acceptance.harness import BLOCKABLE, POLL_S, WATCHDOG_S, isodrip, room

pytestmark = [pytest.mark.realtime, pytest.mark.timeout(120)]

STEP_ML = 0.01
"""One step of the pump's counter from 10 mL up (pumps.md 1.8)."""


async def test_sigterm_stops_the_pump_confirms_it_and_then_ends():
    async with room() as here:
        await here.infuse()
        assert await here.moves()
        here.daemon.signal(signal.SIGTERM)
        assert await here.daemon.process.wait() == 0
        assert not await here.moves()


@pytest.mark.requirement("P9", "P11", "S4", "T5.1")
async def test_after_sigkill_the_pump_stops_by_itself_and_the_next_daemon_bounds_what_flowed():
    async with room() as here:
        await here.infuse()
        here.daemon.signal(signal.SIGKILL)
        await here.daemon.process.wait()
        await here.rests_after(WATCHDOG_S + POLL_S)
        given_ml = await here.infused_ml()
        before = await exported(here.journal())
        await here.restart()
        view = await here.until(lambda view: view.phase == "STOPPED")
        assert "UNCERTAIN" in await phases(here.journal())
        assert view.pumped_ml - STEP_ML <= given_ml <= view.pumped_high_ml + STEP_ML
        assert not await here.moves()
        assert (await exported(here.journal()))[: len(before)] == before
        code, out, err = await isodrip("journal", "verify", str(here.journal()))
        assert (code, err) == (0, ""), out


@pytest.mark.requirement("C1", "P10", "S4", "GIP-3.5.1-4")
async def test_a_hung_judgement_cannot_be_kept_alive_by_a_healthy_poller():
    async with room(program=BLOCKABLE) as here:
        await here.infuse()
        here.daemon.signal(signal.SIGUSR1)
        await here.rests_after(WATCHDOG_S + WATCHDOG_S / 3 + POLL_S)
        assert here.daemon.returncode is None
        await asyncio.sleep(POLL_S)
        assert not await here.moves()


@pytest.mark.requirement("N6", "T3.15")
async def test_a_dead_broker_is_an_advisory_and_the_infusion_goes_on_to_its_end():
    async with room(minutes=0.75) as here:
        await here.infuse()
        await here.bench.broker.stop()
        view = await here.until(lambda view: "broker_lost" in view.alarms)
        assert view.phase == "INFUSING"
        await here.people.infuse()
        view = await here.until(lambda view: not view.running)
        assert view.phase == "FLUSHING"
        assert view.pumped_ml == pytest.approx(view.planned_ml, rel=0.01)
        assert here.watch.violations == ()


@pytest.mark.requirement("T8.5", "T4.2")
async def test_stop_from_a_terminal_two_people_resume_and_pain_stops_it_again():
    async with room() as here:
        await here.infuse()
        config = ("--config", str(here.directory / "site.toml"))
        code, out, _ = await isodrip("status", *config, "--json")
        assert code == 0
        assert json.loads(out.splitlines()[-1])["active"] == here.session
        code, _, err = await isodrip("stop", *config)
        assert (code, err) == (0, "")
        await here.rests_after(POLL_S)
        view = await here.until(lambda view: not view.running)
        assert (view.phase, list(view.alarms)) == ("STOPPED", ["stop_pressed"])

        await here.act("acknowledge", operator="ab")
        await here.act("resume", operator="ab")
        await here.act("resume", operator="cd")
        await here.until(lambda view: view.phase == "ARMED")
        await here.act("start_request", operator="ab")
        await here.act("start_confirm", operator="ab")
        stopped_ml = view.pumped_ml
        await here.until(lambda view: view.pumped_ml > stopped_ml)

        await here.act("pain", operator="cd")
        await here.rests_after(POLL_S)
        view = await here.until(lambda view: not view.running)
        assert (view.phase, list(view.alarms)) == ("STOPPED", ["pain"])
        assert here.watch.violations == ()


async def exported(journal) -> list[str]:
    """The journal's records in their canonical lines."""
    code, out, err = await isodrip("journal", "export", str(journal))
    assert code == 0, err
    return out.splitlines()


async def phases(journal) -> set[str]:
    """Every phase that a decision led to."""
    records = [json.loads(line) for line in await exported(journal)]
    return {r["body"]["phase"] for r in records if "phase" in r.get("body", {})}
