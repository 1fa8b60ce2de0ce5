"""What each fault of a pump does to the pump that it names, and how it is taken away again.

It acts on a firmware and the room behind it, of whichever kind; never on a driver or the daemon.
"""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from firmware_interfaces import dulco_flex as df
from firmware_interfaces.register import Code, Register, Value, WordOrder
from simulators.bench.apparatus import PumpApparatus
from simulators.bench.faults import Fault
from simulators.devices.dulco_flex import DulcoFlexFirmware
from simulators.devices.faults import FAULTS

T = TypeVar("T")
End = Callable[[], None]
PumpAct = Callable[[PumpApparatus, Fault], End]
NL_PER_ML: Final = 1e6
OTHER_FLEX: Final[dict[str, tuple[Register, Value]]] = {
    "software version": (df.SOFTWARE, 0x02000000),
    "identity code": (df.IDENTITY, "GMXASIM00"),
    "serial number": (df.SERIAL, "2026000999"),
}


def nothing() -> None:
    """What only happens once is not taken away."""


def reboot(pump: PumpApparatus, fault: Fault) -> End:
    """No power for a while."""
    if not pump.firmware.powered:
        return nothing
    pump.pull_plug()
    if not fault.duration_s:
        pump.plug_in()
        return nothing
    return pump.plug_in


def keypad(pump: PumpApparatus, fault: Fault) -> End:
    """Somebody presses a key; one that the pump refuses does nothing."""
    key = fault.word("key")
    if pump.firmware.powered:
        with contextlib.suppress(ValueError):
            pump.press(f"rate {fault.value('rate_ml_h'):.4g}" if key == "rate" else key)
    return nothing


def free_flow(pump: PumpApparatus, fault: Fault) -> End:
    """The motor runs away, and its counter with it."""

    def run_at(factor: float) -> None:
        if isinstance(pump.firmware, DulcoFlexFirmware):
            pump.firmware.motor.defects.runaway = factor
            pump.firmware.motor.turn()
        else:
            pump.ne1000.defects.runaway = factor
            pump.ne1000.program.feel_defects()

    run_at(fault.value("factor"))
    return partial(run_at, 1.0)


def stuck_counter(pump: PumpApparatus, _fault: Fault) -> End:
    """The counter shows the same for ever."""
    flex = isinstance(pump.firmware, DulcoFlexFirmware)
    defects = pump.flex.motor.defects if flex else pump.ne1000.defects
    defects.counter_stuck = True

    def free() -> None:
        defects.counter_stuck = False

    return free


def counter_reset(pump: PumpApparatus, fault: Fault) -> End:
    """The counter shows another number."""
    to_nl = fault.value("to_ml") * NL_PER_ML
    if isinstance(pump.firmware, DulcoFlexFirmware):
        pump.firmware.motor.count_from(to_nl)
    else:
        pump.ne1000.program.counted_nl["INF"] = to_nl
    return nothing


# --- NE-1000 --------------------------------------------------------------------------------------


def deaf_setting(pump: PumpApparatus, fault: Fault) -> End:
    """It says yes to a command and does not take it."""
    return _deaf(pump.ne1000.deaf_to, fault.word("command"))


def alarm(pump: PumpApparatus, fault: Fault) -> End:
    """An alarm without a cause."""
    pump.raise_alarm(fault.word("letter"))
    return nothing


def other_pump(pump: PumpApparatus, fault: Fault) -> End:
    """It stands where the other stood and holds the same settings, but says who it is."""
    settings = pump.ne1000.settings
    settings.meanings = replace(settings.meanings, firmware=f"{fault.value('firmware'):.4g}")
    return nothing


# --- DULCO flex -----------------------------------------------------------------------------------


def of_the_hose(name: str, parameter: str | None, restored: float = 0.0) -> PumpAct:
    """A fault of hose or vial by its name in `simulators.devices.faults`; 1 has no parameter."""

    def act(pump: PumpApparatus, fault: Fault) -> End:
        room = pump.flex.room
        FAULTS[name](room, 1.0 if parameter is None else fault.value(parameter))
        return partial(FAULTS[name], room, restored)

    return act


def lease_lost(pump: PumpApparatus, _fault: Fault) -> End:
    """The bus time-out strikes although the bus has spoken."""
    pump.flex.lose_lease(pump.now_ns())
    return nothing


def error_bit(pump: PumpApparatus, fault: Fault) -> End:
    """An error without a cause."""
    pump.raise_alarm(str(_bit(df.ERROR_BITS, fault.word("error"))))
    return nothing


def warning_bit(pump: PumpApparatus, fault: Fault) -> End:
    """A warning without a cause."""
    flex, bit = pump.flex, 1 << _bit(df.WARNING_BITS, fault.word("warning"))
    flex.standing_warnings |= bit

    def take_away() -> None:
        flex.standing_warnings &= ~bit

    return take_away


def deaf_register(pump: PumpApparatus, fault: Fault) -> End:
    """It says yes to a register and does not take it."""
    name = fault.word("register")
    register = next(one for one in df.SETTINGS if one.name == name)
    return _deaf(pump.flex.deaf_to, register)


def panel_use(pump: PumpApparatus, fault: Fault) -> End:
    """Somebody chooses something at the pump's menu, and may put it back."""
    flex = pump.flex
    match fault.word("choice"):
        case "manual":
            flex.panel_manual(pump.now_ns())
            return nothing
        case "hose_change":
            flex.panel_hose_change(pump.now_ns(), begins=True)
            return lambda: flex.panel_hose_change(pump.now_ns(), begins=False)
    flex.batch_memory = True

    def forget() -> None:
        flex.batch_memory = False

    return forget


def words_swapped(pump: PumpApparatus, _fault: Fault) -> End:
    """From now on the low word of a number comes first."""
    meanings = pump.flex.meanings
    before, meanings.order = meanings.order, WordOrder.LOW_FIRST

    def put_back() -> None:
        meanings.order = before

    return put_back


def other_flex(pump: PumpApparatus, fault: Fault) -> End:
    """It holds the same settings, but says who it is."""
    register, value = OTHER_FLEX[fault.word("differs")]
    pump.flex.held[register] = value
    return nothing


def _deaf(deaf_to: set[T], to: T) -> End:
    deaf_to.add(to)
    return partial(deaf_to.discard, to)


def _bit(codes: tuple[Code, ...], name: str) -> int:
    return next(code.value for code in codes if code.name == name)


PUMP_ACTS: Final[dict[str, PumpAct]] = {
    "reboot": reboot,
    "keypad_take_over": keypad,
    "free_flow": free_flow,
    "stuck_counter": stuck_counter,
    "counter_reset": counter_reset,
    "deaf_setting": deaf_setting,
    "alarm": alarm,
    "other_pump": other_pump,
    "hose_worn": of_the_hose("wear_hose", "share", 1.0),
    "hose_torn": of_the_hose("tear_hose", "share"),
    "vent_closed": of_the_hose("close_vent", None),
    "spike_loose": of_the_hose("loosen_spike", "share"),
    "lease_lost": lease_lost,
    "error_bit": error_bit,
    "warning_bit": warning_bit,
    "deaf_register": deaf_register,
    "panel_use": panel_use,
    "words_swapped": words_swapped,
    "other_flex": other_flex,
}
"""Every fault of a pump by its kind."""
