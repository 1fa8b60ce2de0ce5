"""One DULCO flex driver, one scripted pump, and what the driver called back."""

from drivers.dulco_flex import DulcoFlexPump
from drivers.modbus import ModbusBus
from firmware_interfaces.dulco_flex import Setup
from firmware_interfaces.readings import Permit, PumpPlan, PumpStatus, Trigger
from firmware_interfaces.units import (
    Micrometre,
    millilitre,
    millilitre_per_hour,
    seconds,
)
from tests.drivers.pump_room import now_s
from tests.drivers.scripted_dulco import UNIT, ScriptedDulco
from tests.drivers.virtual_loop import now_ns
from tests.drivers.wire import Port

PLAN = PumpPlan(
    diameter_um=Micrometre(0),
    rate_ul_h=millilitre_per_hour("20.009"),
    volume_nl=millilitre("10.019"),
    watchdog_ns=seconds(5),
    trigger=Trigger.OFF,
)


class DulcoRoom:
    """A driver on a bus of its own."""

    def __init__(self, *pumps, setup=None):
        self.pumps = pumps or (ScriptedDulco(),)
        self.pump = self.pumps[0]
        self.events: list[PumpStatus] = []
        self.expired: list[float] = []
        self.unconfirmed: list[tuple[int, str]] = []
        self.port = Port(*(pump.wire for pump in self.pumps))
        self.driver = DulcoFlexPump(
            ModbusBus(self.port, now_ns, tcp=False),
            UNIT,
            now_ns,
            setup or Setup(),
            on_event=self.events.append,
            on_permit_expired=lambda: self.expired.append(now_s()),
            on_unconfirmed=lambda *attempt: self.unconfirmed.append(attempt),
        )

    @property
    def alarms(self):
        return [status.alarm for status in self.events]

    def permit(self, for_s, epoch=1):
        self.driver.grant(Permit(epoch, now_ns() + seconds(for_s)))

    async def run(self, for_s=100.0):
        """Prepare and run in epoch 1, with a permit of ``for_s`` from the start."""
        await self.driver.prepare(PLAN, 1)
        self.permit(for_s)
        status = await self.driver.run(1)
        self.pump.forget()
        return status
