"""Each fault of the devices themselves in each phase in which something flows, one by one.

Which there are follows from the catalogue and the room's devices; so does why others are not there.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from simulators.bench.device_set import USUAL, DeviceSet
from simulators.bench.fault_kinds import ELSEWHERE, KINDS, NEVER, Kind, Place
from simulators.bench.faults import Fault, InPhase, fault, kinds_here, unknown_here

DEVICE: Final = Place.DEVICE.value
PHASES: Final = ("RELEASED", "SEATED", "ARMED", "INFUSING", "FLUSHING")
AFTER_S: Final = 2.0
DEFAULT: Final = "-"
"""In a name, for a fault that has no words to choose among."""


def device_names(devices: DeviceSet = USUAL) -> Iterator[str]:
    """Every session, as device:kind:words:phase and `DeviceSet.suffix`."""
    for kind in kinds_here(devices):
        if kind.place is Place.DEVICE:
            for words, phase in product(_variants(kind, devices), PHASES):
                yield f"{DEVICE}:{kind.name}:{words}:{phase}{devices.suffix}"


def device_fault(name: str) -> Fault:
    """The fault of a session's name, its devices aside. Raises ValueError."""
    place, kind, words, phase = name.split(":")
    pairs = [] if words == DEFAULT else [pair.split("=") for pair in words.split(",")]
    chosen: dict[str, Any] = dict(pairs)
    return fault(place, kind, InPhase(phase, AFTER_S), **chosen)


def _variants(kind: Kind, devices: DeviceSet) -> Iterator[str]:
    """Every choice of words that this room can have."""
    rules = {key: rule.words + rule.second for key, rule in kind.parameters.items() if rule.words}
    for words in product(*rules.values()):
        chosen: dict[str, Any] = dict(zip(rules, words, strict=True))
        one = fault(DEVICE, kind.name, InPhase(PHASES[0]), **chosen)
        if not unknown_here(one, devices):
            told = [pair for pair in chosen.items() if pair != ("pump", "pump")]
            yield ",".join("=".join(pair) for pair in told) or DEFAULT


def listed(devices: DeviceSet = USUAL) -> dict[str, Any]:
    """Faults that a room with these devices has, what it has not and why, and what no room has."""
    here = kinds_here(devices)
    pumps = dict.fromkeys(pump for pump in (devices.pump, devices.flush_pump) if pump)
    return {
        "devices": [*devices.kinds, *([devices.flush_pump] if devices.flush_pump else [])],
        "faults": {f"{kind.place.value} {kind.name}": kind.text for kind in here},
        "not_of_this_pump": {
            f"{DEVICE} {name}": why
            for pump in pumps
            for name, why in ELSEWHERE[pump].items()
            if KINDS[Place.DEVICE, name] not in here
        },
        "never": dict(NEVER),
    }


def listed_text(devices: DeviceSet = USUAL) -> str:
    """The same for people."""
    found = listed(devices)
    heads = {
        "faults": f"faults of a room with {', '.join(found['devices'])}",
        "not_of_this_pump": "not of this pump",
        "never": "in no room",
    }
    lines = []
    for key, head in heads.items():
        lines += [head, *(f"  {name}: {text}" for name, text in found[key].items())]
    return "\n".join(lines)
