"""Whether somebody may do what they ask for: badges, roles, PINs, and how many mistakes they made.

It keeps mistakes in memory only. What a mistake costs is decided by `controller.clinic.access`, who
a person is by `controller.clinic.people`. STOP never comes here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Final

from controller.clinic.access import (
    PERSON_TRIES,
    STATION_TRIES,
    UNBLAMED,
    Proof,
    Strikes,
    locked,
    struck,
)
from controller.clinic.people import BACK_NS, BADGE, PIN, Person, Register, Role, expired
from controller.clinic.signatures import Identity
from controller.clinic.text import utc_text
from controller.core.event import Proven
from controller.panel.actions import ANYONE, EYES, Action, Body, Confirmed
from controller.panel.stations import Doing, Stations
from controller.pins import PinCost, cost_of, holds
from controller.ports import Clock

PIN_HEADER: Final = "X-Isodrip-PIN"
SECOND_PIN_HEADER: Final = "X-Isodrip-Second-PIN"
PLACES_MAX: Final = 1000
HIDDEN: Final = "(not shown)"


class Denied(Exception):
    """Somebody may not: HTTP status, and which field broke which rule."""

    def __init__(self, status: int, field: str, value: str, rule: str) -> None:
        super().__init__(f"{field} = {value}: {rule}")
        self.status, self.field, self.value, self.rule = status, field, value, rule


@dataclass(frozen=True, slots=True)
class Knock:
    """What a request says of who sends it: its station's token, address and key, and PINs."""

    token: str = field(default="", repr=False)
    place: str = ""
    pin: str = field(default="", repr=False)
    second_pin: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Known:
    """Who was recognised for one action, and the second person where one confirms."""

    first: Proven | None = None
    second: Proven | None = None

    @property
    def role(self) -> str:
        """The role in which the first one acts; empty where nobody was recognised."""
        return "" if self.first is None else self.first.role


@dataclass(frozen=True, slots=True)
class DeskPorts:
    """What the desk is given: where it notes who came, what goes on, where PINs are tried.

    ``cost_least`` is what keeping a PIN must have cost at least.
    """

    log: Callable[[Mapping[str, Any]], None]
    doing: Callable[[], Doing]
    cost_least: PinCost
    executor: Executor | None = None


