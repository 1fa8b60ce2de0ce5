"""Which session a seed of a campaign is: its length, its order, its faults and its people.

A session is drawn from the seed alone. How it is played and judged stands elsewhere.
"""

import random
from dataclasses import replace
from typing import Any, Final

from simulators.bench.device_set import USUAL, DeviceSet
from simulators.bench.fault_kinds import Kind, Value
from simulators.bench.faults import (
    KINDS,
    PHASES,
    AtFrame,
    AtRecord,
    AtTime,
    Fault,
    InPhase,
    Parameter,
    Place,
    When,
    fault,
    kinds_here,
    unknown_here,
)
from simulators.bench.stage import Case
from simulators.bench.streams import To

MINUTES: Final = ((1.0, 50), (3.0, 25), (10.0, 15), (30.0, 10))
"""Durations of the infusion and in how many of a hundred sessions; all else is always whole."""
PEOPLE: Final = (("resume", 45), ("end", 30), ("none", 13), ("away", 12))
"""What people do after a stop: most go on, for that is where what was booked is used again."""
ADMINISTER: Final = (("whole_syringe", 60), ("volume_for_dose", 40))
FAULTS: Final = ((0, 4), (1, 60), (2, 26), (3, 10))
"""How many faults, each at a time of its own, in how many of a hundred sessions."""
TOGETHER_SHARE: Final = 0.35
"""In so many sessions several faults come within seconds of each other instead."""
TOGETHER_S: Final = 8.0
TOGETHER: Final = (
    (Place.PROCESS, "killed"),
    (Place.PROCESS, "frozen"),
    (Place.PROCESS, "consumer_hung"),
    (Place.DEVICE, "reboot"),
    (Place.DEVICE, "stuck_counter"),
    (Place.DEVICE, "counter_reset"),
    (Place.DEVICE, "keypad_take_over"),
    (Place.DEVICE, "alarm"),
    (Place.STREAM, "unplugged"),
    (Place.STREAM, "lost"),
    (Place.STREAM, "stall_then_burst"),
    (Place.PERSON, "stop"),
    (Place.PERSON, "hold"),
    (Place.DISK, "failing"),
    (Place.DEVICE, "error_bit"),
    (Place.DEVICE, "panel_use"),
    (Place.DEVICE, "lease_lost"),
)
"""What takes away the sight of a pump, its memory or the program; together they leave doubt."""
IN_FLOW: Final = (("INFUSING", 70), ("SEATED", 10), ("RELEASED", 10), ("FLUSHING", 10))
NOT_DRAWN: Final = ((Place.DISK, "operation"),)
"""What ``isodrip-bench crash`` does at every operation in turn."""
PLACES: Final = (
    (Place.STREAM, 33),
    (Place.DEVICE, 33),
    (Place.PROCESS, 14),
    (Place.DISK, 7),
    (Place.CLOCK, 5),
    (Place.PERSON, 5),
    (Place.BROKER, 3),
)
"""Where faults are, in a hundred: most where most can happen."""
LIVELY: Final = ("RELEASED", "SEATED", "INFUSING", "INFUSING", "FLUSHING")
"""Phases in which a plunger moves, from which a fault's is drawn as often as from all."""
AROUND_S: Final = 110.0
"""What a treatment takes beside its infusion and its flush."""


def drawn(seed: int, minutes: float | None = None, devices: DeviceSet = USUAL) -> Case:
    """The session of a seed; ``minutes`` gives every infusion that length.

    With another calibrator it is the same session but for that; another pump, or a second one, has
    faults of its own.
    """
    chance = random.Random(f"campaign {seed}")
    length = _weighted(chance, MINUTES)
    minutes = length if minutes is None else minutes
    people, administer = _weighted(chance, PEOPLE), _weighted(chance, ADMINISTER)
    if chance.random() < TOGETHER_SHARE:
        faults = _together(chance, minutes, devices)
    else:
        count = _weighted(chance, FAULTS)
        faults = tuple(_alone(chance, minutes, devices) for _ in range(count))
    return Case(seed, minutes, people, faults, administer, devices)


