"""A room without wires: devices in memory, two people, and the daemon in stepped time."""

import asyncio
import contextlib
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx

from controller.clinic.commissioning import commissioning_text
from controller.clinic.order import parse_order
from controller.clinic.people import Change, Role, badge_digest
from controller.clinic.regimen import parse_regimen, regimen_hash
from controller.clock import SystemClock
from controller.config import load_site
from controller.life import Life
from controller.panel.api import Api
from controller.panel.app import make_app
from controller.panel.desk import PIN_HEADER, SECOND_PIN_HEADER, Knock
from controller.panel.door import COOKIE
from controller.panel.reception import desk_of
from controller.people_file import begun, with_change
from controller.pins import PinCost, hashed
from controller.regimens import regimen_text
from controller.service import record_json, setting_of
from controller.store import DirectoryStore
from controller.surroundings import Surroundings
from controller.view import session_view
from firmware_interfaces.units import (
    NS_PER_S,
)
from simulators.bench.answers import good_answer
from simulators.bench.commissioning import commission
from tests.controller.memory_devices import (
    PRESCRIBED_MBQ,
    MemoryCalibrator,
    MemoryPump,
    MemoryTelemetry,
)
from tests.controller.stepped_loop import InlineExecutor

REGIMEN = regimen_text("clr131-bench")
PINNED = regimen_hash(REGIMEN)
NOON_UTC_NS = 1_763_640_000 * NS_PER_S  # 2025-11-20 12:00 UTC
ORDER: dict[str, Any] = {
    "schema": 2,
    "order_id": "WD-1",
    "site": "Madison 03",
    "patient": {
        "name": "Example, Robin",
        "id": "C131-0042",
        "birth_date": "1961-04-02",
        "weight_kg": 70.0,
        "weight_date": "2025-11-19",
        "height_cm": 170.0,
        "height_date": "2025-11-19",
    },
    "drug": "CLR 131",
    "nuclide": "I-131",
    "regimen": "clr131-bench",
    "dose_number": 1,
    "route": "intravenous",
    "bsa_formula": "mosteller",
    "prescribed_mbq": PRESCRIBED_MBQ,
    "administer": "whole_syringe",
    "container": {"kind": "syringe", "syringe": "BD 60 mL", "fill_ml": 20.0, "unusable_ml": 0.5},
    "line": {"dead_volume_ml": 1.5, "primed_with": "saline"},
    "infusion_min": 1.0,
    "reference_time": "2025-11-20T12:30:00+00:00",
    "authorized_user": {"name": "C. D.", "signed_at": "2025-11-19T16:20:00+00:00"},
    "eligibility": {
        "indication": "MM",
        "prior_lines": 2,
        "prior_classes": ["proteasome inhibitor", "immunomodulatory drug"],
    },
    "entries": {
        "first": {"by": {"id": "ab", "name": "A. B."}, "at": "2025-11-19T15:00:00+00:00"},
        "second": {
            "by": {"id": "cd", "name": "C. D."},
            "at": "2025-11-19T15:10:00+00:00",
            "weight_kg": 70.0,
            "weight_date": "2025-11-19",
            "height_cm": 170.0,
            "height_date": "2025-11-19",
        },
    },
}


def site_text(directory, listen="127.0.0.1:8131"):
    return f"""
[site]
name = "Madison 03"
room = "hot lab 2"
timezone = "America/Chicago"
simulated = true
[calibrator]
kind = "crc55"
port = "socket://127.0.0.1:1"
[pump]
kind = "ne1000"
port = "socket://127.0.0.1:2"
[[syringe]]
name = "BD 60 mL"
diameter_mm = 26.59
size_ml = 60
source = "maker's table"
[journal]
directory = "{directory}"
[api]
listen = "{listen}"
[regimen]
allowed = ["clr131-bench"]
sha256 = {{ clr131-bench = "{PINNED}" }}
"""


COMMISSIONING: str = commissioning_text(
    commission(load_site(site_text("j")), ["BD 60 mL"], datetime(2025, 11, 1, tzinfo=UTC))
)


ROLES = {"adm": Role.ADMINISTRATOR, "ab": Role.TECHNICIAN, "cd": Role.AUTHORIZED_USER}
NAMES = {"adm": "Ada Minn", "ab": "A. B.", "cd": "C. D."}
PINS = {"adm": "570291", "ab": "246813", "cd": "135792"}
YEAR_NS = 365 * 86_400 * NS_PER_S
CHEAP = PinCost(8, 1)


