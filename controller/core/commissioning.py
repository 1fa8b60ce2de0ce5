"""What the commissioning of a pump proved, and the one question that arming asks of it. Pure.

The proof comes from a file that a session's record 0 carries; who made it and how stands there.
"""

from dataclasses import dataclass
from typing import Final

from controller.core.limits import NS_PER_DAY, Limits
from controller.core.treatment import Treatment
from firmware_interfaces.readings import Identity
from firmware_interfaces.units import NS_PER_MIN, NS_PER_S

FLOW_NS_MIN: Final = 30 * NS_PER_MIN
"""How long water must have run into the beaker; only a simulated room may take less."""
PPM_PER_PERCENT: Final = 10_000


@dataclass(frozen=True, slots=True)
class SyringeProof:
    """One syringe type on this pump: the worse flow error, signed, and its uncertainty (k = 2)."""

    name: str
    diameter_um: int
    flow_ns: int
    flow_error_ppm: int
    flow_uncertainty_ppm: int
    passed: bool


@dataclass(frozen=True, slots=True)
class Commissioning:
    """One pump, proven with water. ``watchdog_ns`` is what was armed when it was left in silence.

    ``rest_ns`` is how long it then ran on by its own counter; ``watchdog_passed`` says that it was
    the watchdog that stopped it, and in time.
    """

    pump: Identity
    at_utc_ns: int
    simulated: bool
    watchdog_ns: int
    rest_ns: int
    watchdog_passed: bool
    syringes: tuple[SyringeProof, ...]


@dataclass(frozen=True, slots=True)
class Commissioned:
    """What record 0 says of it. Not ``asked``: the journal was begun before arming asked for it.

    ``seen`` says why there is no ``proof``. Every default refuses.
    """

    asked: bool = True
    site_simulated: bool = False
    seen: str = "none is known"
    proof: Commissioning | None = None


UNKNOWN: Final = Commissioned()
Objection = tuple[str, str] | None
"""The rule that is not kept, and what was seen; None where there is nothing against it."""


def objection(
    known: Commissioned, pump: Identity | None, order: Treatment, now_utc_ns: int, limits: Limits
) -> Objection:
    """Why this pump may not be armed for this order. None: it may."""
    if not known.asked:
        return None
    proof = known.proof
    if proof is None:
        return "the pump must have been commissioned", known.seen
    return (
        _of_another_room(known, proof)
        or _of_another_pump(proof, pump)
        or _too_old(proof, now_utc_ns, limits)
        or _watchdog(proof, order)
        or _syringe(known, proof, order, limits)
    )


def _of_another_room(known: Commissioned, proof: Commissioning) -> Objection:
    """A simulated pump proves nothing of a real one, nor the other way round."""
    if proof.simulated == known.site_simulated:
        return None
    words = {True: "simulated", False: "real"}
    seen = f"{words[proof.simulated]} commissioning, {words[known.site_simulated]} site"
    return "simulated rooms and real ones are commissioned apart", seen


def _of_another_pump(proof: Commissioning, pump: Identity | None) -> Objection:
    if pump == proof.pump:
        return None
    seen = f"{_named(pump)} is connected, {_named(proof.pump)} was commissioned"
    return "the pump must be the one that was commissioned", seen


def _named(pump: Identity | None) -> str:
    if pump is None:
        return "no known pump"
    serial = f" serial {pump.serial}" if pump.serial else ""
    return f"{pump.kind} {pump.model} {pump.firmware} at {pump.address}{serial}"


def _too_old(proof: Commissioning, now_utc_ns: int, limits: Limits) -> Objection:
    age_ns = now_utc_ns - proof.at_utc_ns
    days = limits.commissioning_age_ns // NS_PER_DAY
    rule = f"the commissioning must be at most {days} days old"
    if age_ns < 0:
        return rule, f"it is dated {-age_ns / NS_PER_DAY:.2f} days from now"
    if age_ns > limits.commissioning_age_ns:
        return rule, f"it is {age_ns / NS_PER_DAY:.2f} days old"
    return None


def _watchdog(proof: Commissioning, order: Treatment) -> Objection:
    if proof.watchdog_ns != order.watchdog_ns:
        proven, armed = proof.watchdog_ns / NS_PER_S, order.watchdog_ns / NS_PER_S
        return "the watchdog must be armed as it was proven", f"proven {proven:g} s, now {armed:g}"
    if not proof.watchdog_passed:
        seen = f"at rest after {proof.rest_ns / NS_PER_S:.2f} s of silence"
        return "the watchdog must have stopped the pump in time", seen
    return None


def _bored(name: str, diameter_um: int) -> str:
    return f"{name} ({diameter_um} um)" if diameter_um else name


def _syringe(
    known: Commissioned, proof: Commissioning, order: Treatment, limits: Limits
) -> Objection:
    wanted = (order.syringe, order.diameter_um)
    row = next((s for s in proof.syringes if (s.name, s.diameter_um) == wanted), None)
    if row is None:
        rule = (
            "the syringe type must have been commissioned"
            if order.diameter_um
            else "the hose must have been commissioned"
        )
        names = ", ".join(_bored(s.name, s.diameter_um) for s in proof.syringes)
        seen = f"{_bored(*wanted)} is ordered, {names or 'none'} was"
        return rule, seen
    if not row.passed:
        failed = (
            "the syringe type must have passed its commissioning"
            if order.diameter_um
            else "the hose must have passed its commissioning"
        )
        return failed, f"{row.name} failed"
    if row.flow_ns < FLOW_NS_MIN and not known.site_simulated:
        seen = f"{row.flow_ns / NS_PER_MIN:g} min"
        return f"flow must have been weighed over {FLOW_NS_MIN // NS_PER_MIN} min", seen
    allowed_ppm = limits.flow_error_percent * PPM_PER_PERCENT
    if abs(row.flow_error_ppm) + row.flow_uncertainty_ppm > allowed_ppm:
        error, spread = row.flow_error_ppm, row.flow_uncertainty_ppm
        seen = f"{error / PPM_PER_PERCENT:+.2f} % with uncertainty {spread / PPM_PER_PERCENT:.2f} %"
        return f"the flow must be within {limits.flow_error_percent} %, uncertainty included", seen
    return None