def _weighted(chance: random.Random, table: tuple[tuple[Any, int], ...]) -> Any:
    values, weights = zip(*table, strict=True)
    return chance.choices(values, weights)[0]


def _alone(chance: random.Random, minutes: float, devices: DeviceSet) -> Fault:
    """A place first, then one of its kinds."""
    place = _weighted(chance, PLACES)
    kinds = [kind for kind in kinds_here(devices) if kind.place is place]
    kind = chance.choice([kind for kind in kinds if (place, kind.name) not in NOT_DRAWN])
    return _of_kind(chance, kind, _when(chance, minutes), devices)


def _together(chance: random.Random, minutes: float, devices: DeviceSet) -> tuple[Fault, ...]:
    """Two or three faults within seconds while something flows."""
    phase = _weighted(chance, IN_FLOW)
    first_s = chance.uniform(0.0, minutes * 60.0 if phase == "INFUSING" else TOGETHER_S)
    here = [kind for at in TOGETHER if (kind := KINDS[at]) in kinds_here(devices)]
    kinds = chance.sample(here, chance.choice((2, 2, 3)))
    times_s = [round(first_s + chance.uniform(0.0, TOGETHER_S), 3) for _ in kinds]
    return tuple(
        _of_kind(chance, kind, InPhase(phase, at_s), devices)
        for kind, at_s in zip(kinds, times_s, strict=True)
    )


def _of_kind(chance: random.Random, kind: Kind, when: When, devices: DeviceSet) -> Fault:
    rules = {name: _rule_here(kind, name, devices) for name in kind.parameters}
    drawn = {name: rule for name, rule in rules.items() if rule.words != (rule.default,)}
    parameters = {name: _value(chance, rule) for name, rule in drawn.items()}
    ends = kind.lasting and chance.random() < 0.7
    lasts_s = round(chance.lognormvariate(1.0, 1.5), 3) if ends else None
    return fault(kind.place.value, kind.name, when, lasts_s, **parameters)


def _rule_here(kind: Kind, name: str, devices: DeviceSet) -> Parameter:
    """A parameter with those of its words that mean something in this room."""
    rule = kind.parameters[name]
    if not (rule.second and devices.flush_pump):
        return rule

    def possible(word: str) -> bool:
        chosen: dict[str, Any] = {name: word}
        one = fault(kind.place.value, kind.name, AtTime(0.0), **chosen)
        return not unknown_here(one, devices)

    return replace(rule, words=tuple(filter(possible, (*rule.words, *rule.second))))


def _value(chance: random.Random, rule: Parameter) -> Value:
    """A word, or a number around the default and within the range."""
    if isinstance(rule.default, str):
        return chance.choice(rule.words)
    if rule.default == 0.0:
        return round(min(max(chance.uniform(0.0, 5.0), rule.low), rule.high), 3)
    number = rule.default * chance.lognormvariate(0.0, 0.7)
    if rule.low == 1.0 and rule.high > 1e9 and rule.default == 1.0:
        return float(max(1, round(number)))
    return float(f"{min(max(number, rule.low), rule.high):.4g}")


def _when(chance: random.Random, minutes: float) -> When:
    """By time, phase, frame or record; frames and records come more often in short treatments."""
    length_s = AROUND_S + minutes * 60.0
    match chance.choice(("time", "phase", "phase", "frame", "record")):
        case "time":
            return AtTime(round(chance.uniform(0.0, length_s), 3))
        case "phase":
            phase = chance.choice(chance.choice((LIVELY, PHASES)))
            most_s = chance.choice((0.0, 2.0, 10.0, minutes * 60.0))
            return InPhase(phase, round(chance.uniform(0.0, most_s), 3))
        case "frame":
            wire = "pump" if chance.random() < 0.8 else "calibrator"
            return AtFrame(chance.randint(1, round(length_s * 2)), wire, chance.choice(tuple(To)))
    return AtRecord(chance.randint(0, round(length_s * 2)))