def person_added(who, *, role=None, badge="", until=YEAR_NS, cost=CHEAP, at_utc_ns=NOON_UTC_NS):
    """Somebody joins the room; the badge is ``badge-`` and the id."""
    return Change(
        did="added", id=who, by="adm", reason="joins", name=NAMES.get(who, who.upper()),
        roles=(role or ROLES[who],), badge=badge_digest("k" * 64, badge or f"badge-{who}"),
        badge_expires_utc_ns=at_utc_ns + until,
        pin=hashed(PINS.get(who, "864201"), cost, who.encode().ljust(16, b"0")),
    )  # fmt: skip


@cache
def people_of_room(at_utc_ns=NOON_UTC_NS):
    """An administrator, a technician and an authorized user."""
    people = begun(at_utc_ns, "k" * 64)
    for who in ROLES:
        change = person_added(who, at_utc_ns=at_utc_ns)
        people = with_change(people, change, at_utc_ns)
    return people


class Room:
    """One room with its daemon. Use as ``async with Room(directory)``."""

    def __init__(self, directory, *, executor=None, absent="", utc_ns=NOON_UTC_NS, pump=None,
                 commissioning=COMMISSIONING, people=None):  # fmt: skip
        self.directory = directory
        self.site = load_site(site_text(directory))
        loop = asyncio.get_running_loop()
        begun = round(loop.time() * 1_000_000) * 1000

        def mono():
            return round(loop.time() * 1_000_000) * 1000

        self.clock = SystemClock(mono, lambda: utc_ns + mono() - begun)
        self.absent = absent
        self.old_pump = pump
        ids = itertools.count(1)
        self.world = Surroundings(
            clock=self.clock,
            store=DirectoryStore(
                directory, executor=executor or InlineExecutor(), synchronous="OFF"
            ),
            pump=self._pump,
            calibrator=self._calibrator,
            telemetry=self._telemetry,
            new_id=lambda: f"S{utc_ns // NS_PER_S}-{next(ids)}",
            disk_free_mb=lambda: 50_000,
            executor=InlineExecutor(),
        )
        self.people = people or people_of_room(utc_ns)
        self.life = Life(setting_of(self.site, commissioning), self.world)
        self.actions = itertools.count(1)
        self.session = ""

    def _pump(self, clock, heard):
        self.pump = MemoryPump(clock, heard)
        self.pump.absent = self.absent
        if self.old_pump is not None:
            # The same pump after its watchdog stopped it: its counter outlives the daemon.
            self.pump.plan, self.pump.counter_nl = self.old_pump.plan, self.old_pump.infused_nl()
        return self.pump

    def _calibrator(self, clock):
        self.calibrator = MemoryCalibrator(clock)
        return self.calibrator

    def _telemetry(self, on_link):
        self.telemetry = MemoryTelemetry(on_link)
        return self.telemetry

    async def __aenter__(self):
        self.daemon = await self.life.start()
        self.desk = desk_of(self.daemon, self.site, self.people, InlineExecutor())
        self.api = Api(self.daemon, self.site, self.desk)

        async def record(session):
            return await record_json(self.daemon, session)

        app = make_app(self.api, record)
        transport = httpx.ASGITransport(app)
        self.http = httpx.AsyncClient(
            transport=transport,
            base_url="http://127.0.0.1:8131/api/v1",
            headers={"X-Isodrip": "1"},
        )
        here = Knock(place="127.0.0.1")
        for who in ("ab", "cd"):
            token, _ = self.desk.come(f"badge-{who}", here)
            here = replace(here, token=token)
        self.http.cookies.set(COOKIE, here.token)
        return self

    async def come(self, who, badge=""):
        """Somebody shows a badge at the room's one station."""
        return await self.http.post("come", json={"badge": badge or f"badge-{who}"})

    async def __aexit__(self, *_):
        await self.http.aclose()
        await self.end()

    async def end(self):
        async def nothing():
            self.daemon.herald.ring.close()

        with contextlib.suppress(AttributeError):
            self.rested = await self.life.end(nothing)

    async def crash(self):
        """The process dies: nothing is said to anybody."""
        await self.life.supervisor.stop()
        worker = self.daemon.pump
        tasks = [*worker._timers, *([worker._stopping] if worker._stopping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for session in self.daemon.sessions.values():
            await session.journal.close(1)
        await self.daemon.site_journal.close(1)

    async def state(self):
        return (await self.http.get("state")).json()

    async def phase(self):
        found = [s for s in (await self.state())["sessions"] if s["session"] == self.session]
        return found[0]["phase"] if found else None

    async def ask(self, name, operator="ab", **fields):
        """One action; returns the response."""
        body = {"action_id": f"a{next(self.actions)}", "operator": operator, **fields}
        if name != "load_order":
            body.setdefault("session", self.session)
        typed = {PIN_HEADER: operator, SECOND_PIN_HEADER: body.get("confirmed_by")}
        pins = {header: PINS[who] for header, who in typed.items() if who in PINS}
        answer = await self.http.post(f"actions/{name}", json=body, headers=pins)
        if answer.status_code == 401:
            # Three minutes without an act: the badge is shown again.
            await self.come(answer.json()["error"]["value"])
            answer = await self.http.post(f"actions/{name}", json=body, headers=pins)
        return answer

    async def do(self, name, operator="ab", **fields):
        """One action that must be accepted; returns its body."""
        response = await self.ask(name, operator, **fields)
        assert response.status_code == 200, f"{name}: {response.text}"
        return response.json()

    async def until(self, condition, within_s=600):
        """Let stepped time pass until ``condition`` of the session's view holds."""
        view: dict[str, Any] = {}
        for _ in range(within_s * 4):
            session = self.daemon.sessions[self.session]
            view = session_view(
                session.state, self.daemon.clock.monotonic_ns(), self.daemon.setting.kinds
            )
            if condition(view):
                return view
            await asyncio.sleep(0.25)
        raise AssertionError(f"never: {json.dumps(view, indent=1)}")

    async def until_phase(self, phase, within_s=600):
        return await self.until(lambda view: view["phase"] == phase, within_s)

    async def tested(self):
        """Wait for the self-test, and until the consumer has heard that it passed."""
        async with asyncio.timeout(10):
            while (  # noqa: ASYNC110 - nobody tells when an event has been taken
                "self_test" in self.daemon.conditions or not self.daemon.self_test.passed
            ):
                await asyncio.sleep(0.05)

    async def to_ordered(self):
        await self.tested()
        self.session = (await self.do("load_order", order=ORDER))["session"]

    async def gates(self):
        """What stands between the session and its start."""
        return (await self.http.get(f"gates/{self.session}")).json()

    async def sign(self):
        """The authorized user signs; a signature counts from the moment after it."""
        shown = (await self.gates())["directive"]
        await self.do("sign_directive", "cd", order_hash=shown["order_hash"])
        await asyncio.sleep(0.001)

    async def answer(self, question, **changes):
        """The good answer to a question, with some changes."""
        at = datetime.fromisoformat((await self.gates())["at"])
        order, regimen = parse_order(json.dumps(ORDER)), parse_regimen(REGIMEN)
        told = {**good_answer(question, order, regimen, at), **changes}
        return await self.do("gate_answer", question=question, answer=told)

    async def answer_at(self, place):
        """Everything that stands closed at a place."""
        gates = (await self.gates())["gates"]
        closed = [gate for gate in gates if gate["place"] == place and gate["problems"]]
        for question in dict.fromkeys(gate["question"] for gate in closed):
            await self.answer(question)

    async def clear(self):
        """Signed, and everything before the thaw in order."""
        await self.sign()
        await self.answer_at("before_thaw")

    async def to_cleared(self):
        await self.to_ordered()
        await self.clear()

    async def to_assayed(self):
        await self.to_cleared()
        await self.do("assay")
        await self.until_phase("ASSAYED")

    async def to_released(self):
        await self.to_assayed()
        await self.release()

    async def release(self):
        """In the hot lab, and after the time-out at the bedside."""
        await self.answer_at("hot_lab")
        await self.do("release", "ab")
        await self.hand_over("bedside")
        await self.answer_at("bedside")
        await self.do("release", "cd")

    async def hand_over(self, to):
        """The container from one place to the other."""
        await self.do("hand_over", "ab", to=to, confirmed_by="cd")

    async def to_armed(self):
        await self.to_released()
        await self.do("patency", syringe="BD 60 mL")
        await self.until(lambda v: v["run"] is None and v["pumped"]["patency"]["low_ml"] > 0.9)
        await self.do("patency_confirm", blood_return=True, leak_seen=False)
        await self.do("seat", confirmed_by="cd")
        await self.until(lambda v: v["pumped"]["seat"]["low_ml"] >= 0.1)
        await self.do("seat_confirm", drop_seen=True)
        await self.until(lambda v: v["run"] is None)
        await self.do("connect", clamps_open=True)
        await self.do("arm")
        await self.until_phase("ARMED")

    async def to_infusing(self):
        await self.to_armed()
        await self.do("start_request")
        await self.do("start_confirm")
        await self.until(lambda v: v["run"] is not None and v["run"]["stage"] == "running")