class Desk:
    """Badges and PINs of one room. ``register`` may be read; nobody is in it before `take`."""

    def __init__(self, clock: Clock, ports: DeskPorts) -> None:
        self.register = Register("")
        self._clock, self._ports = clock, ports
        self._stations = Stations(clock, ports.doing)
        self._persons: dict[str, Strikes] = {}
        self._places: OrderedDict[str, Strikes] = OrderedDict()
        self._newest_utc_ns = 0
        self._one_at_a_time = asyncio.Lock()

    def take(self, register: Register) -> None:
        """These are the people: whoever is not who they were shows the badge again."""
        self._stations.dismiss(
            {one.id for one in self.register.people if register.find(one.id) != one}
        )
        self.register = register
        there = [person for person in register.people if not person.disabled]
        self._ports.log({"did": "people", "head": register.head, "count": len(there)})

    # --- coming and going ----------------------------------------------------------------------

    def come(self, badge: str, knock: Knock) -> tuple[str, Person]:
        """A badge was shown at a station: its token, and whose badge it is. Raises Denied."""
        self._check_clock()
        self._unlocked("station", knock.place, self._place(knock))
        person = self.register.holder(badge) if BADGE.fullmatch(badge) else None
        if person is None:
            self._blame_place(knock)
            rule = "must be the badge of somebody of this site"
            raise self.refused(Denied(401, "badge", HIDDEN, rule), "", knock)
        rule = expired(person, self._utc_ns())
        if rule:
            raise self.refused(Denied(403, "badge", person.id, rule), person.id, knock)
        token = self._stations.come(knock.token, knock.place, person.id)
        self._ports.log({"did": "came", "who": person.id, "station": knock.place})
        return token, person

    def go(self, who: str, knock: Knock) -> None:
        """Somebody leaves a station; whoever is not there has left already."""
        if self._stations.has(knock.token, who):
            self._stations.go(knock.token, who)
            self._ports.log({"did": "left", "who": who, "station": knock.place})

    def knows(self, token: str) -> bool:
        """True for the token of a station at which a badge was shown within its time."""
        return self._stations.find(token) is not None

    def present(self, token: str) -> list[dict[str, Any]]:
        """Who is at a station, and for how much longer without doing anything."""
        left_s = self._stations.idle_left_s(token)
        there = [self.register.person(who) for who in left_s]
        return [
            {"id": p.id, "name": p.name, "roles": list(p.roles), "idle_left_s": left_s[p.id]}
            for p in there
        ]

    # --- may they? -----------------------------------------------------------------------------

    async def allowed(self, action: Action, body: Body, knock: Knock) -> Known:
        """Who asks for the action, proven as it demands. Raises Denied."""
        if action.proof is Proof.NOTHING:
            return self._perhaps(body.operator, knock)
        second = body.confirmed_by if isinstance(body, Confirmed) else None
        if second == body.operator:
            rule = "must be another person than operator"
            raise Denied(422, "confirmed_by", body.operator, rule)
        first = self._there("operator", body.operator, action.roles, action, knock)
        other = None if second is None else self._there("confirmed_by", second, EYES, action, knock)
        if action.proof is Proof.PIN:
            await self._sign(first.id, PIN_HEADER, knock.pin, action, knock)
            if other is not None:
                await self._sign(other.id, SECOND_PIN_HEADER, knock.second_pin, action, knock)
        return Known(
            self._proven(first, action.roles, action.proof, knock),
            None if other is None else self._proven(other, EYES, action.proof, knock),
        )

    def _perhaps(self, who: str, knock: Knock) -> Known:
        """Whoever presses a button for everybody: recognised where they are present."""
        if not self._stations.has(knock.token, who):
            return Known()
        return Known(self._proven(self.register.person(who), ANYONE, Proof.BADGE, knock))

    def _there(
        self, field: str, who: str, roles: frozenset[Role], action: Action, knock: Knock
    ) -> Person:
        """The person, present at this station and in a role that may. Raises Denied."""
        person = self.register.find(who)
        if person is None:
            raise Denied(422, field, who, "must be somebody of this site")
        if not self._stations.has(knock.token, who):
            rule = "must be present: show the badge, it counts for 3 minutes without an act"
            raise Denied(401, field, who, rule)
        rule = expired(person, self._utc_ns())
        if not rule and person.acts_as(roles) is None:
            rule = f"must be one of {', '.join(sorted(roles))} for {action.name}"
        if rule:
            raise self.refused(Denied(403, field, who, rule), who, knock)
        return person

    def _proven(self, person: Person, roles: frozenset[Role], proof: Proof, knock: Knock) -> Proven:
        """The person as the record will name them; what they do counts against being idle."""
        self._stations.touch(knock.token, person.id)
        identity = Identity.BADGE_PIN if proof is Proof.PIN else Identity.BADGE
        return Proven(person.name, (person.acts_as(roles) or person.roles[0]).value, identity.value)

    # --- PINs ----------------------------------------------------------------------------------

    async def _sign(self, who: str, header: str, pin: str, action: Action, knock: Knock) -> None:
        """Return if it is the person's PIN. Raises Denied.

        One after the other, so that nobody tries many before the first mistake counts.
        """
        self._check_clock()
        if not pin:
            raise Denied(401, header, "", f"must be the PIN of {who}: {action.name} is signed")
        async with self._one_at_a_time:
            self._unlocked("person", who, self._persons.get(who, UNBLAMED))
            self._unlocked("station", knock.place, self._place(knock))
            if not await self._holds(who, header, pin):
                raise self._wrong(who, header, knock)
            self._persons.pop(who, None)
            self._places.pop(knock.place, None)

    async def _holds(self, who: str, header: str, pin: str) -> bool:
        kept = self.register.person(who).pin
        if not cost_of(kept).covers(self._ports.cost_least):
            rule = "must have a PIN that is kept as this site demands: have it set anew"
            raise Denied(403, header, who, rule)
        if not PIN.fullmatch(pin):
            return False
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._ports.executor, holds, kept, pin)

    def _wrong(self, who: str, header: str, knock: Knock) -> Denied:
        """The answer to a wrong PIN, which counts against the person and the station."""
        now_ns = self._clock.monotonic_ns()
        strikes = struck(self._persons.get(who, UNBLAMED), PERSON_TRIES, now_ns)
        self._persons[who] = strikes
        self._blame_place(knock)
        rule = f"must be the PIN of {who}; signing as {who} is {locked(strikes, now_ns)}"
        return self.refused(Denied(401, header, HIDDEN, rule), who, knock)

    def _unlocked(self, field: str, value: str, strikes: Strikes) -> None:
        rule = locked(strikes, self._clock.monotonic_ns())
        if rule:
            raise Denied(429, field, value, f"must not have made mistakes just now: {rule}")

    def _place(self, knock: Knock) -> Strikes:
        return self._places.get(knock.place, UNBLAMED)

    def _blame_place(self, knock: Knock) -> None:
        now_ns = self._clock.monotonic_ns()
        self._places[knock.place] = struck(self._place(knock), STATION_TRIES, now_ns)
        self._places.move_to_end(knock.place)
        while len(self._places) > PLACES_MAX:
            self._places.popitem(last=False)

    def refused(self, denied: Denied, who: str, knock: Knock) -> Denied:
        """The refusal, noted with who and where (rule X6)."""
        told = {"who": who, "station": knock.place, "field": denied.field, "rule": denied.rule}
        self._ports.log({"did": "refused", **told})
        return denied

    # --- time ----------------------------------------------------------------------------------

    def _utc_ns(self) -> int:
        """The newest time of day that was ever known here: an ended badge does not live again."""
        newest_ns = max(self._newest_utc_ns, self.register.at_utc_ns, self._clock.utc_ns())
        self._newest_utc_ns = newest_ns
        return newest_ns

    def _check_clock(self) -> None:
        """Nobody comes or signs by a clock that ran back. Raises Denied.

        Once a treatment holds the room the alarm row of the clock says so: it is not stranded.
        """
        found_ns, newest_ns = self._clock.utc_ns(), self._utc_ns()
        if found_ns + BACK_NS < newest_ns and self._ports.doing() is Doing.NOTHING:
            rule = f"must not run back: it was {utc_text(newest_ns)}"
            raise Denied(503, "clock", utc_text(found_ns), rule)
