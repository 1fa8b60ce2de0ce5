"""One NE-1000 driver, one scripted pump, and what the driver called back."""

import asyncio

from drivers.new_era import NewEraPump
from firmware_interfaces.readings import (
    Permit,
    PumpPlan,
    PumpStatus,
    Trigger,
)
from firmware_interfaces.units import millilitre, millilitre_per_hour, millimetre, seconds
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port

PLAN = PumpPlan(
    diameter_um=millimetre(26.59),
    rate_ul_h=millilitre_per_hour("20.009"),
    volume_nl=millilitre("10.019"),
    watchdog_ns=seconds(5),
    trigger=Trigger.STOP_ONLY,
)


class Room:
    """One driver, one scripted pump, and what the driver called back."""

    def __init__(self, *pumps):
        self.pump = pumps[0]
        self.events: list[PumpStatus] = []
        self.expired: list[float] = []
        self.unconfirmed: list[tuple[int, str]] = []
        self.port = Port(*(pump.wire for pump in pumps))
        self.driver = NewEraPump(
            self.port,
            0,
            now_ns,
            on_event=self.events.append,
            on_permit_expired=lambda: self.expired.append(now_s()),
            on_unconfirmed=lambda *attempt: self.unconfirmed.append(attempt),
        )

    def permit(self, for_s, epoch=1):
        self.driver.grant(Permit(epoch, now_ns() + seconds(for_s)))

    async def run(self, for_s=100.0):
        """Prepare and run in epoch 1, with a permit of ``for_s`` from the RUN."""
        await self.driver.prepare(PLAN, 1)
        self.permit(for_s)
        status = await self.driver.run(1)
        self.pump.forget()
        return status


def now_s():
    return asyncio.get_running_loop().time()
