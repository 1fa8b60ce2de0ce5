"""What two people do on paper: have the directive signed, thaw, and answer at every gate.

They answer what the panel asks, by the clock on the wall, and know nothing of rules.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from controller.clinic.order import parse_order
from simulators.bench.answers import good_answer
from simulators.bench.badges import PRESCRIBER
from simulators.bench.mistakes import Mistake
from simulators.bench.papers import regimen

THAW: Final = "thaw"
S_PER_MIN: Final = 60.0


class Gates(Protocol):
    """What a client of the API can say of a session's gates."""

    async def gates(self, session: str) -> dict[str, Any]:
        """Every gate of a session."""


Act = Callable[..., Awaitable[None]]


class Paperwork:
    """The papers of one order. ``act`` asks for an action in the session.

    ``mistakes`` are what the two people answer otherwise than it is.
    """

    def __init__(
        self, api: Gates, act: Act, order: Mapping[str, Any], mistakes: tuple[Mistake, ...] = ()
    ) -> None:
        self._api, self._act = api, act
        self._mistakes = {mistake.about: mistake for mistake in mistakes}
        self._order = parse_order(json.dumps(order))
        self._regimen = regimen(self._order.regimen)

    async def clear(self, session: str, who: str) -> None:
        """What comes before the first assay and is not done yet: signature, answers, thaw.

        Of a cold run nobody signs.
        """
        told = await self._api.gates(session)
        shown = told["directive"]
        if shown["signed"] is None and not self._order.cold_run:
            await self._act("sign_directive", PRESCRIBER, order_hash=shown["order_hash"])
        await self.answer_at(session, "before_thaw", who)
        if not any(gate["question"] == THAW and gate["answer"] for gate in told["gates"]):
            await self.answer(session, who, THAW)
            await asyncio.sleep(self._regimen.product.thaw_min * S_PER_MIN)

    async def answer_at(self, session: str, place: str, who: str) -> None:
        """Answer whatever stands closed at a place."""
        told = await self._api.gates(session)
        gates = (gate for gate in told["gates"] if gate["place"] == place and gate["problems"])
        for question in dict.fromkeys(gate["question"] for gate in gates):
            await self.answer(session, who, question)

    async def answer(self, session: str, who: str, question: str) -> None:
        """Answer one question as it truly is, or by mistake otherwise."""
        mistake = self._mistakes.get(question)
        if mistake is not None and mistake.unanswered:
            return
        at = datetime.fromisoformat((await self._api.gates(session))["at"])
        told = good_answer(question, self._order, self._regimen, at)
        if mistake is not None:
            told = mistake.made(told, at)
        await self._act("gate_answer", who, question=question, answer=told)
