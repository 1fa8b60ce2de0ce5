"""Two people who finish by hand what computer and pump no longer do, and enter it afterwards.

They have the downtime sheet: what the barrel holds, what must stay in it, how fast at most. They
read barrel and clock and know nothing else.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from simulators.bench.auto import AB, CD, LOOK_S, STEP_S, TwoPeople
from simulators.bench.view import View

READING_ML: Final = 0.3
"""Two people read a barrel within this much of each other and of the truth."""
SPARE_ML: Final = 0.2
"""What they leave in it beside what must stay: a thumb is no pump."""
PUSH_ML: Final = 0.5
"""One push of the thumb."""


class ByHand:
    """One treatment finished by hand. ``begun_ml`` is what was left when they took over, mL."""

    def __init__(self, people: TwoPeople) -> None:
        self._people = people
        self.done = False
        self.begun_ml = self._ended_ml = self._flushed_ml = 0.0
        self._begun = self._ended = datetime.min.replace(tzinfo=UTC)

    async def finish(self) -> None:
        """Clamp, see the pump at rest, take the syringe off it, give the rest no faster, flush.

        Only once drug has run: before that there is nothing to finish.
        """
        self.done = True
        people, hand = self._people, self._people.hands.hand
        await hand("close_clamp")
        truth = await people.look()
        if truth["mounted"] != "drug" or not truth["line_joined"]:
            return
        await self._at_rest()
        self.begun_ml = self._ended_ml = await people.read_barrel()
        await people.take_down()
        await hand("open_clamp")
        self._begun = await self._now()
        stays_ml = float(people.plan.order["container"]["unusable_ml"]) + SPARE_ML
        rate_ml_s = people.plan.setting.fill_ml / people.plan.duration_s
        while (left_ml := await people.read_barrel() - stays_ml) > 0.0:
            push_ml = min(PUSH_ML, left_ml)
            await hand("push_by_hand", which="drug", volume_ml=push_ml)
            await asyncio.sleep(push_ml / rate_ml_s)
        self._ended_ml = await people.read_barrel()
        self._flushed_ml = 3.0 * people.plan.setting.line_dead_ml
        await hand("flush_by_hand", volume_ml=self._flushed_ml)
        await hand("close_clamp")
        self._ended = await self._now()

    async def _at_rest(self) -> None:
        """Wait until the pump has stopped by itself: nobody tells it to."""
        async with asyncio.timeout(STEP_S):
            while True:
                if not (await self._people.look())["plunger_um_s"]:
                    return
                await asyncio.sleep(LOOK_S)

    async def enter(self, view: View) -> None:
        """Enter it in the session: what was given is what two readings of the barrel differ by."""
        gave_ml = self.begun_ml - self._ended_ml
        held_ml = self._people.plan.setting.fill_ml - view.pumped_high_ml - READING_ML
        await self._people.act(
            "finished_by_hand",
            AB,
            confirmed_by=CD,
            given_by="Chris Dahl",
            begun_at=self._begun.isoformat(),
            ended_at=self._ended.isoformat(),
            low_ml=max(0.0, gave_ml - READING_ML),
            high_ml=round(max(0.0, min(gave_ml + READING_ML, held_ml)), 6),
            flushed_ml=self._flushed_ml,
            method="barrel read before and after",
            reason="computer and pump were down",
        )

    async def _now(self) -> datetime:
        """The time on the wall."""
        truth = await self._people.look()
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=truth["utc_ns"] // 1000)
